"""``cryptography`` private keys whose signatures are made in the HSM.

The builders of ``cryptography`` (certificate, CRL, CSR, OCSP), signxml and pyHanko accept them as
they accept software keys; only signing works, everything that would show the key refuses.
"""

import hashlib
from collections.abc import Callable
from typing import Final, NoReturn

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils

from signer.domain.values import DigestAlgorithm

_DIGESTS: Final = {algorithm.hash_name: algorithm for algorithm in DigestAlgorithm}


def _digest_of(
    data: bytes, algorithm: utils.Prehashed | hashes.HashAlgorithm
) -> tuple[DigestAlgorithm, bytes]:
    """Digest ``data``, or take it as the digest when the algorithm says Prehashed."""
    if isinstance(algorithm, utils.Prehashed):
        # cryptography gives the inner algorithm no public name.
        kind = _DIGESTS.get(algorithm._algorithm.name)  # noqa: SLF001 - no public accessor exists
        if kind is not None and len(data) != kind.size:
            msg = f"a {kind.name} digest has {kind.size} bytes"
            raise ValueError(msg)
    else:
        kind = _DIGESTS.get(algorithm.name)
    if kind is None:
        msg = "the HSM keys sign SHA-256, SHA-384 and SHA-512 digests only"
        raise UnsupportedAlgorithm(msg)
    if isinstance(algorithm, utils.Prehashed):
        return kind, data
    return kind, hashlib.new(kind.hash_name, data).digest()


def _refuse(*_: object) -> NoReturn:
    msg = "the private key never leaves the HSM"
    raise UnsupportedAlgorithm(msg)


class HSMRSAPrivateKey(rsa.RSAPrivateKey):
    """An RSA key; ``sign_digest_info`` gets a DER DigestInfo, gives the PKCS#1 v1.5 block."""

    def __init__(
        self,
        public_key: Callable[[], rsa.RSAPublicKey],
        sign_digest_info: Callable[[bytes], bytes],
    ) -> None:
        self._public_key = public_key
        self._sign = sign_digest_info

    def sign(
        self,
        data: bytes | bytearray | memoryview,
        padding: padding.AsymmetricPadding,
        algorithm: utils.Prehashed | hashes.HashAlgorithm | utils.NoDigestInfo,
    ) -> bytes:
        """RSASSA-PKCS1-v1_5; raises UnsupportedAlgorithm for other paddings and digests."""
        if isinstance(algorithm, utils.NoDigestInfo) or padding.name != "EMSA-PKCS1-v1_5":
            msg = "the HSM keys sign with PKCS #1 v1.5 and a DigestInfo only"
            raise UnsupportedAlgorithm(msg)
        kind, digest = _digest_of(bytes(data), algorithm)
        return self._sign(kind.digest_info_prefix + digest)

    def public_key(self) -> rsa.RSAPublicKey:
        """Read from the token at first use."""
        return self._public_key()

    @property
    def key_size(self) -> int:
        """Modulus length in bits."""
        return self.public_key().key_size

    def decrypt(
        self,
        ciphertext: bytes | bytearray | memoryview,
        padding: padding.AsymmetricPadding,
    ) -> NoReturn:
        """Refused: raises UnsupportedAlgorithm."""
        _refuse(ciphertext, padding)

    def private_numbers(self) -> NoReturn:
        """Refused: raises UnsupportedAlgorithm."""
        _refuse()

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,  # noqa: A002 - the name cryptography calls with
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        """Refused: raises UnsupportedAlgorithm."""
        _refuse(encoding, format, encryption_algorithm)

    def __copy__(self) -> "HSMRSAPrivateKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "HSMRSAPrivateKey":
        return self


class HSMECPrivateKey(ec.EllipticCurvePrivateKey):
    """An EC key; ``sign_digest`` gets a digest, gives the fixed-length r | s."""

    def __init__(
        self,
        public_key: Callable[[], ec.EllipticCurvePublicKey],
        sign_digest: Callable[[bytes], bytes],
    ) -> None:
        self._public_key = public_key
        self._sign = sign_digest

    def sign(
        self,
        data: bytes | bytearray | memoryview,
        signature_algorithm: ec.EllipticCurveSignatureAlgorithm,
    ) -> bytes:
        """ECDSA, DER encoded; raises UnsupportedAlgorithm for other digests than SHA-2."""
        _, digest = _digest_of(bytes(data), signature_algorithm.algorithm)
        return ecdsa_der(self._sign(leftmost(digest, self.curve.key_size)))

    def public_key(self) -> ec.EllipticCurvePublicKey:
        """Read from the token at first use."""
        return self._public_key()

    @property
    def curve(self) -> ec.EllipticCurve:
        """The key's curve."""
        return self.public_key().curve

    @property
    def key_size(self) -> int:
        """Field size in bits."""
        return self.curve.key_size

    def exchange(self, algorithm: ec.ECDH, peer_public_key: ec.EllipticCurvePublicKey) -> NoReturn:
        """Refused: raises UnsupportedAlgorithm."""
        _refuse(algorithm, peer_public_key)

    def private_numbers(self) -> NoReturn:
        """Refused: raises UnsupportedAlgorithm."""
        _refuse()

    def private_bytes(
        self,
        encoding: serialization.Encoding,
        format: serialization.PrivateFormat,  # noqa: A002 - the name cryptography calls with
        encryption_algorithm: serialization.KeySerializationEncryption,
    ) -> NoReturn:
        """Refused: raises UnsupportedAlgorithm."""
        _refuse(encoding, format, encryption_algorithm)

    def __copy__(self) -> "HSMECPrivateKey":
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> "HSMECPrivateKey":
        return self


def leftmost(digest: bytes, bits: int) -> bytes:
    """The part of a digest that ECDSA signs (FIPS 186-5, 6.4.1); some modules do not cut."""
    return digest[: (bits + 7) // 8]


def ecdsa_der(fixed: bytes) -> bytes:
    """PKCS#11's r | s (equal halves) as DER SEQUENCE { r, s } (RFC 3279, 2.2.3)."""
    half = len(fixed) // 2
    r, s = int.from_bytes(fixed[:half], "big"), int.from_bytes(fixed[half:], "big")
    return utils.encode_dss_signature(r, s)
