"""The seam between formats and the rest: prepare, sign elsewhere, complete."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, Self

from signer.domain.attribute import AssertedAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.signature_options import SignedFile
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import KeyAlgorithm, SignatureAlgorithm, SignatureValue
from signer.ports import TimestampAuthority, ValidationDataSource

_VERSION: Final = "chancela-prepared/1"


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningIdentity:
    """Who signs: key kind, certificates, and the attributes to carry."""

    key_algorithm: KeyAlgorithm
    chain_der: tuple[bytes, ...]
    """Leaf first, root last."""
    asserted: tuple[AssertedAttribute, ...] = ()
    attribute_authority_chain_der: tuple[bytes, ...] = ()
    """Certificates to embed so that attribute certificates can be verified."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustServices:
    """What a format asks of others: time, and proof of validity."""

    timestamps: TimestampAuthority
    validation_data: ValidationDataSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """A signature waiting for its value.  What will be signed is fixed."""

    kind: ItemKind
    level: Level
    algorithm: SignatureAlgorithm
    certificates: tuple[bytes, ...] = ()
    """The certificates to embed (DER), the signer's first."""
    to_be_signed: bytes = b""
    """The octets whose digest is signed: CAdES, PAdES: DER of the SET OF SignedAttributes; XAdES:
    the canonical SignedInfo; JAdES: the JWS signing input.  RAW: empty, the item has the digest.
    """
    signed_properties: bytes = field(default=b"", repr=False)
    """XAdES: the canonical SignedProperties that ``to_be_signed`` refers to."""
    state: bytes = field(default=b"", repr=False)
    """What else the format needs to complete; only its module reads it."""
    original: bytes | None = field(default=None, repr=False)
    """Whole documents: the bytes as they came; not serialised, because the item keeps them."""
    increment: bytes = field(default=b"", repr=False)
    """PADES: what is appended to the original, /Contents still zero."""
    contents: tuple[int, int] = (0, 0)
    """PADES: offsets of the hexadecimal digits of /Contents in the increment, end exclusive."""

    @property
    def prepared_document(self) -> bytes | None:
        """PADES: the complete file whose ByteRange is signed."""
        return None if self.original is None else self.original + self.increment

    def to_bytes(self) -> bytes:
        """Everything except the original; survives a restart."""
        fields = {
            "kind": self.kind,
            "level": self.level,
            "algorithm": self.algorithm.value,
            "certificates": [b64encode(one).decode() for one in self.certificates],
            "to_be_signed": b64encode(self.to_be_signed).decode(),
            "signed_properties": b64encode(self.signed_properties).decode(),
            "state": b64encode(self.state).decode(),
            "increment": b64encode(self.increment).decode(),
            "contents": self.contents,
        }
        return json.dumps({_VERSION: fields}).encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, original: bytes | None = None) -> Self:
        """Inverse of :meth:`to_bytes`; raises IntegrityAlarmError for anything else.

        ``original`` is the document of the item.
        """
        try:
            fields = json.loads(data)[_VERSION]
            start, end = (int(offset) for offset in fields["contents"])
            return cls(
                kind=ItemKind(fields["kind"]),
                level=Level(fields["level"]),
                algorithm=SignatureAlgorithm(fields["algorithm"]),
                certificates=tuple(b64decode(one) for one in fields["certificates"]),
                to_be_signed=b64decode(fields["to_be_signed"], validate=True),
                signed_properties=b64decode(fields["signed_properties"], validate=True),
                state=b64decode(fields["state"], validate=True),
                original=original,
                increment=b64decode(fields["increment"], validate=True),
                contents=(start, end),
            )
        except (ValueError, KeyError, TypeError) as error:
            msg = "a stored prepared signature cannot be read"
            raise IntegrityAlarmError(msg) from error


class SignatureFormat(Protocol):
    """One AdES format: the same two steps, with the signature made in between."""

    def prepare(
        self,
        item: SigningItem,
        identity: SigningIdentity,
        signing_time: datetime,
        services: TrustServices,
    ) -> Prepared:
        """Fix what is signed.

        Raises InvalidRequestError (level, digest or option not served), DocumentRefusedError, or
        TimestampUnavailableError (a content time-stamp was asked).
        """
        ...

    def complete(
        self,
        prepared: Prepared,
        value: SignatureValue,
        item: SigningItem,
        services: TrustServices,
    ) -> bytes:
        """CMS (DER), XML, JSON, container or signed document, at the level of ``prepared``.

        Raises TimestampUnavailableError or RevocationUnavailableError when the level cannot be
        reached now: the caller keeps ``prepared`` and ``value`` and calls again later.
        """
        ...


class Extender(Protocol):
    """Raises the level of a signature made before, here or elsewhere."""

    def extend(
        self,
        signed: bytes,
        level: Level,
        services: TrustServices,
        detached: tuple[SignedFile, ...] = (),
    ) -> bytes:
        """The same file at ``level``; at B-LTA already: renewed with a further time-stamp.

        ``detached`` are the contents where the file has none.  Raises DocumentRefusedError (broken
        or not of this format), InvalidRequestError (level below what it has),
        TimestampUnavailableError or RevocationUnavailableError.
        """
        ...
