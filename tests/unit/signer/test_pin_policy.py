"""Which new PINs are allowed."""

from datetime import UTC, date, datetime

import pytest

from signer.authentication.pin_policy import PINPolicy, commonest
from signer.domain.account import (
    Account,
    AccountState,
    DocumentType,
    IdentityData,
    IdentityDocument,
    PINKind,
)
from signer.domain.errors import PINPolicyError
from signer.domain.values import DEFAULT_TENANT, Secret, SignerId

MARIA = Account(
    id=SignerId("s"),
    tenant=DEFAULT_TENANT,
    state=AccountState.INVITED,
    identity=IdentityData(
        given_name="Maria",
        surname="Exemplo",
        birth_date=date(1983, 10, 27),
        document=IdentityDocument(
            type=DocumentType.BI, country="PT", number="60917284", expires_on=date(2040, 1, 1)
        ),
    ),
    phone="+351918462075",
    phone_confirmed=True,
    epoch=0,
    channels=("sms",),
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    valid_until=datetime(2040, 1, 1, tzinfo=UTC),
    signature_salt=bytes(16),
    authentication_salt=bytes(16),
)


@pytest.mark.parametrize("pin", ["680593", "4096173", "68405937"])
def test_a_pin_nobody_would_guess_first_is_allowed(pin):
    PINPolicy().demand(PINKind.SIGNATURE, Secret(pin), MARIA, field="pin")


@pytest.mark.parametrize(
    "pin",
    [
        pytest.param("68059", id="too short"),
        pytest.param("680593172", id="too long"),
        pytest.param("68o593", id="a letter"),
        pytest.param("٦٨٠٥٩٣", id="other digits"),
        pytest.param("", id="nothing"),
        pytest.param("000000", id="one digit"),
        pytest.param("123456", id="upwards"),
        pytest.param("890123", id="round the clock"),
        pytest.param("987654", id="downwards"),
        pytest.param("246802", id="in twos"),
        pytest.param("112233", id="doubled"),
        pytest.param("123321", id="mirrored"),
        pytest.param("473473", id="two blocks"),
        pytest.param("474747", id="three blocks"),
        pytest.param("159753", id="a figure on the keys"),
        pytest.param("27101983", id="birth date"),
        pytest.param("19831027", id="birth date, year first"),
        pytest.param("271083", id="birth date, short"),
        pytest.param("831027", id="birth date, short, year first"),
        pytest.param("102783", id="birth date, month first"),
        pytest.param("462075", id="end of the phone"),
        pytest.param("918462", id="start of the phone"),
        pytest.param("917284", id="end of the document"),
    ],
)
def test_a_pin_anybody_would_try_is_refused_without_being_repeated(pin):
    with pytest.raises(PINPolicyError) as caught:
        PINPolicy().demand(PINKind.SIGNATURE, Secret(pin), MARIA, field="signature_pin")
    assert caught.value.field == "signature_pin"
    assert not pin or pin not in str(caught.value)


@pytest.mark.parametrize("pin", ["1983", "2710", "1027", "2075", "1984", "0852"])
def test_short_pins_are_held_to_the_same(pin):
    with pytest.raises(PINPolicyError):
        PINPolicy().demand(PINKind.AUTHENTICATION, Secret(pin), MARIA, field="pin")


def test_the_two_pins_have_their_own_minimum():
    PINPolicy().demand(PINKind.AUTHENTICATION, Secret("6805"), MARIA, field="pin")
    strict = PINPolicy(authentication_minimum=6)
    with pytest.raises(PINPolicyError):
        strict.demand(PINKind.AUTHENTICATION, Secret("6805"), MARIA, field="pin")


def test_equal_pins_are_refused():
    pin = Secret("680593")
    with pytest.raises(PINPolicyError):
        PINPolicy().demand(PINKind.SIGNATURE, pin, MARIA, field="pin", other_than=pin)


def test_a_thousand_of_the_commonest_are_known_and_few_of_all_are_lost():
    known = commonest()
    assert len(known) >= 1000
    for length in range(4, 9):
        of_length = [pin for pin in known if len(pin) == length]
        assert len(of_length) >= 100
        assert len(of_length) <= 0.04 * 10**length
    assert all(pin.isascii() and pin.isdigit() for pin in known)
