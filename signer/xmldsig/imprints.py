"""What XAdES time-stamps cover (ETSI EN 319 132-1 V1.2.1, 5.2.8, 5.3, 5.5.2)."""

from collections.abc import Iterator
from typing import Final

from signer.xmldsig import names
from signer.xmldsig.canonical import canonical
from signer.xmldsig.parsing import Element, refuse
from signer.xmldsig.references import ContentSource, is_signed_properties, octets
from signer.xmldsig.signature import XMLSignature, children, only

SIGNATURE_TIME_STAMP: Final = f"{{{names.XADES}}}SignatureTimeStamp"
ARCHIVE_TIME_STAMP: Final = f"{{{names.XADES141}}}ArchiveTimeStamp"
CONTENT_TIME_STAMP: Final = f"{{{names.XADES}}}AllDataObjectsTimeStamp"


def canonicalisation_of(stamp: Element) -> str:
    """Algorithm a time-stamp property names; Canonical XML 1.0 when it names none."""
    method = only(stamp, "CanonicalizationMethod", names.DS)
    return names.INCLUSIVE if method is None else method.get("Algorithm", "")


def signature_octets(signature: XMLSignature, algorithm: str = names.EXCLUSIVE) -> bytes:
    """SignatureTimeStamp: the SignatureValue element."""
    return canonical(signature.value, algorithm)


def content_octets(
    signature: XMLSignature, content: ContentSource, algorithm: str = names.EXCLUSIVE
) -> bytes:
    """AllDataObjectsTimeStamp: what every reference but SignedProperties leads to, in order."""
    return b"".join(
        octets(signature, reference, content, default=algorithm)
        for reference in signature.references
        if not is_signed_properties(reference)
    )


def archive_octets(
    signature: XMLSignature,
    content: ContentSource,
    *,
    before: Element | None = None,
    algorithm: str = names.EXCLUSIVE,
) -> bytes:
    """ArchiveTimeStamp (not distributed): everything signed, the signature and what followed.

    Of the unsigned properties those up to ``before``, all when it is None.
    """
    return b"".join(_archive_parts(signature, content, before, algorithm))


def _archive_parts(
    signature: XMLSignature, content: ContentSource, before: Element | None, algorithm: str
) -> Iterator[bytes]:
    for reference in signature.references:
        yield octets(signature, reference, content, default=algorithm)
    yield canonical(signature.signed_info, algorithm)
    yield canonical(signature.value, algorithm)
    if signature.key_info is not None:
        yield canonical(signature.key_info, algorithm)
    properties = signature.unsigned_properties
    for one in [] if properties is None else children(properties):
        if one is before:
            break
        if one.tag == f"{{{names.XADES}}}ArchiveTimeStamp":
            refuse("archive time-stamps of XAdES 1.3.2 are not read")
        yield canonical(one, algorithm)
    own = signature.qualifying_properties
    for holder in signature.objects:
        if own is None or holder is not own.getparent():
            yield canonical(holder, algorithm)
