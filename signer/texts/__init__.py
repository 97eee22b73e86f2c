"""Words for people: one catalogue per language, Portuguese first, read once at start."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, tzinfo
from importlib.resources import files
from types import MappingProxyType
from typing import Final
from zoneinfo import ZoneInfo

from babel.dates import format_datetime
from babel.messages.pofile import read_po

from signer.domain.errors import ConfigurationError
from signer.domain.values import length_prefixed

LOCALES: Final = ("pt", "en")
"""In order of preference; the first is the fall-back for any other language."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """The texts of one language."""

    locale: str
    messages: Mapping[str, str]
    version: str
    """First 12 hex digits of the SHA-256 over all texts; part of what a signature is bound to."""
    zone: tzinfo

    def format(self, msgid: str, **values: object) -> str:
        """The text ``msgid`` with its ``{placeholders}`` filled in.

        Raises KeyError for an unknown text or a missing value: both are our own mistakes.
        """
        return self.messages[msgid].format(**values)

    def moment(self, at: datetime) -> str:
        """Date and minute in the country's time, as people of this language write it."""
        pattern = "dd/MM/yyyy HH:mm" if self.locale == "pt" else "d MMM yyyy HH:mm"
        return format_datetime(at, pattern, tzinfo=self.zone, locale=self.locale)


class Texts:
    """All catalogues."""

    def __init__(self, zone: tzinfo | None = None) -> None:
        """``zone`` is the country's time (default Europe/Lisbon).

        Raises ConfigurationError when a catalogue is missing or empty.
        """
        place = zone or ZoneInfo("Europe/Lisbon")
        self._catalogues = {locale: _load(locale, place) for locale in LOCALES}

    def get(self, locale: str) -> Catalogue:
        """The catalogue of ``locale`` (``en-GB`` is ``en``), else the first one."""
        language = locale.replace("_", "-").partition("-")[0].lower()
        return self._catalogues.get(language, self._catalogues[LOCALES[0]])

    def text_version(self, locale: str) -> str:
        """Version id of the texts shown in ``locale``: ``pt-`` and 12 hex digits."""
        catalogue = self.get(locale)
        return f"{catalogue.locale}-{catalogue.version}"


def _load(locale: str, zone: tzinfo) -> Catalogue:
    try:
        with files(__name__).joinpath(f"{locale}.po").open("rb") as source:
            read = read_po(source, locale=locale, abort_invalid=True)
    except OSError as error:
        msg = f"the texts of language {locale} are missing: install the package again"
        raise ConfigurationError(msg) from error
    messages = {
        str(message.id): str(message.string) for message in read if message.id and message.string
    }
    if not messages:
        msg = f"the texts of language {locale} are empty: install the package again"
        raise ConfigurationError(msg)
    flat = length_prefixed(*(part for pair in sorted(messages.items()) for part in pair))
    return Catalogue(
        locale, MappingProxyType(messages), hashlib.sha256(flat).hexdigest()[:12], zone
    )
