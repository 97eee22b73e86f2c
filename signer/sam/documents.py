"""Checks that what is about to be signed is the document that was granted.

Deliberately apart from :mod:`signer.formats`, which makes what is checked here: one fault cannot
make both agree.  Every refusal is an :class:`~signer.domain.errors.IntegrityAlarmError`, because
the bytes come from our own code.
"""

import hashlib
import re
from dataclasses import dataclass, field
from typing import Final

from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import Certification
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import DTBSR, Digest, DigestAlgorithm
from signer.sam.container_manifest import container_content, is_cms_container
from signer.sam.pdf_dictionary import check_dictionary
from signer.sam.refusal import Signatory, refuse
from signer.sam.signed_attributes import SignedAttributes
from signer.sam.signed_cms import content_of
from signer.sam.signed_info import check_signed_info
from signer.sam.signing_input import check_signing_input, is_json_signature
from signer.sam.xml_documents import expected_references, is_xml_signature

__all__ = ["DocumentEvidence", "Signatory", "dtbsr_of"]

_BYTE_RANGE: Final = re.compile(rb"/ByteRange\s*\[\s*0 +(\d+) +(\d+) +(\d+)\s*\]")
_UNFILLED: Final = re.compile(rb"<0+>")


@dataclass(frozen=True, slots=True, kw_only=True)
class DocumentEvidence:
    """What the SAM gets beside the granted item, to check the link itself."""

    to_be_signed: bytes = b""
    """The octets whose digest is signed: DER of the SET OF SignedAttributes (tag 0x31), the
    canonical SignedInfo of XAdES, the signing input of a JWS; empty for RAW.
    """
    signed_properties: bytes = b""
    """XAdES: the canonical SignedProperties."""
    prepared_document: bytes | None = field(default=None, repr=False)
    """PADES: the prepared PDF, its /Contents still zero."""


def dtbsr_of(item: SigningItem, evidence: DocumentEvidence, signatory: Signatory) -> DTBSR:
    """The digest to sign for a granted item, computed here.

    Raises IntegrityAlarmError when the bytes to sign say anything that was not granted.
    """
    if item.kind is ItemKind.RAW:
        return DTBSR(item.digest.algorithm, item.digest.value)
    if is_xml_signature(item):
        check_signed_info(
            item,
            evidence.to_be_signed,
            evidence.signed_properties,
            signatory,
            expected_references(item),
        )
        return DTBSR(item.digest.algorithm, item.digest.algorithm.of(evidence.to_be_signed))
    if is_json_signature(item):
        check_signing_input(item, evidence.to_be_signed, signatory)
        return DTBSR(item.digest.algorithm, item.digest.algorithm.of(evidence.to_be_signed))
    expected = _message_digest(item, evidence)
    try:
        SignedAttributes(
            item.digest.algorithm,
            evidence.to_be_signed,
            signatory,
            item.options.properties,
            # Where a PDF says the place, its own dictionary has it (EN 319 142-1, 6.3).
            with_place=item.kind not in {ItemKind.PADES, ItemKind.PADES_DIGEST},
        ).check(expected)
    except (IndexError, UnicodeDecodeError, ValueError) as error:
        msg = "document link: a signed attribute is malformed"
        raise IntegrityAlarmError(msg) from error
    return DTBSR(item.digest.algorithm, item.digest.algorithm.of(evidence.to_be_signed))


def _message_digest(item: SigningItem, evidence: DocumentEvidence) -> Digest:
    """What the message-digest attribute must be."""
    if is_cms_container(item):
        return container_content(item)
    if item.kind.is_whole_document:
        if item.document is None:
            refuse("a whole document was granted, but its bytes are missing")
        if not Digest.of(item.digest.algorithm, item.document).matches(item.digest):
            refuse("the document is not the one that was granted")
        if item.kind is ItemKind.PADES:
            return _byte_range_digest(
                item.document,
                evidence.prepared_document,
                item.digest.algorithm,
                item.options.pdf.certification,
            )
        if item.options.parallel:
            return content_of(item.document, item.digest.algorithm)
    return item.digest


def _byte_range_digest(
    original: bytes,
    prepared: bytes | None,
    kind: DigestAlgorithm,
    certification: Certification | None,
) -> Digest:
    """Digest of the prepared PDF without its /Contents (ISO 32000-2, 12.8.1)."""
    if prepared is None or not prepared.startswith(original):
        refuse("the prepared PDF does not begin with the granted one")
    ranges = [match.groups() for match in _BYTE_RANGE.finditer(prepared, len(original))]
    if len(ranges) != 1:
        refuse("the prepared PDF adds none or several ByteRanges")
    before, resumed, after = (int(number) for number in ranges[0])
    gap_is_contents = (
        len(original) <= before < resumed
        and resumed + after == len(prepared)
        and prepared[len(original) : before].rstrip().endswith(b"/Contents")
        and _UNFILLED.fullmatch(prepared, before, resumed) is not None
    )
    if not gap_is_contents:
        refuse("the ByteRange leaves out more than the new signature's /Contents")
    check_dictionary(prepared[len(original) :], before - len(original), certification)
    hashed = hashlib.new(kind.hash_name, memoryview(prepared)[:before])
    hashed.update(memoryview(prepared)[resumed:])
    return Digest(kind, hashed.digest())
