"""Checks an RFC 3161 answer; a :class:`TimestampToken` exists only after these checks."""

import asyncio
import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from asn1crypto import (  # type: ignore[import-untyped] # the library has no types
    cms,
    core,
    tsp,
)
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import PathError, ValidationError

from signer.domain.values import Digest, DigestAlgorithm
from signer.ports import TimestampToken

_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
_SET_OF: Final = b"\x31"


class TimestampRefusedError(ValueError):
    """An answer is not an acceptable token; never leaves this package."""


class _TimeStampResp(core.Sequence):  # type: ignore[misc] # asn1crypto has no types
    """The library's own class forgets that the token is OPTIONAL (RFC 3161, 2.4.2)."""

    _fields = [  # noqa: RUF012 - the library's way to declare a type
        ("status", tsp.PKIStatusInfo),
        ("time_stamp_token", cms.ContentInfo, {"optional": True}),
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What was asked."""

    digest: Digest
    nonce: int | None
    policy: str = ""
    """Dotted OID, or empty for any."""


@dataclass(frozen=True, slots=True)
class ParsedToken:
    """Parts of a token with one signer; nothing of it is trusted yet."""

    content: core.Sequence
    signed_data: core.Sequence
    info_der: bytes
    info: core.Sequence
    signer: core.Sequence


class TokenVerifier:
    """Accepts tokens of TSAs whose certificates chain to given anchors."""

    def __init__(
        self,
        anchors: Sequence[x509.Certificate],
        intermediates: Sequence[x509.Certificate] = (),
        *,
        clock_tolerance: timedelta = timedelta(minutes=2),
    ) -> None:
        """``clock_tolerance``: how far gen_time may be from our own clock."""
        self._anchors = [_asn1(certificate) for certificate in anchors]
        self._intermediates = [_asn1(certificate) for certificate in intermediates]
        self._tolerance = clock_tolerance

    def verify_response(self, der: bytes, expected: Expected, now: datetime) -> TimestampToken:
        """Check a ``TimeStampResp``; raises TimestampRefusedError saying why not."""
        try:
            response = _TimeStampResp.load(der, strict=True)
            status = response["status"]["status"].native
            token = response["time_stamp_token"]
            present = isinstance(token, cms.ContentInfo)
        except (ValueError, TypeError) as error:
            raise TimestampRefusedError("the answer is not a TimeStampResp") from error
        if status not in {"granted", "granted_with_mods"} or not present:
            raise TimestampRefusedError(f"the TSA refused: {status}")
        return self.verify_token(token.dump(), expected, now)

    def verify_token(self, der: bytes, expected: Expected, now: datetime) -> TimestampToken:
        """Check imprint, nonce, policy, time, signature, certificate and chain, in this order."""
        try:
            token = parse_token(der)
            certificate = _signer_certificate(token, self._intermediates)
            generated_at = check_info(token, expected)
            check_signature(token, certificate)
        except TimestampRefusedError:
            raise
        except (ValueError, TypeError, KeyError) as error:
            raise TimestampRefusedError("the token is malformed") from error
        if abs(generated_at - now) > self._tolerance:
            raise TimestampRefusedError("the time of the token is not now")
        self._check_chain(certificate, token, generated_at)
        return TimestampToken(der, generated_at)

    def _check_chain(
        self, certificate: x509.Certificate, token: ParsedToken, moment: datetime
    ) -> None:
        usage = _extended_key_usage(certificate)
        if usage is None or not usage.critical:
            raise TimestampRefusedError("the TSA's certificate has no critical extended key usage")
        if list(usage.value) != [ExtendedKeyUsageOID.TIME_STAMPING]:
            raise TimestampRefusedError("the TSA's certificate is not for time-stamping alone")
        embedded = [
            choice.chosen for choice in _certificates(token) if choice.name == "certificate"
        ]
        context = ValidationContext(
            trust_roots=self._anchors,
            other_certs=[*embedded, *self._intermediates],
            allow_fetching=False,
            moment=moment,
            time_tolerance=timedelta(0),
            revocation_mode="soft-fail",
        )
        validator = CertificateValidator(_asn1(certificate), validation_context=context)
        try:
            asyncio.run(validator.async_validate_path())
        except (PathError, ValidationError, ValueError) as error:
            raise TimestampRefusedError("the TSA's certificate is not trusted") from error


def parse_token(der: bytes) -> ParsedToken:
    """Read a token with exactly one signer; raises TimestampRefusedError or ValueError."""
    content = cms.ContentInfo.load(der, strict=True)
    if content["content_type"].native != "signed_data":
        raise TimestampRefusedError("the token is no SignedData")
    signed_data = content["content"]
    encapsulated = signed_data["encap_content_info"]
    if encapsulated["content_type"].native != "tst_info":
        raise TimestampRefusedError("the token holds no TSTInfo")
    if signed_data["version"].native != "v3":
        raise TimestampRefusedError("a token is SignedData of version 3 (RFC 5652, 5.1)")
    if len(signed_data["signer_infos"]) != 1:
        raise TimestampRefusedError("a token has one signer")
    info_der = bytes(encapsulated["content"])
    return ParsedToken(
        content=content,
        signed_data=signed_data,
        info_der=info_der,
        info=tsp.TSTInfo.load(info_der, strict=True),
        signer=signed_data["signer_infos"][0],
    )


def check_info(token: ParsedToken, expected: Expected) -> datetime:
    """Imprint, nonce and policy are those asked for; gives the token's time."""
    info = token.info
    if info["version"].native != "v1":
        raise TimestampRefusedError("TSTInfo of another version")
    imprint = info["message_imprint"]
    algorithm = imprint["hash_algorithm"]["algorithm"].dotted
    same = hmac.compare_digest(imprint["hashed_message"].native, expected.digest.value)
    if algorithm != expected.digest.algorithm.value or not same:
        raise TimestampRefusedError("the token is for another digest")
    if info["nonce"].native != expected.nonce:
        raise TimestampRefusedError("the token answers another request (nonce)")
    if expected.policy and info["policy"].dotted != expected.policy:
        raise TimestampRefusedError("the token has another policy")
    generated_at = info["gen_time"].native
    if not isinstance(generated_at, datetime):
        raise TimestampRefusedError("the token has no time")
    return generated_at


def check_signature(token: ParsedToken, certificate: x509.Certificate) -> None:
    """Signed attributes name the TSTInfo and the certificate, and the signature is theirs."""
    attributes = _signed_attributes(token)
    if _only(attributes, "content_type").native != "tst_info":
        raise TimestampRefusedError("the signed content type is not TSTInfo")
    digest_name = token.signer["digest_algorithm"]["algorithm"].native
    algorithm = _HASHES.get(digest_name)
    if algorithm is None:
        raise TimestampRefusedError("the token is signed over a digest that is not accepted")
    computed = DigestAlgorithm[digest_name.upper()].of(token.info_der)
    if not hmac.compare_digest(_only(attributes, "message_digest").native, computed):
        raise TimestampRefusedError("the signed digest is not that of the TSTInfo")
    _check_certificate_reference(attributes, certificate)
    # What is signed has the tag of a SET OF instead of [0] (RFC 5652, 5.4).
    signed = _SET_OF + token.signer["signed_attrs"].dump()[1:]
    signature = token.signer["signature"].native
    method = token.signer["signature_algorithm"]
    if method["algorithm"].native in {"sha1_rsa", "md5_rsa", "sha1_ecdsa"}:
        raise TimestampRefusedError("the token's signature algorithm is not accepted")
    key = certificate.public_key()
    try:
        if isinstance(key, rsa.RSAPublicKey):
            key.verify(signature, signed, _padding(method, algorithm), algorithm)
        elif isinstance(key, ec.EllipticCurvePublicKey):
            key.verify(signature, signed, ec.ECDSA(algorithm))
        else:
            raise TimestampRefusedError("the TSA's key is of a kind that is not accepted")
    except (InvalidSignature, UnsupportedAlgorithm) as error:
        raise TimestampRefusedError("the token's signature does not verify") from error


def _padding(method: core.Sequence, algorithm: hashes.HashAlgorithm) -> padding.AsymmetricPadding:
    if method["algorithm"].native == "rsassa_pss":
        return padding.PSS(
            mgf=padding.MGF1(algorithm), salt_length=method["parameters"]["salt_length"].native
        )
    return padding.PKCS1v15()


def _check_certificate_reference(
    attributes: dict[str, list[core.Asn1Value]], certificate: x509.Certificate
) -> None:
    """ESSCertID(v2): RFC 5816 or RFC 3161; SHA-1 only identifies here, the chain proves."""
    if "signing_certificate_v2" in attributes:
        reference = _only(attributes, "signing_certificate_v2")["certs"][0]
        name = reference["hash_algorithm"]["algorithm"].native
    elif "signing_certificate" in attributes:
        reference, name = _only(attributes, "signing_certificate")["certs"][0], "sha1"
    else:
        raise TimestampRefusedError("the token does not name its certificate")
    known: dict[str, hashes.HashAlgorithm] = {**_HASHES, "sha1": hashes.SHA1()}  # noqa: S303 - RFC 3161's own identifier, not a proof
    algorithm = known.get(name)
    if algorithm is None or not hmac.compare_digest(
        reference["cert_hash"].native, certificate.fingerprint(algorithm)
    ):
        raise TimestampRefusedError("the token names another certificate")


def _signed_attributes(token: ParsedToken) -> dict[str, list[core.Asn1Value]]:
    found: dict[str, list[core.Asn1Value]] = {}
    for attribute in token.signer["signed_attrs"]:
        name = attribute["type"].native
        if name in found:
            raise TimestampRefusedError(f"attribute {name} appears twice")
        found[name] = list(attribute["values"])
    return found


def _only(attributes: dict[str, list[core.Asn1Value]], name: str) -> core.Asn1Value:
    values = attributes.get(name, [])
    if len(values) != 1:
        raise TimestampRefusedError(f"attribute {name} must have one value")
    return values[0]


def _certificates(token: ParsedToken) -> Sequence[core.Choice]:
    certificates = token.signed_data["certificates"]
    return () if isinstance(certificates, core.Void) else tuple(certificates)


def _signer_certificate(
    token: ParsedToken, others: Sequence[asn1_x509.Certificate]
) -> x509.Certificate:
    embedded = [choice.chosen for choice in _certificates(token) if choice.name == "certificate"]
    sid = token.signer["sid"]
    for candidate in (*embedded, *others):
        if sid.name == "issuer_and_serial_number":
            matches = (
                candidate.issuer == sid.chosen["issuer"]
                and candidate.serial_number == sid.chosen["serial_number"].native
            )
        else:
            matches = candidate.key_identifier == sid.chosen.native
        if matches:
            return x509.load_der_x509_certificate(candidate.dump())
    raise TimestampRefusedError("the TSA's certificate is not in the token")


def _extended_key_usage(
    certificate: x509.Certificate,
) -> x509.Extension[x509.ExtendedKeyUsage] | None:
    try:
        return certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    except x509.ExtensionNotFound:
        return None


def _asn1(certificate: x509.Certificate) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(certificate.public_bytes(Encoding.DER))
