"""A signing transaction: who asks whom to sign what, and how far it has come."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique

from signer.domain.attribute import ProfessionalAttribute, RequiredAttribute
from signer.domain.signature_options import PLAIN, SignatureOptions, SignedFile
from signer.domain.values import (
    ClientId,
    CredentialId,
    Digest,
    DigestAlgorithm,
    KeyAlgorithm,
    SignerId,
    TenantId,
    TransactionId,
    length_prefixed,
)


@unique
class TransactionState(StrEnum):
    """Where a transaction stands; only the first four can still lead to a signature."""

    CREATED = "created"
    """Digests fixed, PIN awaited."""
    ASKED = "asked"
    """PIN right, code sent."""
    CLAIMED = "claimed"
    """Slot claimed: signing now, at most once."""
    COMPLETING = "completing"
    """Signature values made and kept; a time-stamp is awaited, the code is not spent twice."""
    SIGNED = "signed"
    REFUSED = "refused"
    """By the citizen, on our page."""
    CANCELLED = "cancelled"
    """By the client."""
    EXPIRED = "expired"
    FAILED = "failed"

    @property
    def has_ended(self) -> bool:
        """True when nothing can happen any more."""
        return self not in _OPEN


_OPEN = frozenset(
    {
        TransactionState.CREATED,
        TransactionState.ASKED,
        TransactionState.CLAIMED,
        TransactionState.COMPLETING,
    }
)


@unique
class ItemKind(StrEnum):
    """What is posted and what comes back."""

    RAW = "raw"
    """A DTBS/R in, the signature value out."""
    CADES_DIGEST = "cades-digest"
    """A content digest in, a complete detached CAdES CMS out."""
    PADES_DIGEST = "pades-digest"
    """A ByteRange digest in, the CMS of a PAdES out; the PDF stays at the client."""
    PADES = "pades"
    """A whole PDF in, the signed PDF out."""
    CADES = "cades"
    """A whole file in, a complete CAdES CMS out: detached or, by option, with its content."""
    XADES_DIGEST = "xades-digest"
    """Digests of files, or of an exclusively canonicalised document, in; ds:Signature out."""
    XADES = "xades"
    """Whole files in, XML out."""
    JADES_DIGEST = "jades-digest"
    """Digests in, a detached JAdES out."""
    JADES = "jades"
    """A whole file in, a JAdES out."""
    ASIC_S = "asic-s"
    """One file in, an ASiC-S container out."""
    ASIC_E = "asic-e"
    """Files in, an ASiC-E container out."""

    @property
    def is_whole_document(self) -> bool:
        """True when the service gets the bytes themselves."""
        return self is not ItemKind.RAW and not self.value.endswith("-digest")


@unique
class Level(StrEnum):
    """AdES baseline levels (EN 319 122-1, 132-1, 142-1)."""

    B_B = "B-B"
    B_T = "B-T"
    B_LT = "B-LT"
    B_LTA = "B-LTA"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningItem:
    """One thing to sign.  ``digest`` is the DTBS/R for RAW, else the document's own digest."""

    ordinal: int
    kind: ItemKind
    name: str
    """What the citizen sees: a file name or a description."""
    digest: Digest
    level: Level = Level.B_B
    document: bytes | None = field(default=None, repr=False)
    """The bytes of a whole document; their digest is ``digest``."""
    files: tuple[SignedFile, ...] = ()
    """Several files under one signature; then ``document`` is None and ``digest`` is
    :func:`files_digest` of them.
    """
    options: SignatureOptions = PLAIN
    result: bytes | None = field(default=None, repr=False)
    """Signature value, CMS (DER) or signed document, once signed."""


def files_digest(algorithm: DigestAlgorithm, files: tuple[SignedFile, ...]) -> Digest:
    """One digest that stands for several files: over their names, types and digests, in order."""
    fields: list[bytes | str] = ["chancela-files/1"]
    for one in files:
        fields += [one.name, one.media_type, one.digest.algorithm.value, one.digest.value]
    return Digest.of(algorithm, length_prefixed(*fields))


@dataclass(frozen=True, slots=True)
class Signed:
    """A signature value made for one item, with what completes it later."""

    ordinal: int
    signature: bytes = field(repr=False)
    prepared: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Transaction:
    """One request to sign, from the first call to its end."""

    id: TransactionId
    tenant: TenantId
    client: ClientId
    relying_party: str
    """The name people see."""
    purpose: str
    signer: SignerId | None
    """None when no account matches: looks the same from outside, never opens."""
    subject: str
    """Whose attempts are counted: the signer's id, or a keyed pseudonym of an unknown phone."""
    credential: CredentialId | None
    key_algorithm: KeyAlgorithm | None
    state: TransactionState
    items: tuple[SigningItem, ...]
    required_attributes: tuple[RequiredAttribute, ...] = ()
    attributes: tuple[ProfessionalAttribute, ...] = ()
    """Fetched when asked, re-checked at redeem."""
    locale: str = "pt"
    text_version: str = ""
    """Version id of the text shown to the citizen; part of the bindings."""
    text_sha256: str = ""
    handle_sha256: str | None = None
    page_token_sha256: str | None = None
    epoch: int | None = None
    channel: str | None = None
    codes_sent: int = 0
    code_sent_at: datetime | None = None
    code_expires_at: datetime | None = None
    created_at: datetime
    expires_at: datetime
    ended_at: datetime | None = None
    failure: str | None = None
    callback_url: str | None = None
    """Where the citizen's browser goes afterwards; registered for the client."""
    replay_kcv: bytes | None = field(default=None, repr=False)
    """Key check value of the code that won: a repeated code finds the stored result."""

    @property
    def verification_code(self) -> str:
        """Four digits from the digests, equal on the client's screen and on ours."""
        joined = b"".join(item.digest.value for item in self.items)
        return f"{int.from_bytes(hashlib.sha256(joined).digest()[-4:], 'big') % 10_000:04d}"
