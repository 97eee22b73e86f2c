"""Judges OCSP answers and CRLs before anybody relies on them (RFC 6960, 3.2; RFC 5280, 6.3)."""

import hmac
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs.keys import PublicKey

_ACCEPTED: Final = (hashes.SHA256, hashes.SHA384, hashes.SHA512)
_SKEW: Final = timedelta(minutes=2)
"""How far another's clock may be ahead."""
_WITHOUT_NEXT_UPDATE: Final = timedelta(hours=1)
"""How old an answer may be that does not say until when it holds."""
_NAME_HASH: Final = hashes.SHA256()


_RSA_BITS: Final = 2048
"""Below what we use ourselves (TS 119 312, 8.1): CAs and responders of others still have these."""
_CURVES: Final = frozenset({"secp256r1", "secp384r1", "secp521r1"})


class RevocationRefusedError(ValueError):
    """An answer proves nothing; never leaves this package."""


class RevokedError(Exception):
    """An answer proves that the certificate is revoked or on hold; never leaves this package."""

    def __init__(self, *, ocsp_response: bytes = b"", crl: bytes = b"") -> None:
        """The answer or list that says so, DER."""
        super().__init__("the certificate is revoked")
        self.ocsp_response = ocsp_response
        self.crl = crl


@dataclass(frozen=True, slots=True)
class OCSPAnswer:
    """A verified answer that says good."""

    der: bytes
    responder: x509.Certificate | None
    """The delegated responder's certificate; None when the issuer itself signed."""
    good_until: datetime


@dataclass(frozen=True, slots=True)
class CRLAnswer:
    """A verified list that does not name the certificate."""

    der: bytes
    good_until: datetime


def ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """``OCSPRequest`` for one certificate, its issuer named by SHA-256, without nonce (DER).

    Freshness is judged by thisUpdate: the answer is kept with the signature, where a nonce says
    nothing to anybody.
    """
    builder = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _NAME_HASH)
    return builder.build().public_bytes(Encoding.DER)


def check_ocsp(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> OCSPAnswer:
    """Raises RevokedError, or RevocationRefusedError saying why the answer proves nothing."""
    try:
        response = ocsp.load_der_ocsp_response(der)
        if response.response_status is not ocsp.OCSPResponseStatus.SUCCESSFUL:
            raise RevocationRefusedError(f"the responder says {response.response_status.name}")
        single = _single(response, certificate, issuer)
        responder = _responder(response, issuer, now)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RevocationRefusedError(f"the OCSP answer is refused: {error}") from error
    good_until = single.next_update_utc or single.this_update_utc + _WITHOUT_NEXT_UPDATE
    if single.this_update_utc > now + _SKEW or good_until < now:
        raise RevocationRefusedError("the OCSP answer is not for now")
    if single.certificate_status is ocsp.OCSPCertStatus.REVOKED:
        raise RevokedError(ocsp_response=der)
    if single.certificate_status is not ocsp.OCSPCertStatus.GOOD:
        raise RevocationRefusedError("the responder does not know the certificate")
    return OCSPAnswer(der, None if responder == issuer else responder, good_until)


def _single(
    response: ocsp.OCSPResponse, certificate: x509.Certificate, issuer: x509.Certificate
) -> ocsp.OCSPSingleResponse:
    """The one answer about this certificate of this issuer."""
    asked = ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, _NAME_HASH).build()
    for single in response.responses:
        if (
            isinstance(single.hash_algorithm, type(_NAME_HASH))
            and single.serial_number == certificate.serial_number
            and hmac.compare_digest(single.issuer_name_hash, asked.issuer_name_hash)
            and hmac.compare_digest(single.issuer_key_hash, asked.issuer_key_hash)
        ):
            return single
    raise RevocationRefusedError("the answer is about another certificate")


def _responder(
    response: ocsp.OCSPResponse, issuer: x509.Certificate, now: datetime
) -> x509.Certificate:
    """Who signed: the issuer, or a delegate it certified for OCSP alone (RFC 6960, 4.2.2.2)."""
    for candidate in (issuer, *response.certificates):
        if not _is_named(response, candidate):
            continue
        _check_signature(response, candidate)
        if candidate != issuer:
            _check_delegation(candidate, issuer, now)
        return candidate
    raise RevocationRefusedError("the responder's certificate is not in the answer")


def _is_named(response: ocsp.OCSPResponse, candidate: x509.Certificate) -> bool:
    if response.responder_name is not None:
        return response.responder_name == candidate.subject
    digest = x509.SubjectKeyIdentifier.from_public_key(candidate.public_key()).digest
    return response.responder_key_hash == digest


def _check_delegation(responder: x509.Certificate, issuer: x509.Certificate, now: datetime) -> None:
    try:
        responder.verify_directly_issued_by(issuer)
        usage = responder.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except (InvalidSignature, x509.ExtensionNotFound, ValueError, TypeError) as error:
        raise RevocationRefusedError("the responder is not authorised by the issuer") from error
    if ExtendedKeyUsageOID.OCSP_SIGNING not in usage:
        raise RevocationRefusedError("the responder's certificate is not for OCSP")
    if not responder.not_valid_before_utc <= now + _SKEW or now > responder.not_valid_after_utc:
        raise RevocationRefusedError("the responder's certificate is not valid now")


def _check_signature(response: ocsp.OCSPResponse, signer: x509.Certificate) -> None:
    algorithm = response.signature_hash_algorithm
    if not isinstance(algorithm, _ACCEPTED):
        raise RevocationRefusedError("the answer's signature algorithm is not accepted")
    try:
        key = _accepted_key(signer)
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(
                response.signature, response.tbs_response_bytes, padding.PKCS1v15(), algorithm
            )
        else:
            key.verify(response.signature, response.tbs_response_bytes, ec.ECDSA(algorithm))
    except InvalidSignature as error:
        raise RevocationRefusedError("the answer's signature does not verify") from error


def _accepted_key(certificate: x509.Certificate) -> PublicKey:
    """Keys that others may have; ours are stronger."""
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey) and key.key_size >= _RSA_BITS:
        return key
    if isinstance(key, ec.EllipticCurvePublicKey) and key.curve.name in _CURVES:
        return key
    raise RevocationRefusedError("the key that signed is of a kind that is not accepted")


def check_crl(
    der: bytes, certificate: x509.Certificate, issuer: x509.Certificate, now: datetime
) -> CRLAnswer:
    """Raises RevokedError, or RevocationRefusedError saying why the list proves nothing."""
    try:
        crl = x509.load_der_x509_crl(der)
        if crl.issuer != certificate.issuer or crl.issuer != issuer.subject:
            raise RevocationRefusedError("the list is of another issuer")
        if not isinstance(crl.signature_hash_algorithm, _ACCEPTED):
            raise RevocationRefusedError("the list's signature algorithm is not accepted")
        if not crl.is_signature_valid(_accepted_key(issuer)):
            raise RevocationRefusedError("the list's signature does not verify")
        _check_scope(crl, certificate)
        good_until = crl.next_update_utc or crl.last_update_utc + _WITHOUT_NEXT_UPDATE
        if crl.last_update_utc > now + _SKEW or good_until < now:
            raise RevocationRefusedError("the list is not for now")
        entry = crl.get_revoked_certificate_by_serial_number(certificate.serial_number)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise RevocationRefusedError(f"the list is refused: {error}") from error
    if entry is not None:
        raise RevokedError(crl=der)
    return CRLAnswer(der, good_until)


def _check_scope(crl: x509.CertificateRevocationList, certificate: x509.Certificate) -> None:
    """The list is complete and covers this kind of certificate (RFC 5280, 5.2.4 and 5.2.5)."""
    for extension in crl.extensions:
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint):
            wrong_kind = (
                point.only_contains_attribute_certs
                or (point.only_contains_ca_certs and not is_ca(certificate))
                or (point.only_contains_user_certs and is_ca(certificate))
            )
            if wrong_kind or point.indirect_crl or point.only_some_reasons:
                raise RevocationRefusedError("the list covers other certificates")
            if not _same_point(point, certificate):
                raise RevocationRefusedError("the list is for another distribution point")
        elif extension.critical:
            raise RevocationRefusedError("the list has a critical extension unknown here")


def _same_point(point: x509.IssuingDistributionPoint, certificate: x509.Certificate) -> bool:
    """A list cut in parts proves something only for certificates that name this part."""
    if point.full_name is None:
        return point.relative_name is None
    named = [name for one in distribution_points(certificate) for name in one.full_name or ()]
    return any(name in named for name in point.full_name)


def distribution_points(certificate: x509.Certificate) -> tuple[x509.DistributionPoint, ...]:
    """Where the certificate says its CRLs are; empty when it does not."""
    try:
        return tuple(
            certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints).value
        )
    except x509.ExtensionNotFound:
        return ()


def is_ca(certificate: x509.Certificate) -> bool:
    """True when basicConstraints says so."""
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except x509.ExtensionNotFound:
        return False
