"""Checks that a new signature dictionary says what was granted (ISO 32000-2, 12.8.1 and 12.8.2).

A certification gives the signature another meaning than an approval has, so the SAM reads it from
the bytes themselves; strings in them are people's words and count for nothing.
"""

import re
from typing import Final

from signer.domain.signature_options import Certification
from signer.sam.refusal import refuse

_STRING: Final = re.compile(rb"\((?:\\.|[^\\()])*\)", re.DOTALL)
_SUBFILTER: Final = re.compile(rb"/SubFilter\s*/ETSI\.CAdES\.detached\b")
_TRANSFORM: Final = re.compile(rb"/TransformMethod\s*/DocMDP\b")
_PERMISSIONS: Final = re.compile(
    rb"/TransformMethod\s*/DocMDP\s*/TransformParams\s*<<[^<>]*/P\s+([123])\b[^<>]*>>"
)


def check_dictionary(increment: bytes, at: int, granted: Certification | None) -> None:
    """The dictionary around offset ``at`` of what was appended certifies only as granted.

    A field may narrow what its certification allows, never widen it.  Raises IntegrityAlarmError.
    """
    start, end = increment.rfind(b" obj", 0, at), increment.find(b"endobj", at)
    if start < 0 or end < 0:
        refuse("the new ByteRange is in no object")
    dictionary = _STRING.sub(b"()", increment[start:end])
    if len(_SUBFILTER.findall(dictionary)) != 1:
        refuse("the new signature is of another kind")
    transforms = len(_TRANSFORM.findall(dictionary))
    if granted is None:
        if transforms:
            refuse("an approval was granted, a certification was prepared")
        return
    permissions = _PERMISSIONS.findall(dictionary)
    if transforms != 1 or len(permissions) != 1 or int(permissions[0]) > granted:
        refuse("the certification is not the one that was granted")
