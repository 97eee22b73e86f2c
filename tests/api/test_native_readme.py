"""The native API's README: its examples work in their order, its tables are complete."""

import hashlib
import hmac
import json
import re
import shlex
import string
from urllib.parse import urlsplit

import pytest
from joserfc import jwe
from joserfc.jwk import ECKey

from api.cli.tree import ROOT
from api.native.errors import STATUS
from signer.adapters.webhook import signature_header
from signer.domain import errors
from signer.domain.values import Secret
from tests.fixtures.service import b64, unique

README = (ROOT / "api" / "native" / "README.md").read_text()
BASE = "https://example.org"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def curl(app, command, values):
    """Runs the command line of an example against the application."""
    words = shlex.split(command)
    assert words.pop(0) == "curl"
    method, headers, data, credentials, url = "GET", {}, None, None, ""
    given = iter(string.Template(word).substitute(values) for word in words)
    for word in given:
        if word == "-u":
            credentials = tuple(next(given).split(":", 1))
        elif word == "-X":
            method = next(given)
        elif word == "-H":
            name, _, value = next(given).partition(": ")
            headers[name] = value
        elif word == "-d":
            data = next(given)
        else:
            assert url == ""
            url = word
    parts = urlsplit(url)
    return app.test_client().open(
        f"{parts.path}?{parts.query}", method=method, headers=headers, data=data, auth=credentials
    )


def test_the_examples_sign_in_their_order(service, native, newcomer):
    values = {
        "BASE": BASE,
        "CLIENT": native.client_id,
        "SECRET": native.client_secret,
        "PHONE": newcomer.phone,
        "DIGEST": b64(hashlib.sha256(b"contrato").digest()),
    }
    last = None
    for command in blocks("sh"):
        if "$OPEN" in command:
            values["OPEN"] = native.started(newcomer)["id"]
        if "$PIN_JWE" in command:
            agreeing = (key for key in last.get_json()["keys"] if key["alg"] == "ECDH-ES")
            scope = {
                "jwk": next(agreeing),
                "pin": newcomer.signature_pin,
                "identifier": values["ID"],
            }
            known = {"json": json, "jwe": jwe, "ECKey": ECKey}
            exec(blocks("python")[0], known | scope, scope)
            values["PIN_JWE"] = scope["sealed"]
        if "$CODE_JWE" in command:
            values["CODE_JWE"] = native.sealed(
                code=service.code(newcomer.phone), transaction=values["ID"]
            )
        fresh = command.replace("order-4711", unique("order"))
        last = curl(service.app, fresh, values)
        assert last.status_code in {200, 201, 204}, f"{command}{last.text}"
        if last.status_code == 201:
            values["ID"] = last.get_json()["id"]
        if "/pin" in command:
            values["HANDLE"] = last.get_json()["handle"]
    assert native.look(values["ID"])["state"] == "signed"
    assert service.transaction(values["OPEN"]).state == "cancelled"


def test_every_documented_call_of_relying_parties_has_an_example(service):
    paths = service.app.test_client().get("/docs/openapi.json").get_json()["paths"]
    examples = "".join(blocks("sh"))
    for path, operations in paths.items():
        if "signatures" not in path and "certificates" not in path and "keys" not in path:
            continue
        shape = path.replace("{id}", "$ID").replace("{ordinal}", "0")
        for method in operations:
            wanted = shape.replace("$ID", "$OPEN") if method == "delete" else shape
            assert re.search(rf'{re.escape(wanted)}["?]', examples), (method, path)
        assert f"`{path.removeprefix('/api/v1')}`" in README or any(
            f"{method.upper()} {path.removeprefix('/api/v1')}`" in README for method in operations
        )


LEAVES = sorted(
    (kind for kind in STATUS if not any(issubclass(o, kind) and o is not kind for o in STATUS)),
    key=lambda kind: kind.code,
)


def test_the_table_of_errors_is_complete():
    told = dict(re.findall(r"^\| `([\w.]+)` \| (\d{3}) \|", README, re.MULTILINE))
    also = {errors.InvalidRequestError, errors.ConflictError, errors.AccountStateError}
    assert told == {kind.code: str(STATUS[kind]) for kind in {*LEAVES, *also}}


@pytest.mark.parametrize("body", [b"{}", b'{"event": "signature.signed"}'])
def test_the_webhook_recipe_accepts_what_we_send_and_nothing_else(body):
    header = signature_header(Secret("s3cret"), 1_700_000_000, body)
    for given, genuine in ((body, True), (body + b" ", False)):
        scope = {"header": header, "secret": "s3cret", "body": given}  # pragma: allowlist secret
        exec(blocks("python")[1], {"hmac": hmac, "hashlib": hashlib} | scope, scope)
        assert scope["genuine"] is genuine
