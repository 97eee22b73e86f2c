"""ASiC-E and ASiC-S with XAdES (ETSI EN 319 162-1 V1.1.1, 4.3.3 and 4.4.3)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, final

from signer.asic import MANIFEST, META_INF, Container, ContainerFile, ContainerKind
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import Level, SigningItem
from signer.domain.values import SignatureValue
from signer.formats.asic.contents import container_of, files_of, free_name, manifest_of
from signer.formats.port import Prepared, SigningIdentity, TrustServices
from signer.formats.xades.documents import (
    container_document,
    container_root,
    serialised,
    with_last_child,
)
from signer.formats.xades.extension import extend_all
from signer.formats.xades.references import DataReference, detached
from signer.formats.xades.signing import (
    detached_content,
    prepare_xades,
    raise_level,
    written_signature,
)
from signer.xmldsig.parsing import parse, refuse

_SIMPLE: Final = f"{META_INF}signatures.xml"


@final
@dataclass(frozen=True, slots=True)
class ASiCWithXAdES:
    """A container of whole files; ``parallel`` adds a signature over all files it has."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """See :class:`~signer.formats.port.SignatureFormat`."""
        container = container_of(item)
        if any(one.name.lower().endswith(".p7s") for one in container.metadata):
            raise InvalidRequestError("the container is signed with CAdES", field="container")
        if item.options.packaging is not None:
            raise InvalidRequestError("a container has no other packaging", field="packaging")
        return prepare_xades(item, identity, signing_time, services, _references)

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """See the protocol; the container with one signature more."""
        container = container_of(item)
        written = written_signature(prepared, value)
        files = files_of(item)
        name, document = _placed(container, written)
        if prepared.level is not Level.B_B:
            root = container_root(document)
            content = detached_content({one.name: one.content for one in files})
            raise_level(root[-1], prepared, content, services)
            document = serialised(root, declaration=True)
        added = [ContainerFile(name, document)]
        if container.kind is ContainerKind.EXTENDED and container.file(MANIFEST) is None:
            added.insert(0, manifest_of(container.kind, files))
        return container.with_metadata(*added).write()


@final
@dataclass(frozen=True, slots=True)
class ASiCWithXAdESExtender:
    """Extends every XAdES of a container."""

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
        files = {one.name: one.content for one in (*container.files, *container.metadata)}
        documents = signature_files(container)
        if not documents:
            refuse("there is no signature in the container")
        extended: list[ContainerFile] = []
        unchanged: InvalidRequestError | None = None
        for one in documents:
            root = parse(one.content)
            try:
                extend_all(root, level, services, files)
            except InvalidRequestError as error:
                if error.field != "level":
                    raise
                unchanged = error
                continue
            extended.append(ContainerFile(one.name, serialised(root, declaration=True)))
        if not extended and unchanged is not None:
            raise unchanged
        return container.with_metadata(*extended).write()


def signature_files(container: Container) -> tuple[ContainerFile, ...]:
    """``META-INF/*signatures*.xml``."""
    return tuple(
        one
        for one in container.metadata
        if "signatures" in one.name.removeprefix(META_INF) and one.name.endswith(".xml")
    )


def _references(item: SigningItem, signature_id: str) -> tuple[DataReference, ...]:
    del signature_id
    return detached(files_of(item))


def _placed(container: Container, written: str) -> tuple[str, bytes]:
    """Name and content of the signature file: ASiC-E has one for each, ASiC-S one for all."""
    if container.kind is ContainerKind.EXTENDED:
        return free_name(container, "signatures{}.xml"), container_document(written)
    existing = container.file(_SIMPLE)
    if existing is None:
        return _SIMPLE, container_document(written)
    return _SIMPLE, with_last_child(container_root(existing), written)
