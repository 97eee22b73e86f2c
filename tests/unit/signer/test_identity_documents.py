"""Check digits and spellings of identity documents."""

from datetime import date

import pytest

from signer.domain.account import DocumentType, IdentityDocument
from signer.domain.errors import ConfigurationError
from signer.operations.accounts.documents import (
    DocumentRules,
    card_check_holds,
    civil_check_holds,
)

RULES = DocumentRules.load("PT")


@pytest.mark.parametrize("number", ["000000000", "123456789", "999999990"])
def test_right_civil_numbers_have_one_check_digit(number):
    right = [digit for digit in "0123456789" if civil_check_holds(number[:8] + digit)]
    assert len(right) == 1


def test_the_published_example_of_a_card_holds():
    assert card_check_holds("000000000ZZ4")


@pytest.mark.parametrize("place", [*range(9), 11])
def test_any_one_wrong_digit_of_a_card_is_found(place):
    good = "000000000ZZ4"
    for other in "0123456789":
        if good[place] != other:
            assert not card_check_holds(good[:place] + other + good[place + 1 :])


@pytest.mark.parametrize(
    ("kind", "number"),
    [
        pytest.param(DocumentType.BI, "12345", id="BI too short"),
        pytest.param(DocumentType.BI, "1234567890", id="BI too long"),
        pytest.param(DocumentType.BI, "1234567A", id="BI with a letter"),
        pytest.param(DocumentType.CC, "000000000ZZ", id="card too short"),
        pytest.param(DocumentType.CC, "00000000ZZZ4", id="card without its number"),
        pytest.param(DocumentType.PASSPORT, "A1", id="passport too short"),
        pytest.param(DocumentType.PASSPORT, "A12345€", id="passport with a sign"),
        pytest.param(DocumentType.RESIDENCE_TITLE, "", id="nothing"),
    ],
)
def test_numbers_of_another_form_are_refused(kind, number):
    assert RULES.normalised(kind, number) is None


def test_only_the_card_stands_for_another_document():
    def key(kind, number):
        document = IdentityDocument(
            type=kind, country="PT", number=number, expires_on=date(2040, 1, 1)
        )
        return RULES.identity_key(document)

    assert key(DocumentType.CC, "000000000ZZ4") == key(DocumentType.BI, "00000000")
    keys = {key(kind, "00000000") for kind in DocumentType if kind is not DocumentType.CC}
    assert len(keys) == 3


def test_a_country_without_profile_is_a_mistake_of_configuration():
    with pytest.raises(ConfigurationError):
        DocumentRules.load("XX")
