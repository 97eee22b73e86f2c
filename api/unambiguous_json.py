"""JSON in which no object names a member twice: readers disagree which of the two counts."""

import json
from typing import Any

from flask.json.provider import DefaultJSONProvider

from signer.domain.errors import InvalidRequestError


class RepeatedMemberError(ValueError):
    """An object names ``name`` twice (RFC 8259, 4: what that means is nobody's agreement)."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} is named twice in one object")
        self.name = name


def loads(text: str | bytes, **options: Any) -> Any:  # noqa: ANN401 - json.loads' own types
    """Parse JSON; raises RepeatedMemberError, and ValueError for what is no JSON."""
    return json.loads(text, object_pairs_hook=_object, **options)


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                raise RepeatedMemberError(name)
            seen.add(name)
    return members


class UnambiguousJSONProvider(DefaultJSONProvider):
    """How the application reads bodies; raises InvalidRequestError naming the repeated member."""

    def loads(self, s: str | bytes, **kwargs: Any) -> Any:  # noqa: ANN401 - Flask's own types
        """See :func:`loads`."""
        try:
            return loads(s, **kwargs)
        except RepeatedMemberError as error:
            raise InvalidRequestError(str(error), field=error.name) from error
