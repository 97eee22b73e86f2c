"""What is kept of a call: who asked what and what was answered, without anything secret.

Elements are kept by name; whatever is not named here loses its text, so that a new or foreign
element cannot carry a PIN, a code, a phone number or a ProcessId into the archive.
"""

import hashlib
from typing import Final

from api.cmd.envelope import FaultError, Member, parse_request
from api.cmd.wcf import escaped

REDACTED: Final = "***"
UNREADABLE: Final = "<unreadable/>"

_LONGEST: Final = 4000
"""Characters of one text: signatures and 300-character names are far below."""
_OF_REQUEST: Final = frozenset(
    {
        "ApplicationId",
        "applicationId",
        "DocName",
        "Name",
        "id",
        "Hash",
        "IsBiometricValidationEnable",
        "isBiometric",
    }
)
_OF_ANSWER: Final = frozenset(
    {"Code", "Field", "Message", "Name", "id", "Hash", "Signature", "faultcode", "faultstring"}
)
_BY_HASH: Final = frozenset({"certificate", "GetCertificateResult"})
"""Certificates are kept elsewhere; here their SHA-256 (of the text as sent) is enough."""


def redacted_request(envelope: bytes) -> str:
    """The operation element without namespaces, headers and secrets."""
    return _redacted(envelope, _OF_REQUEST)


def redacted_answer(envelope: bytes) -> str:
    """The response or fault element, likewise."""
    return _redacted(envelope, _OF_ANSWER)


def _redacted(envelope: bytes, kept: frozenset[str]) -> str:
    try:
        return _written(parse_request(envelope), kept)
    except FaultError:
        return UNREADABLE


def _written(member: Member, kept: frozenset[str]) -> str:
    name = member.name
    if member.children:
        return f"<{name}>{''.join(_written(one, kept) for one in member.children)}</{name}>"
    if not member.text:
        return f"<{name}/>"
    return f"<{name}>{_kept_text(name, member.text, kept)}</{name}>"


def _kept_text(name: str, text: str, kept: frozenset[str]) -> str:
    if name in kept:
        return escaped(text[:_LONGEST])
    if name in _BY_HASH:
        return f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"
    return REDACTED
