"""Professional bodies hosted here, their roles, and what they say about a person."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

from signer.domain.attribute import RequiredAttribute
from signer.domain.client import check_shown_text, check_url
from signer.domain.errors import InvalidRequestError
from signer.domain.values import length_prefixed

MAX_REQUIRED: Final = 8
MAX_SUB_ATTRIBUTES: Final = 16
MAX_VALUE_LENGTH: Final = 200

_ID: Final = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,62}[a-z0-9])?")
_SUB_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")
_HOLDER: Final = re.compile(r"(?:BI|CC|PAS|TR)[A-Z]{2}-[A-Z0-9]{1,40}")
_REFERENCE: Final = re.compile(r"[A-Za-z0-9._/-]{0,64}")


@unique
class AttributeState(StrEnum):
    """Life of one statement; only active ones are held."""

    ACTIVE = "active"
    WITHDRAWN = "withdrawn"
    SUPERSEDED = "superseded"
    """Its body stated something newer about the same role, holder and reference."""


@unique
class ProviderState(StrEnum):
    """A suspended body's attributes are not held by anybody."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """A professional body, e.g. ``ordem-dos-advogados``."""

    id: str
    name: str
    name_en: str
    uri: str
    state: ProviderState = ProviderState.ACTIVE

    def __post_init__(self) -> None:
        check_identifier(self.id, "id")
        check_shown_text(self.name, "name", 200)
        check_shown_text(self.name_en, "name_en", 200)
        check_url(self.uri, "uri")


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderRole:
    """A role a body confirms, with the words people read."""

    provider: str
    id: str
    label_pt: str
    label_en: str

    def __post_init__(self) -> None:
        check_identifier(self.provider, "provider")
        check_identifier(self.id, "id")
        check_shown_text(self.label_pt, "label_pt", 200)
        check_shown_text(self.label_en, "label_en", 200)


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeEntry:
    """What a body states: this person has this role from then until then."""

    role: str
    holder_key: str
    """``IdentityDocument.key``: type, country, number, e.g. ``BIPT-12345678``."""
    reference: str = ""
    """The body's own name for this entry, when one person may hold a role more than once."""
    sub_attributes: tuple[tuple[str, str], ...] = ()
    valid_from: datetime
    valid_until: datetime

    def __post_init__(self) -> None:
        check_identifier(self.role, "role")
        if not _HOLDER.fullmatch(self.holder_key):
            msg = "BI, CC, PAS or TR, two capital letters, a dash, 1 to 40 of A-Z 0-9"
            raise InvalidRequestError(msg, field="holder_key")
        if not _REFERENCE.fullmatch(self.reference):
            raise InvalidRequestError(
                "at most 64 letters, digits and . _ / - without accents", field="reference"
            )
        object.__setattr__(self, "sub_attributes", checked_pairs(self.sub_attributes))
        if self.valid_until <= self.valid_from:
            raise InvalidRequestError("must be after valid_from", field="valid_until")

    def live_key(self, provider: str) -> str:
        """Hex SHA-256 of what at most one living statement of a body may exist for."""
        return hashlib.sha256(
            length_prefixed(provider, self.role, self.holder_key, self.reference)
        ).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """What applying entries did: numbers, and the holders to be told."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    holders: tuple[str, ...] = ()
    """Keys of holders who gained or changed something."""


def check_identifier(value: str, field: str) -> None:
    """Refuse what is not 1 to 64 of ``a-z 0-9 . _ -``: raises InvalidRequestError."""
    if not _ID.fullmatch(value):
        msg = "1 to 64 of a-z 0-9 . _ - that begin and end with a letter or digit"
        raise InvalidRequestError(msg, field=field)


def checked_pairs(
    pairs: Sequence[tuple[str, str]], field: str = "sub_attributes"
) -> tuple[tuple[str, str], ...]:
    """Sort (name, value) pairs; raises InvalidRequestError for what no signature may assert."""
    if len(pairs) > MAX_SUB_ATTRIBUTES:
        raise InvalidRequestError(f"at most {MAX_SUB_ATTRIBUTES}", field=field)
    if len({name for name, _ in pairs}) != len(pairs):
        raise InvalidRequestError("each name once", field=field)
    for name, value in pairs:
        if not _SUB_NAME.fullmatch(name):
            msg = "names are 1 to 64 of a-z 0-9 _ - and begin with a letter"
            raise InvalidRequestError(msg, field=field)
        check_shown_text(value, f"{field}.{name}", MAX_VALUE_LENGTH)
    return tuple(sorted(pairs))


def required_attributes(value: object) -> tuple[RequiredAttribute, ...]:
    """Read ``required_attributes`` of a request: ``[{provider, role, sub_attributes?}]``.

    ``value`` is parsed JSON; absent (None) demands nothing.  Raises InvalidRequestError whose
    ``field`` is the path of what is wrong, e.g. ``required_attributes[0].role``.
    """
    path = "required_attributes"
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidRequestError("must be a list", field=path)
    if len(value) > MAX_REQUIRED:
        raise InvalidRequestError(f"at most {MAX_REQUIRED}", field=path)
    found = tuple(_required(one, f"{path}[{index}]") for index, one in enumerate(value))
    if len(set(found)) != len(found):
        raise InvalidRequestError("each demand once", field=path)
    return found


def _required(value: object, path: str) -> RequiredAttribute:
    if not isinstance(value, Mapping):
        raise InvalidRequestError("must be an object", field=path)
    unknown = sorted(str(name) for name in set(value) - {"provider", "role", "sub_attributes"})
    if unknown:
        raise InvalidRequestError(f"unknown member {unknown[0][:64]!r}", field=path)
    texts = {}
    for name in ("provider", "role"):
        text = value.get(name)
        if not isinstance(text, str):
            raise InvalidRequestError("must be a text", field=f"{path}.{name}")
        check_identifier(text, f"{path}.{name}")
        texts[name] = text
    given = value.get("sub_attributes", {})
    field = f"{path}.sub_attributes"
    if not isinstance(given, Mapping) or not all(
        isinstance(part, str) for pair in given.items() for part in pair
    ):
        raise InvalidRequestError("must be an object of texts", field=field)
    return RequiredAttribute(
        texts["provider"], texts["role"], checked_pairs(tuple(given.items()), field)
    )
