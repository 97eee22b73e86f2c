"""Unpadding agrees with the standard for every place where padding can be wrong."""

import os

import pytest

from hsm.unpadding import unpad_oaep_sha256, unpad_pkcs1v15

SIZE = 256
NOISE = b"\0\0\0\5" + bytes([0xAA]) * (SIZE - 4)
REJECTED = bytes([0xAA]) * 5


def padded(message: bytes, size: int = SIZE) -> bytes:
    return b"\0\2" + b"\7" * (size - 3 - len(message)) + b"\0" + message


@pytest.mark.parametrize("length", [0, 1, 4, 100, SIZE - 11])
def test_right_pkcs1_padding_gives_the_message(length: int):
    message = os.urandom(length)
    assert unpad_pkcs1v15(padded(message), NOISE) == message


@pytest.mark.parametrize(
    "block",
    [
        pytest.param(b"\1" + padded(b"1234")[1:], id="first byte"),
        pytest.param(b"\0\1" + padded(b"1234")[2:], id="block type 1"),
        pytest.param(b"\0\0" + padded(b"1234")[2:], id="block type 0"),
        pytest.param(b"\0\2" + b"\7" * (SIZE - 2), id="no end of padding"),
        *(
            pytest.param(
                b"\0\2" + b"\7" * n + b"\0" + b"\7" * (SIZE - 3 - n), id=f"{n} bytes of padding"
            )
            for n in range(8)
        ),
    ],
)
def test_wrong_pkcs1_padding_gives_the_substitute(block: bytes):
    assert unpad_pkcs1v15(block, NOISE) == REJECTED


def test_eight_bytes_of_padding_are_enough():
    block = b"\0\2" + b"\7" * 8 + b"\0" + b"\5" * (SIZE - 11)
    assert unpad_pkcs1v15(block, NOISE) == b"\5" * (SIZE - 11)


def test_a_substitute_is_never_longer_than_a_message_can_be():
    lengths = {len(unpad_pkcs1v15(bytes(SIZE), os.urandom(SIZE))) for _ in range(200)}
    assert max(lengths) <= SIZE - 11
    assert len(lengths) > 50


def test_an_oaep_block_of_noise_is_not_valid():
    assert not any(unpad_oaep_sha256(b"\0" + os.urandom(SIZE - 1))[0] for _ in range(20))
