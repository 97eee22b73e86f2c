"""What a visible seal says: the country's words around the facts of one signature."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from signer.country import SealStyle
from signer.domain import strict_der
from signer.domain.signature_options import Seal
from signer.formats.certificate_fields import fields_of
from signer.formats.pdf_requests import SealRequest
from signer.formats.port import SigningIdentity

_COMMON_NAME: Final = "2.5.4.3"
_SERIAL_NUMBER: Final = "2.5.4.5"
_BMP_STRING: Final = 0x1E


def seal_request(
    style: SealStyle,
    seal: Seal,
    identity: SigningIdentity,
    signing_time: datetime,
    *,
    reason: str,
    location: str,
) -> SealRequest:
    """The seal of one signature; raises IntegrityAlarmError for a certificate that is not DER.

    Who signs is read from the certificate, so that the seal cannot say another name than it.
    """
    subject = _subject(identity.chain_der[0])
    local = signing_time.astimezone(ZoneInfo(style.time_zone))
    values = {
        "signer": subject.get(_COMMON_NAME, ""),
        "document": subject.get(_SERIAL_NUMBER, "") if seal.document_number else "",
        "date": local.strftime(style.date_format),
        "attributes": "; ".join(one.attribute.describe() for one in identity.asserted),
        "reason": reason,
        "location": location,
    }
    return SealRequest(
        entries=tuple((label, values[name]) for name, label in style.labels if values[name]),
        page=seal.page,
        box=seal.box,
        corner=seal.corner.value,
        width=style.width,
        margin=style.margin,
        padding=style.padding,
        font_size=style.font_size,
        smallest_font_size=style.smallest_font_size,
        label_colour=style.label_colour,
        text_colour=style.text_colour,
        line_colour=style.line_colour,
        language=style.language,
    )


def _subject(certificate_der: bytes) -> Mapping[str, str]:
    """The first value of each attribute of the subject, by dotted type."""
    found: dict[str, str] = {}
    name = strict_der.parse(fields_of(certificate_der).subject)
    for relative in name.children(strict_der.SEQUENCE):
        for pair in relative.child_set():
            kind, value = pair.children(strict_der.SEQUENCE)
            encoding = "utf-16-be" if value.tag == _BMP_STRING else "utf-8"
            found.setdefault(kind.dotted(), value.content.decode(encoding, errors="replace"))
    return found
