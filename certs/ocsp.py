"""Online certificate status (RFC 6960): DER in, DER out.

Answers are put together from DER encoded beforehand and are made afresh for every request, so a
change of status is in the next answer.
"""

import hashlib
import hmac
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certs.crl import effective_reason
from certs.der import (
    MalformedDERError,
    Reader,
    bit_string,
    enumerated,
    explicit,
    generalized_time,
    implicit,
    read_integer,
)
from certs.keys import (
    PrivateKey,
    algorithm_identifier,
    algorithm_of,
    checked_public_key,
    digest_for,
    sign,
)
from certs.ports import CertificateStore
from signer.domain.certificate import CertificateStatus, RevocationReason, StatusEntry
from signer.domain.errors import QSCDUnavailableError, StoreUnavailableError
from signer.formats.der import object_identifier, octet_string, sequence
from signer.ports import Clock

_BASIC: Final = object_identifier("1.3.6.1.5.5.7.48.1.1")
_NONCE: Final = object_identifier("1.3.6.1.5.5.7.48.1.2")
_MAX_NONCE: Final = 32
"""RFC 8954, 2.1: 1 to 32 octets."""
_MAX_REQUESTS: Final = 16
_MAX_SERIAL_BITS: Final = 160

# OCSPResponseStatus (RFC 6960, 4.2.1)
MALFORMED_REQUEST: Final = sequence(enumerated(1))
TRY_LATER: Final = sequence(enumerated(3))
_SUCCESSFUL: Final = enumerated(0)

_GOOD: Final = implicit(0, b"")
_UNKNOWN: Final = implicit(2, b"")

# CertIDs name their issuer by hashes; SHA-1 is a name here, not a proof, and most clients use it.
_CERT_ID_HASHES: Final = {
    object_identifier("1.3.14.3.2.26"): "sha1",
    object_identifier("2.16.840.1.101.3.4.2.1"): "sha256",
    object_identifier("2.16.840.1.101.3.4.2.2"): "sha384",
    object_identifier("2.16.840.1.101.3.4.2.3"): "sha512",
}


@dataclass(frozen=True, slots=True)
class _CertID:
    der: bytes
    serial: int
    ours: bool


@dataclass(frozen=True, slots=True)
class _Request:
    wanted: tuple[_CertID, ...]
    nonce: bytes
    """DER Extension as it came, or empty."""


class OCSPResponder:
    """Answers for the certificates of one CA with a delegated key; safe between threads."""

    def __init__(
        self,
        name: str,
        issuer: x509.Certificate,
        responder: x509.Certificate,
        key: PrivateKey,
        store: CertificateStore,
        clock: Clock,
        *,
        lifetime: timedelta,
    ) -> None:
        """``lifetime``: nextUpdate - thisUpdate, i.e. how long others may keep an answer."""
        self.name = name
        self.lifetime = lifetime
        self._key = key
        self._store = store
        self._clock = clock
        public_key = checked_public_key(responder.public_key())
        self._digest = digest_for(public_key)
        self._algorithm = algorithm_identifier(algorithm_of(public_key))
        self._certificates = explicit(0, sequence(responder.public_bytes(Encoding.DER)))
        self._responder_id = explicit(2, octet_string(_key_hash(responder, "sha1")))
        self._issuer_hashes = {
            oid: (
                hashlib.new(hash_name, issuer.subject.public_bytes()).digest(),
                _key_hash(issuer, hash_name),
            )
            for oid, hash_name in _CERT_ID_HASHES.items()
        }

    def respond(self, request_der: bytes) -> bytes:
        """Answer an ``OCSPRequest`` with an ``OCSPResponse``.

        Malformed input gives malformedRequest, a silent database or HSM tryLater; serial numbers
        never issued here, and other issuers, give unknown.
        """
        try:
            request = self._read(request_der)
        except MalformedDERError:
            return MALFORMED_REQUEST
        try:
            return self._answer(request)
        except (StoreUnavailableError, QSCDUnavailableError):
            return TRY_LATER

    def has_nonce(self, request_der: bytes) -> bool:
        """Tell whether the answer is for this request only, so that nobody caches it."""
        try:
            return bool(self._read(request_der).nonce)
        except MalformedDERError:
            return True

    def _answer(self, request: _Request) -> bytes:
        serials = tuple({one.serial for one in request.wanted if one.ours})
        known = self._store.status(self.name, serials) if serials else {}
        now = self._clock.now()
        this_update = generalized_time(now)
        times = this_update + explicit(0, generalized_time(now + self.lifetime))
        answers = [
            sequence(one.der, _status(known.get(one.serial) if one.ours else None), times)
            for one in request.wanted
        ]
        extensions = explicit(1, sequence(request.nonce)) if request.nonce else b""
        content = sequence(self._responder_id, this_update, sequence(*answers), extensions)
        signature = bit_string(sign(self._key, content, self._digest))
        basic = sequence(content, self._algorithm, signature, self._certificates)
        return sequence(_SUCCESSFUL, explicit(0, sequence(_BASIC, octet_string(basic))))

    def _read(self, der: bytes) -> _Request:
        outer = Reader(der)
        signed = outer.inside(0x30)
        outer.end()
        body = signed.inside(0x30)
        if signed.next_tag() is not None:
            signed.raw(0xA0)  # optionalSignature: requests need none here, it is not looked at
        signed.end()
        if body.next_tag() == 0xA0:  # noqa: PLR2004 - [0] version
            version = body.inside(0xA0)
            if read_integer(version.content(0x02)) != 0:
                raise MalformedDERError("version 1 is spoken here")
            version.end()
        if body.next_tag() == 0xA1:  # noqa: PLR2004 - [1] requestorName
            body.raw(0xA1)
        wanted = self._read_list(body.inside(0x30))
        nonce = b""
        if body.next_tag() is not None:
            nonce = _read_extensions(body.inside(0xA2))
        body.end()
        return _Request(wanted, nonce)

    def _read_list(self, requests: Reader) -> tuple[_CertID, ...]:
        wanted: list[_CertID] = []
        while requests.next_tag() is not None:
            if len(wanted) == _MAX_REQUESTS:
                raise MalformedDERError("too many requests in one")
            one = requests.inside(0x30)
            wanted.append(self._read_cert_id(one.raw(0x30)))
            if one.next_tag() is not None:
                _read_extensions(one.inside(0xA0))
            one.end()
        if not wanted:
            raise MalformedDERError("nothing is asked")
        return tuple(wanted)

    def _read_cert_id(self, der: bytes) -> _CertID:
        fields = Reader(der).inside(0x30)
        identifier = fields.inside(0x30)
        hashes = self._issuer_hashes.get(identifier.raw(0x06))
        if identifier.next_tag() is not None:
            identifier.raw(0x05)
        identifier.end()
        name_hash, key_hash = fields.content(0x04), fields.content(0x04)
        serial = read_integer(fields.content(0x02))
        fields.end()
        ours = (
            hashes is not None
            and hmac.compare_digest(hashes[0], name_hash)
            and hmac.compare_digest(hashes[1], key_hash)
            and serial > 0
            and serial.bit_length() <= _MAX_SERIAL_BITS
        )
        return _CertID(der, serial, ours)


def _read_extensions(wrapper: Reader) -> bytes:
    """Give the nonce extension, or empty; a critical one we do not know is an error."""
    extensions = wrapper.inside(0x30)
    wrapper.end()
    nonce = b""
    while extensions.next_tag() is not None:
        der = extensions.raw(0x30)
        fields = Reader(der).inside(0x30)
        oid = fields.raw(0x06)
        critical = fields.next_tag() == 0x01 and fields.content(0x01) != b"\x00"
        value = fields.inside(0x04)
        fields.end()
        if oid == _NONCE:
            if nonce or not 1 <= len(value.content(0x04)) <= _MAX_NONCE:
                raise MalformedDERError("nonce")
            value.end()
            nonce = der
        elif critical:
            raise MalformedDERError("unknown critical extension")
    return nonce


def _status(entry: StatusEntry | None) -> bytes:
    """``CertStatus``: good [0], revoked [1] with time and reason, unknown [2]."""
    if entry is None:
        return _UNKNOWN
    if entry.status is CertificateStatus.GOOD:
        return _GOOD
    reason = effective_reason(entry)
    given = reason is not RevocationReason.UNSPECIFIED
    return explicit(
        1,
        generalized_time(entry.since),
        explicit(0, enumerated(reason.code)) if given else b"",
    )


def _key_hash(certificate: x509.Certificate, hash_name: str) -> bytes:
    """Hash of the subjectPublicKey bits, without tag, length and unused bits (RFC 6960, 4.1.1)."""
    key = certificate.public_key()
    info = Reader(key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)).inside(0x30)
    info.raw(0x30)
    return hashlib.new(hash_name, info.content(0x03)[1:]).digest()
