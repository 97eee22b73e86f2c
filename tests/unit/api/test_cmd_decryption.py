"""Which of several candidates is the field."""

import pytest

from api.cmd.decryption import FieldDecryption
from signer.domain.values import Secret


class Keys:
    sizes = frozenset({256})

    def __init__(self, *candidates):
        self.candidates = candidates
        self.tried = []

    def decrypt_all(self, ciphertext):
        self.tried.append(ciphertext)
        return self.candidates


@pytest.mark.parametrize(
    "candidates",
    [(b"739155", b"\x9anoise"), (b"\x9anoise", b"739155"), (b"", b"739155"), (b"739155",)],
)
def test_the_candidate_that_reads_as_a_field_wins(candidates):
    keys = Keys(*candidates)
    assert FieldDecryption(keys).decrypt([b"a"]) == (Secret("739155"),)


@pytest.mark.parametrize("text", ["+351 910000001", "+351910000001", "1234", "12345678"])
def test_phones_and_pins_are_fields(text):
    assert FieldDecryption(Keys(text.encode())).decrypt([b"a"]) == (Secret(text),)


@pytest.mark.parametrize(
    "candidate", [b"", b"1", b"123", b"12a4", b"\xc2\xb212", b"1234\n", b"1" * 33, b"\0" * 8]
)
def test_anything_else_is_nothing(candidate):
    assert FieldDecryption(Keys(candidate, candidate)).decrypt([b"a"]) == (None,)


def test_every_field_is_tried_though_the_first_is_nothing():
    keys = Keys(b"")
    assert FieldDecryption(keys).decrypt([b"a", b"b", b"c"]) == (None, None, None)
    assert keys.tried == [b"a", b"b", b"c"]
