"""What a signature refers to, for every packaging (XMLDSIG, 4.4.3)."""

import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote, unquote

from signer.domain.errors import DocumentRefusedError, InvalidRequestError
from signer.domain.signature_options import Packaging, SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import Digest
from signer.formats.xades.canonicalisation import attribute, digest
from signer.xmldsig import names
from signer.xmldsig.canonical import canonical
from signer.xmldsig.parsing import parse, refuse
from signer.xmldsig.references import target_of
from signer.xmldsig.signature import SIGNATURE, XMLSignature

ENVELOPING_LIMIT: Final = 7_000_000
"""Bytes of the largest content carried inside: as base64 still a text that every parser reads."""
OCTET_STREAM: Final = "application/octet-stream"
_XML: Final = "application/xml"
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:[!-~]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReference:
    """One reference to signed data."""

    uri: str
    digest: Digest
    media_type: str
    octets: bytes | None = None
    """What is digested; None when only the digest is known."""
    transforms: tuple[str, ...] = ()
    type: str = ""

    def written(self, identifier: str) -> str:
        """The canonical ``ds:Reference``."""
        kind = f' Type="{self.type}"' if self.type else ""
        transforms = "".join(
            f'<ds:Transform Algorithm="{one}"></ds:Transform>' for one in self.transforms
        )
        if transforms:
            transforms = f"<ds:Transforms>{transforms}</ds:Transforms>"
        return (
            f'<ds:Reference Id="{identifier}"{kind} URI="{attribute(self.uri)}">{transforms}'
            f"{digest(names.DIGEST_URI[self.digest.algorithm], self.digest.value)}</ds:Reference>"
        )


def packaging_of(item: SigningItem) -> Packaging:
    """What the request chose; detached when it chose nothing."""
    return item.options.packaging or Packaging.DETACHED


def references_of(item: SigningItem, signature_id: str) -> tuple[DataReference, ...]:
    """References to the data of ``item``, in order.

    Raises InvalidRequestError for what the packaging cannot be made from, or a digest that is not
    the content's; DocumentRefusedError for XML that cannot be signed safely.
    """
    packaging = packaging_of(item)
    if item.files:
        if packaging is not Packaging.DETACHED:
            raise InvalidRequestError("several files are signed detached", field="packaging")
        return detached(item.files)
    if packaging is Packaging.DETACHED:
        only = SignedFile(
            name=item.name, media_type=OCTET_STREAM, digest=item.digest, content=item.document
        )
        return detached((only,))
    if packaging is Packaging.ENVELOPED:
        return (_enveloped(item),)
    return (_enveloping(item, signature_id),)


def detached(files: tuple[SignedFile, ...]) -> tuple[DataReference, ...]:
    """One reference per file, by name; raises InvalidRequestError for names that come twice."""
    uris = [uri_of(one.name) for one in files]
    if len({unquote(uri) for uri in uris}) != len(files):
        raise InvalidRequestError("two files have the same name", field="files")
    for one in files:
        if one.content is not None:
            demand_digest(one.content, one.digest)
    return tuple(
        DataReference(uri=uri, digest=one.digest, media_type=one.media_type, octets=one.content)
        for uri, one in zip(uris, files, strict=True)
    )


def uri_of(name: str) -> str:
    """A file name, percent-encoded (RFC 3986); an absolute URI as it is."""
    if not name:
        raise InvalidRequestError("a signed file has a name", field="name")
    return name if _ABSOLUTE.fullmatch(name) else quote(name, safe="/")


def demand_digest(content: bytes, expected: Digest) -> None:
    """Raise InvalidRequestError unless ``expected`` is the content's digest."""
    if not Digest.of(expected.algorithm, content).matches(expected):
        raise InvalidRequestError("the digest is not that of the file", field="document")


def demand_served(item: SigningItem) -> None:
    """Raise InvalidRequestError for what cannot be made.

    A digest is not enough where data itself is covered: by an archive time-stamp, or by a content
    time-stamp over several files together (EN 319 132-1, 5.5.2.2 and 5.2.8.1).
    """
    if item.options.parallel:
        msg = "XAdES has no further signature in the same file: sign detached or in a container"
        raise InvalidRequestError(msg, field="parallel")
    if item.kind is not ItemKind.XADES_DIGEST:
        return
    if item.level is Level.B_LTA:
        msg = "level B-LTA of XAdES needs the content, not its digest: sign at B-LT, then extend"
        raise InvalidRequestError(msg, field="level")
    if item.options.properties.content_timestamp and len(item.files) > 1:
        msg = "a content time-stamp over several files needs their content"
        raise InvalidRequestError(msg, field="content_timestamp")


def _enveloped(item: SigningItem) -> DataReference:
    octets = None
    data_digest = item.digest
    if item.kind is not ItemKind.XADES_DIGEST:
        octets = enveloped_octets(_document(item))
        data_digest = Digest.of(item.digest.algorithm, octets)
    return DataReference(
        uri="",
        digest=data_digest,
        media_type=_XML,
        octets=octets,
        transforms=(names.ENVELOPED, names.EXCLUSIVE),
    )


def enveloped_octets(document: bytes) -> bytes:
    """Canonical octets of a document to be enveloped; raises DocumentRefusedError.

    A document in which a signature covers the whole is refused: a further one inside it would
    break the first.
    """
    root = parse(document)
    for found in root.iter(SIGNATURE):
        try:
            signature = XMLSignature.of(found)
            covers = any(
                target_of(signature, reference) is root for reference in signature.references
            )
        except DocumentRefusedError:
            covers = True
        if covers:
            refuse("a signature covers the whole XML already; sign it detached or in a container")
    return canonical(root, document=True)


def _enveloping(item: SigningItem, signature_id: str) -> DataReference:
    if item.kind is ItemKind.XADES_DIGEST:
        msg = "an enveloping signature is made from the content, not from its digest"
        raise InvalidRequestError(msg, field="packaging")
    document = _document(item)
    if len(document) > ENVELOPING_LIMIT:
        msg = f"an enveloping signature carries at most {ENVELOPING_LIMIT} bytes"
        raise DocumentRefusedError(msg, field="document")
    return DataReference(
        uri=f"#{signature_id}-object",
        digest=item.digest,
        media_type=OCTET_STREAM,
        octets=document,
        transforms=(names.BASE64,),
        type=names.OBJECT_TYPE,
    )


def _document(item: SigningItem) -> bytes:
    if item.document is None:
        raise InvalidRequestError("the document is missing", field="document")
    demand_digest(item.document, item.digest)
    return item.document
