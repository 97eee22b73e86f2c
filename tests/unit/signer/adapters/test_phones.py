"""Phone numbers: one spelling, one mask."""

import pytest

from signer.adapters.phones import masked, normalised
from signer.domain.errors import InvalidRequestError


@pytest.mark.parametrize(
    ("typed", "e164"),
    [
        ("912345678", "+351912345678"),
        ("+351 912345678", "+351912345678"),
        ("+351912345678", "+351912345678"),
        ("00351 912 345 678", "+351912345678"),
        ("+351 (91) 234-5678", "+351912345678"),
        ("+44 7911 123456", "+447911123456"),
    ],
)
def test_spellings_of_one_number_become_one(typed, e164):
    assert normalised(typed) == e164


def test_the_region_completes_a_number():
    assert normalised("612345678", region="ES") == "+34612345678"


@pytest.mark.parametrize(
    "typed",
    ["", "abc", "+351 91", "912345678 ext 3", "+999912345678", "\uff1912345678", "+"],
)
def test_what_is_no_phone_is_refused(typed):
    with pytest.raises(InvalidRequestError) as caught:
        normalised(typed)
    assert caught.value.field == "phone"


@pytest.mark.parametrize(
    ("e164", "shown"),
    [
        ("+351912345678", "+351 9•• ••• 678"),
        ("+447911123456", "+44 7 ••• ••• 456"),
        ("+351", "•••"),
        ("", "•••"),
    ],
)
def test_a_mask_shows_country_first_digit_and_last_three(e164, shown):
    assert masked(e164) == shown
