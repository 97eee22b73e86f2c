"""Signs the demo's samples as the demo lawyer, over the native API."""

import base64
from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Final

from api.demo.browser import Person, Program
from api.demo.documents import CONTENT, JSON, XML, sample_pdf


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Paths of what was signed."""

    pades: Path
    cades: Path
    pades_lta: Path
    """With a visible seal and a commitment."""
    xades: Path
    asice: Path
    jades: Path
    content: Path
    """What ``cades`` is over."""

    def as_facts(self) -> dict[str, str]:
        """As demo.json has them."""
        return {one.name: str(getattr(self, one.name)) for one in fields(self)}


_ITEMS: Final[dict[str, tuple[str, dict[str, Any]]]] = {
    "pades": (
        "contrato-assinado.pdf",
        {"kind": "pades", "name": "contrato.pdf", "document": sample_pdf(), "level": "B-T"},
    ),
    "cades": (
        "procuracao.p7s",
        {"kind": "cades", "name": "procuracao.txt", "document": CONTENT, "level": "B-T"},
    ),
    "pades_lta": (
        "contrato-selado.pdf",
        {
            "kind": "pades",
            "name": "contrato.pdf (com selo)",
            "document": sample_pdf(),
            "level": "B-LTA",
            "options": {
                "commitment": "approval",
                "pdf": {
                    "location": "Lisboa",
                    "seal": {"corner": "bottom-right"},
                },
            },
        },
    ),
    "xades": (
        "pedido-assinado.xml",
        {
            "kind": "xades",
            "name": "pedido.xml",
            "document": XML,
            "level": "B-LT",
            "options": {"packaging": "enveloped"},
        },
    ),
    "asice": (
        "processo.asice",
        {
            "kind": "asic-e",
            "name": "processo",
            "files": [
                {"name": "procuracao.txt", "media_type": "text/plain", "document": CONTENT},
                {"name": "pedido.xml", "media_type": "application/xml", "document": XML},
            ],
            "level": "B-LTA",
        },
    ),
    "jades": (
        "fatura.jws",
        {
            "kind": "jades",
            "name": "fatura.json",
            "document": JSON,
            "level": "B-T",
            "options": {"packaging": "enveloping"},
        },
    ),
}
"""File of the result and item of the request, by key of demo.json."""


def sign_samples(
    program: Program,
    person: Person,
    *,
    phone: str,
    pin: str,
    directory: Path,
    say: Callable[[str], None],
) -> Samples:
    """One transaction for all files, with the certified role of lawyer."""
    directory.mkdir(parents=True, exist_ok=True)
    content = directory / "procuracao.txt"
    content.write_bytes(CONTENT)
    started = program.call(
        "POST",
        "/api/v1/signatures",
        {
            "citizen": {"phone": phone},
            "items": [_encoded(item) for _, item in _ITEMS.values()],
            "required_attributes": [{"provider": "ordem-dos-advogados", "role": "advogado"}],
        },
    )
    identifier = started["id"]
    say(
        f"1 asked      {len(started['items'])} documents, verification code "
        f"{started['verification_code']}"
    )
    entered = program.call(
        "POST",
        f"/api/v1/signatures/{identifier}/pin",
        {"pin": program.encrypted(pin=pin, transaction=identifier)},
    )
    say(f"2 PIN right  code sent by {entered['channel']} to {entered['destination']}")
    signed = program.call(
        "POST",
        f"/api/v1/signatures/{identifier}/code",
        {
            "handle": entered["handle"],
            "code": program.encrypted(code=person.code(), transaction=identifier),
        },
    )
    held = signed["attributes"][0]
    say(f"3 signed     as {held['label']} ({held['provider_name']}), time-stamped")
    paths = {key: directory / name for key, (name, _) in _ITEMS.items()}
    for item, path in zip(signed["items"], paths.values(), strict=True):
        path.write_bytes(base64.b64decode(item["result"]))
    return Samples(content=content, **paths)


def _encoded(value: Any) -> Any:  # noqa: ANN401 - JSON is as wide as that
    """Bytes as base64."""
    if isinstance(value, bytes):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {key: _encoded(one) for key, one in value.items()}
    return [_encoded(one) for one in value] if isinstance(value, list) else value
