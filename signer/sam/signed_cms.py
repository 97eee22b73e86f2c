"""Finds what a CMS signs, for a further signature beside those it has (RFC 5652, 5)."""

from typing import Final

from signer.domain import strict_der
from signer.domain.strict_der import Element
from signer.domain.values import Digest, DigestAlgorithm
from signer.sam.refusal import refuse

_SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
_ID_DATA: Final = "1.2.840.113549.1.7.1"
_MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
_CONTEXT_0: Final = 0xA0


def content_of(cms: bytes, algorithm: DigestAlgorithm) -> Digest:
    """Digest of the content inside, or the one that all its signatures of ``algorithm`` state.

    Raises IntegrityAlarmError when there is neither.
    """
    kind, explicit = strict_der.parse(cms).children(strict_der.SEQUENCE)
    if kind.dotted() != _SIGNED_DATA:
        refuse("the granted file is not a CMS")
    (signed_data,) = explicit.children(_CONTEXT_0)
    fields = signed_data.children(strict_der.SEQUENCE)
    content_type, *enclosed = fields[2].children(strict_der.SEQUENCE)
    if content_type.dotted() != _ID_DATA:
        refuse("the granted CMS signs something that is no data")
    if enclosed:
        (octets,) = enclosed[0].children(_CONTEXT_0)
        return Digest.of(algorithm, octets.expect(strict_der.OCTET_STRING).content)
    stated = {
        found
        for signer in fields[-1].children(strict_der.SET)
        if (found := _stated(signer, algorithm)) is not None
    }
    if len(stated) != 1:
        refuse("the signatures in the granted CMS do not agree what they sign")
    return Digest(algorithm, stated.pop())


def _stated(signer: Element, algorithm: DigestAlgorithm) -> bytes | None:
    fields = signer.children(strict_der.SEQUENCE)
    named = fields[2].children(strict_der.SEQUENCE)[0].dotted()
    if named != algorithm.value or fields[3].tag != _CONTEXT_0:
        return None
    found = [
        attribute.children(strict_der.SEQUENCE)[1].children(strict_der.SET)
        for attribute in fields[3].children(_CONTEXT_0)
        if attribute.children(strict_der.SEQUENCE)[0].dotted() == _MESSAGE_DIGEST
    ]
    if len(found) != 1 or len(found[0]) != 1:
        return None
    return found[0][0].expect(strict_der.OCTET_STRING).content
