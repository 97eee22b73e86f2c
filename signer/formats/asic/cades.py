"""ASiC-E and ASiC-S with CAdES (ETSI EN 319 162-1 V1.1.1, 4.3.3 and 4.4.4)."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, final

from signer.asic import META_INF, Container, ContainerFile, ContainerKind
from signer.domain.errors import DocumentRefusedError, InvalidRequestError
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import Level, SigningItem
from signer.domain.values import Digest, DigestAlgorithm, SignatureValue
from signer.formats.asic.archive import archived, is_archived
from signer.formats.asic.contents import OCTET_STREAM, container_of, files_of
from signer.formats.asic.manifests import SIGNATURE_TYPE, Referenced, written
from signer.formats.cades import CAdESExtender, content_timestamp, finish_cms, prepare_cms
from signer.formats.port import Prepared, SigningIdentity, TrustServices
from signer.xmldsig import names
from signer.xmldsig.parsing import parse

_SIMPLE: Final = f"{META_INF}signature.p7s"
_MAX_SIGNATURES: Final = 1000


@dataclass(frozen=True, slots=True)
class _Signed:
    """What one signature is about, and the files it needs in META-INF."""

    container: Container
    content: Digest
    """Of the one file, or of the manifest."""
    signature_name: str
    manifest: ContainerFile | None = None


@final
@dataclass(frozen=True, slots=True)
class ASiCWithCAdES:
    """A container of whole files; ``parallel`` adds a signature over all files it has."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        if item.options.packaging is not None:
            raise InvalidRequestError("a container has no other packaging", field="packaging")
        signed = _signed(item)
        if any(
            "signatures" in one.name and one.name.endswith(".xml")
            for one in signed.container.metadata
        ):
            raise InvalidRequestError("the container is signed with XAdES", field="container")
        if is_archived(signed.container):
            raise InvalidRequestError("an archived container takes no signature", field="document")
        return prepare_cms(
            item,
            identity,
            signed.content,
            signing_time=signing_time,
            content_timestamp=content_timestamp(item, signed.content, services),
            levels=frozenset(Level),
        )

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See the protocol; the container with one signature more."""
        signed = _signed(item)
        container, level = signed.container, prepared.level
        in_manifest = signed.manifest is not None and level is Level.B_LTA
        cms = finish_cms(
            replace(prepared, level=Level.B_LT) if in_manifest else prepared,
            value,
            services,
            content=signed.content,
            beside=container.file(signed.signature_name),
        )
        added = [ContainerFile(signed.signature_name, cms)]
        if signed.manifest is not None:
            added.insert(0, signed.manifest)
        container = container.with_metadata(*added)
        if in_manifest:
            container = archived(container, item.digest.algorithm, services)
        return container.write()


@final
@dataclass(frozen=True, slots=True)
class ASiCWithCAdESExtender:
    """Extends every CAdES of a container; an ASiC-E is archived as a whole."""

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """See :class:`~signer.formats.port.Extender`; the contents are in the container."""
        del detached
        container = Container.read(signed)
        signatures = signature_files(container)
        if not signatures:
            raise DocumentRefusedError("there is no CAdES in the container", field="document")
        if is_archived(container):
            if level is not Level.B_LTA:
                raise InvalidRequestError("the container is archived already", field="level")
        else:
            container = _raised(container, signatures, level, services)
        if level is Level.B_LTA and container.kind is ContainerKind.EXTENDED:
            algorithm = _content_of(container, signatures[0].name).digest.algorithm
            container = archived(container, algorithm, services)
        return container.write()


def signature_files(container: Container) -> tuple[ContainerFile, ...]:
    """``META-INF/*signature*.p7s``."""
    return tuple(
        one
        for one in container.metadata
        if "signature" in one.name.removeprefix(META_INF) and one.name.endswith(".p7s")
    )


def _raised(
    container: Container,
    signatures: tuple[ContainerFile, ...],
    level: Level,
    services: TrustServices,
) -> Container:
    """Every signature itself at the level, below B-LTA in an ASiC-E."""
    in_manifest = level is Level.B_LTA and container.kind is ContainerKind.EXTENDED
    own = Level.B_LT if in_manifest else level
    changed: list[ContainerFile] = []
    unchanged: InvalidRequestError | None = None
    for one in signatures:
        content = _content_of(container, one.name)
        try:
            extended = CAdESExtender().extend(one.content, own, services, (content,))
        except InvalidRequestError as error:
            if error.field != "level":
                raise
            unchanged = error
            continue
        changed.append(ContainerFile(one.name, extended))
    if not changed and not in_manifest and unchanged is not None:
        raise unchanged
    return container.with_metadata(*changed)


def _content_of(container: Container, signature_name: str) -> SignedFile:
    """What a signature file signs: the one file, or the manifest that names the signature."""
    if container.kind is ContainerKind.SIMPLE and len(container.files) == 1:
        return _as_signed(container.files[0])
    for one in container.metadata:
        if "ASiCManifest" not in one.name or not one.name.endswith(".xml"):
            continue
        reference = parse(one.content).find(f"{{{names.ASIC}}}SigReference")
        if reference is not None and reference.get("URI") == signature_name:
            return _as_signed(one)
    raise DocumentRefusedError("a signature of the container has no manifest", field="document")


def _as_signed(file: ContainerFile) -> SignedFile:
    return SignedFile(
        name=file.name,
        media_type=OCTET_STREAM,
        digest=Digest.of(DigestAlgorithm.SHA256, file.content),
        content=file.content,
    )


def _signed(item: SigningItem) -> _Signed:
    container, files = container_of(item), files_of(item)
    algorithm = item.digest.algorithm
    if container.kind is ContainerKind.SIMPLE:
        (one,) = files
        return _Signed(container, Digest.of(algorithm, one.content or b""), _SIMPLE)
    number = _free_number(container)
    signature_name = f"{META_INF}signature{number}.p7s"
    manifest = written(
        signature_name,
        SIGNATURE_TYPE,
        (Referenced(name=one.name, digest=one.digest, media_type=one.media_type) for one in files),
    )
    return _Signed(
        container,
        Digest.of(algorithm, manifest),
        signature_name,
        ContainerFile(f"{META_INF}ASiCManifest{number}.xml", manifest),
    )


def _free_number(container: Container) -> str:
    """The first from 001 that neither a signature nor a manifest has."""
    taken = {one.name for one in container.metadata}
    for number in range(1, _MAX_SIGNATURES):
        written_number = f"{number:03d}"
        pair = {
            f"{META_INF}signature{written_number}.p7s",
            f"{META_INF}ASiCManifest{written_number}.xml",
        }
        if not pair & taken:
            return written_number
    raise InvalidRequestError("the container has too many signatures", field="document")
