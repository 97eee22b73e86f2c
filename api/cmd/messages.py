"""Members of the CMD contract: what requests say as domain values, and results as members."""

import base64
import binascii
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from api.cmd import wcf
from api.cmd.envelope import Member
from api.cmd.needs import Decryption
from signer.domain.cmd_process import DocumentLabel, ProcessKind
from signer.domain.digest_info import parse_digest_info
from signer.domain.errors import InvalidRequestError
from signer.domain.transaction import ItemKind, SigningItem
from signer.domain.values import Digest, Secret
from signer.operations.cmd.begin import new_process_id
from signer.operations.cmd.finish import Completed

MAX_DOCUMENTS: Final = 100
_MAX_TEXT: Final = 64
"""Characters of an identifier, phone, PIN or code; all are much shorter."""
_MAX_SHOWN: Final = 100
_MAX_NAME: Final = 300
_TRUE: Final = frozenset({"1", "true"})
_BLANKS: Final = re.compile(r"\s+")
_PROCESS_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class MemberError(Exception):
    """A member is missing or wrong: becomes code 800 that names it."""

    def __init__(self, member: str, value: str | None = None) -> None:
        super().__init__(member)
        self.member = member
        self.value = None if value is None else value[:_MAX_SHOWN]


class TooManyDocumentsError(Exception):
    """More than :data:`MAX_DOCUMENTS`."""


@dataclass(frozen=True, slots=True)
class FieldReader:
    """Phone, PIN and code of a request: clear, or encrypted to the published certificate."""

    decryption: Decryption | None
    """None: this service takes them in clear, inside TLS."""
    normalise_phone: Callable[[str], str]
    lenient: bool = False
    """Test set-ups: what is no ciphertext of an active key's length is taken as clear text."""

    def read(self, *fields: tuple[str, str | None]) -> tuple[Secret, ...]:
        """Texts of (member name, what it said); one nobody can open is an empty one.

        What cannot be opened is told apart from what is wrong by nothing.  Raises MemberError.
        """
        for name, text in fields:
            if not text:
                raise MemberError(name)
        given = [text or "" for _name, text in fields]
        if self.decryption is None:
            for (name, _text), text in zip(fields, given, strict=True):
                if len(text) > _MAX_TEXT:
                    raise MemberError(name)
            return tuple(Secret(text) for text in given)
        if self.lenient and not any(_length(text) in self.decryption.sizes for text in given):
            return FieldReader(None, self.normalise_phone).read(*fields)
        names = [name for name, _text in fields]
        blocks = [_bytes(name, text) for name, text in zip(names, given, strict=True)]
        for name, block in zip(names, blocks, strict=True):
            if len(block) not in self.decryption.sizes:
                raise MemberError(name)
        opened = self.decryption.decrypt(blocks)
        return tuple(Secret("") if one is None else one for one in opened)

    def phone(self, name: str, text: Secret) -> str:
        """E.164.

        Encrypted text that is no phone becomes one that nobody has: an answer of its own would
        tell good padding from bad.  Clear text raises MemberError.
        """
        try:
            return self.normalise_phone(text.reveal())
        except InvalidRequestError:
            if self.decryption is None:
                raise MemberError(name, text.reveal()) from None
            return f"?{new_process_id().reveal()}"


def _length(text: str) -> int:
    """Octets behind base64; 0 for what is none."""
    try:
        return len(_decoded(text))
    except (binascii.Error, ValueError):
        return 0


def application_id(text: str | None) -> str | None:
    """The ApplicationId's text; None when it is no base64 of printable ASCII."""
    if text is None:
        return None
    try:
        found = _decoded(text).decode("ascii").strip().lower()
    except (binascii.Error, ValueError):
        return None
    return found if found.isprintable() and 0 < len(found) <= _MAX_TEXT else None


def process_id(operation: Member) -> Secret | None:
    """What came as processId, if it could be one of ours."""
    text = operation.value("processId")
    return Secret(text.strip()) if text and _PROCESS_ID.fullmatch(text.strip()) else None


def wants_approval(request: Member) -> bool:
    """Tell whether the caller will poll for an approval on a device."""
    return (request.value("IsBiometricValidationEnable") or "").strip().lower() in _TRUE


def single_item(request: Member, *, wrap_bare: bool) -> SigningItem:
    """The one hash of a SignRequest; raises MemberError."""
    return _item(0, request.value("Hash"), request.value("DocName"), wrap_bare=wrap_bare)


def batch(
    documents: Member | None, *, wrap_bare: bool
) -> tuple[tuple[SigningItem, ...], tuple[DocumentLabel, ...]]:
    """Hashes in request order and how the caller calls them.

    Raises MemberError, TooManyDocumentsError.
    """
    found = [] if documents is None else documents.children
    entries = [one for one in found if one.name == "HashStructure"]
    if not entries:
        raise MemberError("documents")
    if len(entries) > MAX_DOCUMENTS:
        raise TooManyDocumentsError
    items = tuple(
        _item(ordinal, one.value("Hash"), one.value("Name"), wrap_bare=wrap_bare)
        for ordinal, one in enumerate(entries)
    )
    if len({item.digest.algorithm for item in items}) != 1:
        raise MemberError("Hash")
    return items, tuple(DocumentLabel(one.value("Name"), one.value("id")) for one in entries)


def _item(ordinal: int, text: str | None, name: str | None, *, wrap_bare: bool) -> SigningItem:
    if not text:
        raise MemberError("Hash")
    return SigningItem(
        ordinal=ordinal,
        kind=ItemKind.RAW,
        name=(name or "")[:_MAX_NAME],
        digest=_digest(text, wrap_bare=wrap_bare),
    )


def _digest(text: str, *, wrap_bare: bool) -> Digest:
    try:
        return parse_digest_info(_bytes("Hash", text), wrap_bare=wrap_bare)
    except InvalidRequestError:
        raise MemberError("Hash", text) from None


def _bytes(name: str, text: str) -> bytes:
    try:
        return _decoded(text)
    except (binascii.Error, ValueError):
        raise MemberError(name) from None


def _decoded(text: str) -> bytes:
    return base64.b64decode(_BLANKS.sub("", text), validate=True)


# --- answers --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Status:
    """A SignStatus; the desktop program dereferences ProcessId and Message without looking."""

    code: str
    message: str
    process_id: str
    member: str | None = None
    value: str | None = None

    def members(self) -> tuple[str, ...]:
        """In schema order."""
        return (
            wcf.member("Code", self.code),
            wcf.member("Field", self.member),
            wcf.member("FieldValue", self.value),
            wcf.member("Message", self.message),
            wcf.member("ProcessId", self.process_id),
        )


def sign_response(status: Status, completed: Completed | None) -> tuple[str, ...]:
    """Members of a SignResponse.  A batch never has ``Signature``, not even an empty one."""
    batched = completed is not None and completed.process.kind is ProcessKind.BATCH
    single = completed is not None and completed.process.kind is ProcessKind.SINGLE
    documents = wcf.member("ArrayOfHashStructure", None)
    if completed is not None and batched:
        labels = completed.process.labels
        pairs = zip(completed.results, labels, strict=True)
        entries = [_hash_structure(signature, label) for signature, label in pairs]
        documents = wcf.structure("ArrayOfHashStructure", entries)
    return (
        documents,
        wcf.member("Signature", completed.results[0] if completed and single else None),
        wcf.structure("Status", status.members()),
        wcf.member("certificate", pem_chain(completed.chain_der) if completed else None),
    )


def _hash_structure(signature: bytes, label: DocumentLabel) -> str:
    members = (
        wcf.member("Hash", signature),
        wcf.member("Name", label.name),
        wcf.member("id", label.id),
    )
    return wcf.structure("HashStructure", members)


def pem_chain(chain_der: Sequence[bytes]) -> str | None:
    """PEM with CRLF: leaf, then the top of the hierarchy, then the CAs between from the leaf up."""
    if not chain_der:
        return None
    leaf, *issuers = chain_der
    return "".join(_pem(one) for one in (leaf, *issuers[-1:], *issuers[:-1]))


def _pem(der: bytes) -> str:
    text = base64.b64encode(der).decode()
    lines = [text[at : at + 64] for at in range(0, len(text), 64)]
    return "\r\n".join(("-----BEGIN CERTIFICATE-----", *lines, "-----END CERTIFICATE-----", ""))
