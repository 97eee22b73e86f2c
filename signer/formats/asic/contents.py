"""The container that a request is about: a new one of its files, or one that has signatures."""

from typing import Final
from xml.sax.saxutils import quoteattr

from signer.asic import MANIFEST, META_INF, Container, ContainerFile, ContainerKind
from signer.domain.errors import InvalidRequestError
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import Digest

OCTET_STREAM: Final = "application/octet-stream"
_OPEN_DOCUMENT: Final = "urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"
_KINDS: Final = {
    ItemKind.ASIC_E: ContainerKind.EXTENDED,
    ItemKind.ASIC_S: ContainerKind.SIMPLE,
}


def container_of(item: SigningItem) -> Container:
    """Container before this signature.

    Raises InvalidRequestError (no file, several in an ASiC-S, content missing, digest of another
    content, a container of the other kind) or DocumentRefusedError.
    """
    kind = _KINDS[item.kind]
    if item.options.parallel:
        if item.document is None or item.files:
            raise InvalidRequestError("the signed container is missing", field="document")
        _demand(item.document, item.digest)
        container = Container.read(item.document)
        if container.kind is not kind:
            raise InvalidRequestError("the container is of the other kind", field="kind")
    else:
        container = Container(
            kind, tuple(ContainerFile(one.name, one.content or b"") for one in files_of(item))
        )
    if not container.files or (kind is ContainerKind.SIMPLE and len(container.files) > 1):
        raise InvalidRequestError("an ASiC-S holds one file, an ASiC-E at least one", field="files")
    return container


def files_of(item: SigningItem) -> tuple[SignedFile, ...]:
    """The files to sign, in order, with their content; raises as :func:`container_of`."""
    if item.options.parallel:
        algorithm = item.digest.algorithm
        return tuple(
            SignedFile(
                name=one.name,
                media_type=OCTET_STREAM,
                digest=Digest.of(algorithm, one.content),
                content=one.content,
            )
            for one in container_of(item).files
        )
    files = item.files or (
        SignedFile(
            name=item.name, media_type=OCTET_STREAM, digest=item.digest, content=item.document
        ),
    )
    for one in files:
        if one.content is None:
            raise InvalidRequestError("a container is made from whole files", field="files")
        _demand(one.content, one.digest)
    return files


def manifest_of(kind: ContainerKind, files: tuple[SignedFile, ...]) -> ContainerFile:
    """META-INF/manifest.xml with every file's media type (OpenDocument 1.2, part 3, 4)."""
    entries = [("/", kind.value), *((one.name, one.media_type) for one in files)]
    listed = "".join(
        f"<manifest:file-entry manifest:full-path={quoteattr(path)} "
        f"manifest:media-type={quoteattr(media_type)}/>"
        for path, media_type in entries
    )
    written = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<manifest:manifest xmlns:manifest="{_OPEN_DOCUMENT}" manifest:version="1.2">'
        f"{listed}</manifest:manifest>"
    )
    return ContainerFile(MANIFEST, written.encode())


def free_name(container: Container, pattern: str) -> str:
    """First name of ``META-INF/`` + ``pattern`` (one ``{}`` for a number from 1) not in use."""
    taken = {one.name for one in container.metadata}
    numbered = (f"{META_INF}{pattern.format(f'{number:03d}')}" for number in range(1, 1001))
    for name in numbered:
        if name not in taken:
            return name
    raise InvalidRequestError("the container has too many signatures", field="document")


def _demand(content: bytes, expected: Digest) -> None:
    if not Digest.of(expected.algorithm, content).matches(expected):
        raise InvalidRequestError("the digest is not that of the file", field="document")
