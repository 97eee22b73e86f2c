"""The seam between formats and the rest: prepare, sign elsewhere, complete."""

import json
from base64 import b64decode, b64encode
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol, Self

from signer.domain.attribute import AssertedAttribute
from signer.domain.errors import IntegrityAlarmError
from signer.domain.transaction import ItemKind, Level, SigningItem
from signer.domain.values import KeyAlgorithm, SignatureAlgorithm, SignatureValue
from signer.ports import TimestampToken

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
class Prepared:
    """A signature waiting for its value.  What will be signed is fixed."""

    kind: ItemKind
    level: Level
    algorithm: SignatureAlgorithm
    certificates: tuple[bytes, ...] = ()
    """The certificates to embed (DER), the signer's first."""
    to_be_signed: bytes = b""
    """CAdES, PAdES: DER of the SET OF SignedAttributes.  RAW: empty, the item has the digest."""
    original: bytes | None = field(default=None, repr=False)
    """PADES: the PDF as it came; not serialised, because its item keeps it."""
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
            "increment": b64encode(self.increment).decode(),
            "contents": self.contents,
        }
        return json.dumps({_VERSION: fields}).encode()

    @classmethod
    def from_bytes(cls, data: bytes, *, original: bytes | None = None) -> Self:
        """Inverse of :meth:`to_bytes`; raises IntegrityAlarmError for anything else.

        ``original`` is the PDF of a PADES item.
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
                original=original,
                increment=b64decode(fields["increment"], validate=True),
                contents=(start, end),
            )
        except (ValueError, KeyError, TypeError) as error:
            msg = "a stored prepared signature cannot be read"
            raise IntegrityAlarmError(msg) from error


class SignatureFormat(Protocol):
    """PAdES, CAdES: the same two steps, with the signature made in between."""

    def prepare(
        self, item: SigningItem, identity: SigningIdentity, signing_time: datetime
    ) -> Prepared:
        """Fix what is signed.

        Raises InvalidRequestError (level or digest not served) or DocumentRefusedError.
        """
        ...

    def complete(
        self, prepared: Prepared, value: SignatureValue, timestamp: TimestampToken | None
    ) -> bytes:
        """CMS (DER) or signed document.  Repeatable: the same input gives the same bytes.

        ``timestamp`` is over ``value``, and None at level B-B only.
        """
        ...
