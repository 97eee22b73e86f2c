"""Signs the demo's samples as the demo lawyer, over the native API."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from api.demo.browser import Person, Program
from api.demo.documents import CONTENT, sample_pdf


@dataclass(frozen=True, slots=True, kw_only=True)
class Samples:
    """Paths of what was signed."""

    pades: Path
    cades: Path
    content: Path
    timestamp: Path


def sign_samples(
    program: Program,
    person: Person,
    *,
    phone: str,
    pin: str,
    directory: Path,
    say: Callable[[str], None],
) -> Samples:
    """One transaction for both files at B-T, with the certified role of lawyer."""
    directory.mkdir(parents=True, exist_ok=True)
    content = directory / "procuracao.txt"
    content.write_bytes(CONTENT)
    started = program.call(
        "POST",
        "/api/v1/signatures",
        {
            "citizen": {"phone": phone},
            "items": [
                _item("pades", "contrato.pdf", sample_pdf()),
                _item("cades", content.name, CONTENT),
            ],
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
    pades, cades = directory / "contrato-assinado.pdf", directory / "procuracao.p7s"
    for item, path in zip(signed["items"], (pades, cades), strict=True):
        path.write_bytes(base64.b64decode(item["result"]))
    return Samples(
        pades=pades, cades=cades, content=content, timestamp=directory / "procuracao.tst"
    )


def _item(kind: str, name: str, document: bytes) -> dict[str, str]:
    return {
        "kind": kind,
        "name": name,
        "document": base64.b64encode(document).decode(),
        "level": "B-T",
    }
