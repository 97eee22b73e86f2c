"""What must never be in a log line, even if somebody logs it."""

import io
import json
import logging

import pytest
import structlog

from api.logging_setup import configure_logging, redacted_text

CANARIES = {
    "pin": "739155",
    "signature_pin": "508264",
    "code": "493018",
    "otp": "118822",
    "sad": "c2FkLXNlY3JldC1ieXRlcw",
    "handle": "hAnDle-0123456789-abcdef",
    "client_secret": "sEcReT-value",  # pragma: allowlist secret
    "Authorization": "Basic bmF0aXZlOnNlY3JldA==",
    "access_token": "tok-1234567890",
    "password": "hunter2hunter2",  # pragma: allowlist secret
}
PHONE = "+351912345678"


@pytest.fixture(params=["json", "console"])
def log(request):
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(form=request.param, level="INFO", stream=stream)
    yield stream
    root.handlers[:], level = before
    root.setLevel(level)
    structlog.reset_defaults()


def test_values_of_secret_names_are_stars_at_any_depth(log):
    structlog.get_logger("t").info("asked", **CANARIES, nested={"list": [CANARIES]}, kept="visible")
    text = log.getvalue()
    assert [name for name, value in CANARIES.items() if value in text] == []
    assert "visible" in text


@pytest.mark.parametrize("name", sorted(CANARIES))
def test_secrets_inside_sentences_are_stars(log, name):
    value = CANARIES[name]
    logging.getLogger("library").warning("sent %s=%s to host", name, value)
    logging.getLogger("library").warning('{"%s": "%s", "x": 1}', name, value)
    assert value not in log.getvalue()
    assert value.rpartition(" ")[2] not in log.getvalue()


@pytest.mark.parametrize(
    "spelling", [PHONE, "%2B351912345678", "912345678", "00351912345678", "+351 912 345 678"]
)
def test_whole_phone_numbers_are_masked(log, spelling):
    structlog.get_logger("t").warning("delivered", to=spelling)
    logging.getLogger("library").error("no route to %s!", spelling)
    text = log.getvalue()
    assert spelling not in text
    assert text.count("•••678") == 2 or text.count("\\u2022\\u2022\\u2022678") == 2


def test_traces_come_without_local_variables(log):
    def fail(given):
        hidden = f"{given}-hidden"
        raise ValueError(f"pin={given} for {PHONE}, {len(hidden)}")

    try:
        fail(CANARIES["pin"])  # a trace shows the line itself
    except ValueError:
        structlog.get_logger("t").exception("unexpected")
        logging.getLogger("library").exception("unexpected")
    text = log.getvalue()
    assert text.count("ValueError") >= 2
    assert "739155" not in text
    assert PHONE not in text


def test_links_lose_what_opens_them():
    assert "abcdefghij0123456789" not in redacted_text("GET /sign/abcdefghij0123456789 200")


def test_error_codes_ids_and_times_stay_readable(log):
    identifier = "0d1f6a52-6f6d-4a4e-9a38-1f7f5f0f1234"
    structlog.get_logger("t").info(
        "refused", error_code="pin.incorrect", status_code=503, transaction=identifier
    )
    text = log.getvalue()
    for kept in ("pin.incorrect", "503", identifier):
        assert kept in text


def test_json_lines_are_json_with_level_logger_and_context():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    configure_logging(form="json", level="WARNING", stream=stream)
    try:
        structlog.contextvars.bind_contextvars(request_id="r-1")
        structlog.get_logger("t").info("too quiet")
        structlog.get_logger("t").warning("heard")
        logging.getLogger("library").warning("heard too")
    finally:
        structlog.contextvars.clear_contextvars()
        root.handlers[:], level = before
        root.setLevel(level)
        structlog.reset_defaults()
    first, second = map(json.loads, stream.getvalue().splitlines())
    assert (first["event"], first["level"], first["logger"]) == ("heard", "warning", "t")
    assert (second["event"], second["request_id"]) == ("heard too", "r-1")
