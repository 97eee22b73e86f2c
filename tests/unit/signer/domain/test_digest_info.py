"""DigestInfo: exact DER of SHA-256, SHA-384, SHA-512, and nothing else."""

import hashlib

import pytest

from signer.domain.digest_info import parse_digest_info
from signer.domain.errors import InvalidRequestError
from signer.domain.values import Digest, DigestAlgorithm

SHA1 = bytes.fromhex("3021300906052b0e03021a05000414") + hashlib.sha1(b"a").digest()  # noqa: S324 - refused below
MD5 = bytes.fromhex("3020300c06082a864886f70d020505000410") + hashlib.md5(b"a").digest()  # noqa: S324 - refused below
SHA256 = DigestAlgorithm.SHA256.digest_info_prefix + hashlib.sha256(b"a").digest()
WITHOUT_NULL = bytes.fromhex("302f300b0609608648016503040201" + "0420") + SHA256[-32:]
LONG_LENGTH = b"\x30\x81\x31" + SHA256[2:]


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_each_algorithm_is_read(algorithm):
    value = algorithm.digest_info_prefix + algorithm.of(b"a")
    assert len(value) in {51, 67, 83}
    assert parse_digest_info(value) == Digest.of(algorithm, b"a")


@pytest.mark.parametrize(
    "value",
    [SHA1, MD5, WITHOUT_NULL, LONG_LENGTH, SHA256 + b"\0", SHA256[:-1], b"", b"\0" * 51,
     SHA256[-32:], DigestAlgorithm.SHA512.digest_info_prefix + SHA256[-32:]],
)  # fmt: skip
def test_anything_else_is_refused(value):
    with pytest.raises(InvalidRequestError) as refused:
        parse_digest_info(value)
    assert refused.value.field == "Hash"


def test_bare_bytes_are_wrapped_only_where_that_is_allowed_and_only_32():
    assert parse_digest_info(SHA256[-32:], wrap_bare=True) == Digest.of(
        DigestAlgorithm.SHA256, b"a"
    )
    for value in (b"\0" * 20, b"\0" * 31, b"\0" * 48, b"\0" * 64, SHA1):
        with pytest.raises(InvalidRequestError):
            parse_digest_info(value, wrap_bare=True)
