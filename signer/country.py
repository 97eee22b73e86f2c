"""Reads the country profile: everything that differs from one country to the next."""

import tomllib
from dataclasses import dataclass
from importlib import resources
from typing import Any, Self

from signer.domain.account import IdentityDocument
from signer.domain.errors import ConfigurationError


@dataclass(frozen=True, slots=True, kw_only=True)
class SerialNumberForm:
    """How a person's document becomes the subject's serialNumber."""

    name: str
    semantics: bool
    """True when the form is that of EN 319 412-1, 5.1.3, which the certificate then states."""
    templates: tuple[tuple[str, str], ...]

    def of(self, document: IdentityDocument) -> str:
        """The serialNumber value; raises ConfigurationError for a document without a form."""
        template = dict(self.templates).get(document.type.value)
        if template is None:
            raise ConfigurationError(
                f"serial number form {self.name!r} has no entry for documents {document.type.value}"
            )
        return template.format(number=document.number, country=document.country)


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificatePolicies:
    """Policy OIDs (dotted) each kind of certificate carries."""

    citizen: tuple[str, ...]
    citizen_qualified: tuple[str, ...]
    seal: tuple[str, ...]
    seal_qualified: tuple[str, ...]
    service: tuple[str, ...]
    time_stamp: str
    """Policy of time-stamp tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealStyle:
    """How visible seals look; lengths in points, colours as red, green, blue from 0 to 1."""

    language: str
    """BCP 47."""
    time_zone: str
    """IANA name."""
    date_format: str
    """For ``strftime``."""
    labels: tuple[tuple[str, str], ...]
    """What is shown and under which words, top down."""
    width: float
    margin: float
    padding: float
    font_size: float
    smallest_font_size: float
    label_colour: tuple[float, float, float]
    text_colour: tuple[float, float, float]
    line_colour: tuple[float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class CountryProfile:
    """One country's particulars."""

    code: str
    """ISO 3166-1 alpha-2, upper case."""
    language: str
    policies: CertificatePolicies
    seal: SealStyle
    serial_number_default: str
    serial_number_forms: tuple[SerialNumberForm, ...]

    def serial_number(self, name: str = "") -> SerialNumberForm:
        """The form called ``name``, or the country's default; raises ConfigurationError."""
        wanted = name or self.serial_number_default
        for form in self.serial_number_forms:
            if form.name == wanted:
                return form
        known = ", ".join(form.name for form in self.serial_number_forms)
        raise ConfigurationError(f"serial number form {wanted!r} is unknown; known: {known}")

    @classmethod
    def load(cls, code: str) -> Self:
        """Read ``signer/profiles/<code>.toml``; raises ConfigurationError when it is not there."""
        file = resources.files("signer") / "profiles" / f"{code.lower()}.toml"
        try:
            content = tomllib.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ConfigurationError(f"there is no country profile {code.lower()!r}") from error
        return cls._of(content)

    @classmethod
    def _of(cls, content: dict[str, Any]) -> Self:
        numbers, policies = content["serial_number"], content["policies"]
        return cls(
            code=content["country"]["code"],
            language=content["country"]["language"],
            policies=CertificatePolicies(
                citizen=tuple(policies["citizen"]),
                citizen_qualified=tuple(policies["citizen_qualified"]),
                seal=tuple(policies["seal"]),
                seal_qualified=tuple(policies["seal_qualified"]),
                service=tuple(policies["service"]),
                time_stamp=policies["time_stamp"],
            ),
            seal=_seal(content),
            serial_number_default=numbers["default"],
            serial_number_forms=tuple(
                SerialNumberForm(
                    name=name,
                    semantics=form["semantics"],
                    templates=tuple((k, v) for k, v in form.items() if k != "semantics"),
                )
                for name, form in numbers["forms"].items()
            ),
        )


def _seal(content: dict[str, Any]) -> SealStyle:
    country = content["country"]
    style: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in content["seal"].items()
    }
    labels = tuple(style.pop("labels").items())
    return SealStyle(language=f"{country['language']}-{country['code']}", labels=labels, **style)
