"""RFC 3161 / ETSI EN 319 422 time-stamping authority: DER in, DER out.

Tokens are put together from DER encoded beforehand; only TSTInfo and two hashes are new.
"""

import secrets
from dataclasses import dataclass
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certs.der import (
    MalformedDERError,
    Reader,
    explicit,
    generalized_time,
    named_bit,
    read_integer,
)
from certs.keys import (
    PrivateKey,
    algorithm_identifier,
    algorithm_of,
    checked_public_key,
    digest_for,
    digest_identifier,
    sign,
)
from certs.timestamp_verifier import (
    Expected,
    TimestampRefusedError,
    check_info,
    check_signature,
    parse_token,
)
from signer.domain.errors import QSCDUnavailableError, TimestampUnavailableError
from signer.domain.values import Digest, DigestAlgorithm
from signer.formats.der import (
    integer,
    object_identifier,
    octet_string,
    sequence,
    set_of,
    tlv,
    utf8_string,
)
from signer.ports import Clock, TimestampToken

_SIGNED_DATA: Final = object_identifier("1.2.840.113549.1.7.2")
_TST_INFO: Final = object_identifier("1.2.840.113549.1.9.16.1.4")
_CONTENT_TYPE: Final = object_identifier("1.2.840.113549.1.9.3")
_MESSAGE_DIGEST: Final = object_identifier("1.2.840.113549.1.9.4")
_SIGNING_CERTIFICATE_V2: Final = object_identifier("1.2.840.113549.1.9.16.2.47")
_VERSION_1: Final = integer(1)
_VERSION_3: Final = integer(3)
_GRANTED: Final = sequence(integer(0))
_REJECTION: Final = 2

# PKIFailureInfo bits (RFC 3161, 2.4.2)
_BAD_ALG: Final = 0
_BAD_REQUEST: Final = 2
_BAD_DATA_FORMAT: Final = 5
_UNACCEPTED_POLICY: Final = 15
_UNACCEPTED_EXTENSION: Final = 16
_SYSTEM_FAILURE: Final = 25

_ALGORITHMS: Final = {
    object_identifier(algorithm.value): algorithm for algorithm in DigestAlgorithm
}
_SERIAL_BITS: Final = 127
"""Random, so unique across processes without a counter."""


class _RejectedError(Exception):
    def __init__(self, bit: int, text: str) -> None:
        super().__init__(text)
        self.bit = bit
        self.text = text


@dataclass(frozen=True, slots=True)
class _Request:
    imprint: bytes
    """DER MessageImprint, as it came."""
    nonce: bytes
    """DER INTEGER as it came, or empty."""
    wants_certificate: bool


class TimeStampingUnit:
    """One key and certificate that stamp; safe to share between threads."""

    def __init__(
        self,
        key: PrivateKey,
        certificate: x509.Certificate,
        chain: tuple[x509.Certificate, ...],
        policy: str,
        clock: Clock,
    ) -> None:
        """``chain``: CA certificates sent along, without the root; ``policy``: dotted OID."""
        public_key = checked_public_key(certificate.public_key())
        self._key = key
        self.certificate = certificate
        self._clock = clock
        self._digest = digest_for(public_key)
        certificate_der = certificate.public_bytes(Encoding.DER)
        issuer = certificate.issuer.public_bytes()
        serial = integer(certificate.serial_number)
        self._policy = object_identifier(policy)
        self._accuracy = sequence(integer(1))  # one second: times are cut to whole ones
        self._digest_identifier = digest_identifier(self._digest)
        # ESSCertIDv2 (RFC 5035, 4): SHA-256 is the default and then left out.
        is_default = self._digest is DigestAlgorithm.SHA256
        hash_algorithm = () if is_default else (self._digest_identifier,)
        reference = sequence(
            *hash_algorithm,
            octet_string(self._digest.of(certificate_der)),
            sequence(sequence(explicit(4, issuer)), serial),
        )
        self._fixed_attributes = (
            _attribute(_CONTENT_TYPE, _TST_INFO),
            _attribute(_SIGNING_CERTIFICATE_V2, sequence(sequence(reference))),
        )
        self._signer_head = _VERSION_1 + sequence(issuer, serial) + self._digest_identifier
        self._signature_algorithm = algorithm_identifier(algorithm_of(public_key))
        chain_ders = [one.public_bytes(Encoding.DER) for one in chain]
        self._certificates = set_of(certificate_der, *chain_ders, tag=0xA0)

    def respond(self, request_der: bytes) -> bytes:
        """Answer a ``TimeStampReq`` with a ``TimeStampResp``, granted or rejected.

        Bad input and a silent HSM are rejections, not exceptions.
        """
        try:
            token = self._token(self._read(request_der))
        except MalformedDERError:
            return _rejection(_BAD_DATA_FORMAT, "the request is not a TimeStampReq")
        except _RejectedError as rejected:
            return _rejection(rejected.bit, rejected.text)
        except QSCDUnavailableError:
            return _rejection(_SYSTEM_FAILURE, "the key does not answer, try again later")
        return sequence(_GRANTED, token)

    def _read(self, der: bytes) -> _Request:
        outer = Reader(der)
        body = outer.inside(0x30)
        outer.end()
        if read_integer(body.content(0x02)) != 1:
            raise _RejectedError(_BAD_REQUEST, "version 1 is spoken here")
        imprint = body.raw(0x30)
        _check_imprint(imprint)
        if body.next_tag() == 0x06:  # noqa: PLR2004 - OBJECT IDENTIFIER
            wanted = body.raw(0x06)
            if wanted != self._policy:
                raise _RejectedError(_UNACCEPTED_POLICY, "this policy is not served")
        nonce = b""
        if body.next_tag() == 0x02:  # noqa: PLR2004 - INTEGER
            nonce = body.raw(0x02)
            read_integer(Reader(nonce).content(0x02))
        wants_certificate = False
        if body.next_tag() == 0x01:
            # DEFAULT FALSE is not to be encoded in DER, but old clients do.
            wants_certificate = body.content(0x01) != b"\x00"
        if body.next_tag() == 0xA0:  # noqa: PLR2004 - [0] extensions
            body.raw(0xA0)
            raise _RejectedError(_UNACCEPTED_EXTENSION, "no extension is accepted")
        body.end()
        return _Request(imprint, nonce, wants_certificate)

    def _token(self, request: _Request) -> bytes:
        info = sequence(
            _VERSION_1,
            self._policy,
            request.imprint,
            integer(secrets.randbits(_SERIAL_BITS) | 1),
            generalized_time(self._clock.now()),
            self._accuracy,
            request.nonce,
        )
        message_digest = _attribute(_MESSAGE_DIGEST, octet_string(self._digest.of(info)))
        attributes = set_of(*self._fixed_attributes, message_digest)
        signature = sign(self._key, attributes, self._digest)
        signer = sequence(
            self._signer_head,
            b"\xa0" + attributes[1:],
            self._signature_algorithm,
            octet_string(signature),
        )
        signed_data = sequence(
            _VERSION_3,
            set_of(self._digest_identifier),
            sequence(_TST_INFO, explicit(0, octet_string(info))),
            self._certificates if request.wants_certificate else b"",
            set_of(signer),
        )
        return sequence(_SIGNED_DATA, explicit(0, signed_data))


class LocalTimestampAuthority:
    """The port ``TimestampAuthority`` on our own unit, without HTTP."""

    def __init__(self, unit: TimeStampingUnit) -> None:
        self._unit = unit

    def stamp(self, digest: Digest) -> TimestampToken:
        """Stamp and check the token as a client would (the chain is our own certificate).

        Raises TimestampUnavailableError when the key does not answer or the token is not right.
        """
        nonce = secrets.randbits(63) | 1
        answer = Reader(self._unit.respond(request_der(digest, nonce))).inside(0x30)
        answer.raw(0x30)
        if answer.next_tag() is None:
            raise TimestampUnavailableError
        der = answer.raw(0x30)
        try:
            token = parse_token(der)
            generated_at = check_info(token, Expected(digest=digest, nonce=nonce))
            check_signature(token, self._unit.certificate)
        except TimestampRefusedError as error:
            raise TimestampUnavailableError from error
        return TimestampToken(der, generated_at)


def request_der(digest: Digest, nonce: int | None, policy: str = "") -> bytes:
    """A ``TimeStampReq`` that asks for the TSA's certificate."""
    return sequence(
        _VERSION_1,
        sequence(digest_identifier(digest.algorithm), octet_string(digest.value)),
        object_identifier(policy) if policy else b"",
        b"" if nonce is None else integer(nonce),
        tlv(0x01, b"\xff"),
    )


def _check_imprint(imprint: bytes) -> None:
    outer = Reader(imprint).inside(0x30)
    identifier = outer.inside(0x30)
    hashed = outer.content(0x04)
    outer.end()
    algorithm = _ALGORITHMS.get(identifier.raw(0x06))
    if algorithm is None:
        raise _RejectedError(_BAD_ALG, "SHA-256, SHA-384 and SHA-512 are accepted")
    if identifier.next_tag() is not None and identifier.content(0x05):
        raise MalformedDERError("digest parameters are absent or NULL")
    identifier.end()
    if len(hashed) != algorithm.size:
        raise _RejectedError(_BAD_DATA_FORMAT, "the imprint does not fit its algorithm")


def _attribute(oid: bytes, value: bytes) -> bytes:
    return sequence(oid, set_of(value))


def _rejection(bit: int, text: str) -> bytes:
    return sequence(sequence(integer(_REJECTION), sequence(utf8_string(text)), named_bit(bit)))
