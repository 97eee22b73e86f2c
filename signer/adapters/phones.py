"""Phone numbers: one spelling for storing, one mask for showing."""

from typing import Final

import phonenumbers

from signer.domain.errors import InvalidRequestError

_SHOWN_FRONT: Final = 1
_SHOWN_BACK: Final = 3
_GROUP: Final = 3


def normalised(number: str, *, region: str = "PT") -> str:
    """E.164 of a number written with or without prefix (``00`` or ``+``), spaces, dashes, brackets.

    ``region`` (ISO 3166-1 alpha-2, from the country profile) completes numbers without prefix.
    Raises InvalidRequestError for what cannot be a phone, extensions and letters included.
    """
    text = number.strip()
    if text.startswith("00"):
        text = f"+{text[2:]}"
    allowed = set("+0123456789 -().\u00a0")
    if not text or not set(text) <= allowed:
        raise InvalidRequestError("not a phone number", field="phone")
    try:
        parsed = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException as error:
        raise InvalidRequestError("not a phone number", field="phone") from error
    if not phonenumbers.is_possible_number(parsed):
        raise InvalidRequestError("not a possible phone number", field="phone")
    return phonenumbers.format_number(parsed, phonenumbers.PhoneNumberFormat.E164)


def masked(e164: str) -> str:
    """``+351 9•• ••• 678``: country, first digit and last three, in groups of three."""
    try:
        parsed = phonenumbers.parse(e164, None)
    except phonenumbers.NumberParseException:
        return "•••"
    country = str(parsed.country_code)
    digits = e164.removeprefix("+").removeprefix(country)
    hidden = len(digits) - _SHOWN_FRONT - _SHOWN_BACK
    if hidden < 1:
        return f"+{country} •••"
    shown = digits[:_SHOWN_FRONT] + "•" * hidden + digits[-_SHOWN_BACK:]
    head = len(shown) % _GROUP
    groups = [shown[:head]] if head else []
    groups += [shown[at : at + _GROUP] for at in range(head, len(shown), _GROUP)]
    return f"+{country} {' '.join(groups)}"
