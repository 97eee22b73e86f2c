"""Judges the professional attributes that a signature carries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from asn1crypto import cms  # type: ignore[import-untyped]  # ships no types
from pyhanko.sign.ades import cades_asn1  # registers signer-attributes-v2 with asn1crypto
from pyhanko_certvalidator.errors import PathBuildingError, PathError, ValidationError
from pyhanko_certvalidator.validate import async_validate_ac

from signer.validation.trust import Certificate, Knowledge

_NAME: Final = "signer_attributes_v2"
_CERTIFIED: Final = cades_asn1.CertifiedAttributeChoices


@dataclass(frozen=True, slots=True)
class CarriedAttributes:
    """What passed, what is only claimed, and what is wrong."""

    certified: tuple[str, ...] = ()
    claimed: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


async def carried_attributes(
    signer_info: Any,  # noqa: ANN401 - asn1crypto has no types
    signer: Certificate,
    knowledge: Knowledge,
    moments: tuple[datetime, ...],
) -> CarriedAttributes:
    """Attributes of signer-attributes-v2 (EN 319 122-1, 5.2.6.1).

    A certificate passes when it is valid at one of ``moments``: now, or when the signature was
    time-stamped.
    """
    certified: list[str] = []
    claimed: list[str] = []
    problems: list[str] = []
    for value in _values(signer_info):
        for claim in value["claimed_attributes"] or ():
            claimed += [str(text.native) for text in claim["values"]]
        for choice in value["certified_attributes_v2"] or ():
            if choice.name != "attr_cert":
                problems.append("an attribute certificate is of an unknown kind")
                continue
            problem = await _problem(choice.chosen, signer, knowledge, moments)
            if problem is None:
                certified += _roles(choice.chosen)
            else:
                problems.append(f"attribute certificate: {problem}")
        if len(value["signed_assertions"] or ()):
            problems.append("signed assertions are not verified")
    return CarriedAttributes(tuple(certified), tuple(claimed), tuple(problems))


async def judged_certificates(
    certificates: Sequence[Any],
    signer: Certificate,
    knowledge: Knowledge,
    moments: tuple[datetime, ...],
) -> CarriedAttributes:
    """Attribute certificates (asn1crypto, without types) by the same rule, wherever carried."""
    certified: list[str] = []
    problems: list[str] = []
    for one in certificates:
        problem = await _problem(one, signer, knowledge, moments)
        if problem is None:
            certified += _roles(one)
        else:
            problems.append(f"attribute certificate: {problem}")
    return CarriedAttributes(certified=tuple(certified), problems=tuple(problems))


async def _problem(
    certificate: Any,  # noqa: ANN401 - asn1crypto has no types
    signer: Certificate,
    knowledge: Knowledge,
    moments: tuple[datetime, ...],
) -> str | None:
    """None when the certificate is valid at one of the moments and belongs to the signer."""
    problem = "there is no moment to judge it at"
    for moment in moments:
        try:
            await async_validate_ac(certificate, knowledge.context(moment), holder_cert=signer)
        except (PathError, PathBuildingError, ValidationError) as error:
            problem = str(error)
        else:
            return None
    return problem


def _values(signer_info: Any) -> list[Any]:  # noqa: ANN401 - asn1crypto has no types
    return [
        value
        for attribute in signer_info["signed_attrs"]
        if attribute["type"].native == _NAME
        for value in attribute["values"]
    ]


def _roles(certificate: Any) -> list[str]:  # noqa: ANN401 - asn1crypto has no types
    issuer = certificate["ac_info"]["issuer"]
    names = issuer.chosen["issuer_name"] if issuer.name == "v2_form" else issuer.chosen
    authority = ", ".join(
        name.chosen.human_friendly for name in names if name.name == "directory_name"
    )
    return [
        f"{_role_text(value)} ({authority})"
        for attribute in certificate["ac_info"]["attributes"]
        for value in attribute["values"]
    ]


def _role_text(value: Any) -> str:  # noqa: ANN401 - asn1crypto has no types
    if isinstance(value, cms.RoleSyntax):
        return str(value["role_name"].native)
    return str(value.native)
