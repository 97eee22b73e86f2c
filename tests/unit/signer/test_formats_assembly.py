"""Preparing, waiting, and completing: what operations rely on."""

import json
from dataclasses import replace

import pytest

from signer.domain.errors import (
    DocumentRefusedError,
    IntegrityAlarmError,
    InvalidRequestError,
    RevocationUnavailableError,
    TimestampUnavailableError,
)
from signer.domain.transaction import ItemKind, Level
from signer.domain.values import DTBSR, DigestAlgorithm, SignatureValue
from signer.formats.port import Prepared
from signer.ports import TimestampToken
from tests.fixtures.documents import item_of


def _value(holder, prepared):
    return holder.sign(DTBSR.of(prepared.algorithm.digest, prepared.to_be_signed))


def test_a_raw_item_gives_its_signature_value(trust, sign):
    item = item_of(ItemKind.RAW, b"x")
    prepared = sign.prepare(trust.ec, item)
    assert sign.documents.finish(prepared, SignatureValue(b"value"), item) == b"value"


def test_order_out_is_order_in(trust, sign, clock):
    items = tuple(item_of(ItemKind.CADES_DIGEST, text) for text in (b"c", b"a", b"b"))
    prepared = sign.documents.prepare(items, trust.ec.identity(), clock.now())
    for item, one in zip(items, prepared, strict=True):
        assert item.digest.value in one.to_be_signed


@pytest.mark.parametrize("kind", [ItemKind.CADES, ItemKind.PADES])
def test_a_prepared_signature_survives_the_wait(trust, sign, kind, pdf):
    item = item_of(kind, pdf, Level.B_T)
    prepared = sign.prepare(trust.ec, item)
    original = item.document if kind is ItemKind.PADES else None
    assert Prepared.from_bytes(prepared.to_bytes(), original=original) == prepared


@pytest.mark.parametrize(
    "stored",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="other version"),
        pytest.param(b'{"chancela-prepared/1": []}', id="not an object"),
        pytest.param(b'{"chancela-prepared/1": {"contents": [0]}}', id="fields missing"),
    ],
)
def test_an_unreadable_prepared_signature_is_an_alarm(stored):
    with pytest.raises(IntegrityAlarmError):
        Prepared.from_bytes(stored)


def test_an_unknown_kind_in_a_prepared_signature_is_an_alarm(trust, sign):
    stored = json.loads(sign.prepare(trust.ec, item_of(ItemKind.CADES, b"x")).to_bytes())
    stored["chancela-prepared/1"]["kind"] = "other"
    with pytest.raises(IntegrityAlarmError):
        Prepared.from_bytes(json.dumps(stored).encode())


@pytest.mark.parametrize("kind", [ItemKind.CADES, ItemKind.PADES, ItemKind.PADES_DIGEST])
@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_a_level_without_its_data_is_an_error_never_lowered(trust, sign, kind, level, pdf):
    with pytest.raises(RevocationUnavailableError):
        sign(trust.ec, item_of(kind, pdf, level))


@pytest.mark.parametrize("kind", [ItemKind.CADES, ItemKind.PADES])
def test_a_document_that_is_not_the_granted_one_is_refused(trust, sign, kind, pdf):
    with pytest.raises(InvalidRequestError):
        sign.prepare(trust.ec, replace(item_of(kind, pdf), document=pdf + b"\n"))
    with pytest.raises(InvalidRequestError):
        sign.prepare(trust.ec, replace(item_of(kind, pdf), document=None))


@pytest.mark.parametrize("kind", [ItemKind.CADES, ItemKind.PADES])
def test_without_a_timestamp_there_is_no_b_t_and_later_there_is(trust, sign, kind, pdf):
    item = item_of(kind, pdf, Level.B_T)
    prepared = sign.prepare(trust.rsa, item)
    value = _value(trust.rsa, prepared)
    sign.tsa.down = TimestampUnavailableError()
    with pytest.raises(TimestampUnavailableError):
        sign.documents.finish(prepared, value, item)
    sign.tsa.down = None
    original = pdf if kind is ItemKind.PADES else None
    kept = Prepared.from_bytes(prepared.to_bytes(), original=original)
    made = sign.documents.finish(kept, value, item)
    assert (value.hex().encode() if kind is ItemKind.PADES else value) in made


def test_a_token_too_large_for_the_pdf_is_the_authoritys_fault(trust, sign, pdf, clock):
    item = item_of(ItemKind.PADES, pdf, Level.B_T)
    prepared = sign.prepare(trust.ec, item)
    object.__setattr__(sign.tsa, "stamp", lambda _: TimestampToken(bytes(20_000), clock.now()))
    with pytest.raises(TimestampUnavailableError):
        sign.documents.finish(prepared, SignatureValue(b"v"), item)


def test_completing_twice_gives_the_same_bytes(trust, sign, pdf):
    item = item_of(ItemKind.PADES, pdf)
    prepared = sign.prepare(trust.ec, item)
    value = _value(trust.ec, prepared)
    first = sign.documents.finish(prepared, value, item)
    assert sign.documents.finish(prepared, value, item) == first
    assert first.startswith(pdf)


def test_field_names_are_never_used_twice(trust, sign, pdf):
    first = sign.prepare(trust.ec, item_of(ItemKind.PADES, pdf))
    second = sign.prepare(trust.ec, item_of(ItemKind.PADES, pdf))
    assert first.increment != second.increment


def test_a_pdf_above_the_limit_is_refused_unread(pades, pdf):
    small = replace(pades, size_limit=len(pdf) - 1)
    with pytest.raises(DocumentRefusedError, match="larger than"):
        small.inspect(pdf)
    pades.inspect(pdf)


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_every_digest_signs_with_its_own_algorithm(trust, sign, algorithm, pdf):
    prepared = sign.prepare(trust.ec, item_of(ItemKind.PADES, pdf, algorithm=algorithm))
    assert prepared.algorithm.digest is algorithm


@pytest.mark.parametrize("kind", [ItemKind.CADES_DIGEST, ItemKind.PADES])
def test_a_kind_that_is_not_wired_is_refused_by_name(trust, sign, clock, kind, pdf):
    bare = replace(sign.documents, formats={})
    with pytest.raises(InvalidRequestError) as refused:
        bare.prepare((item_of(kind, pdf),), trust.ec.identity(), clock.now())
    assert refused.value.field == "items[0].kind"
