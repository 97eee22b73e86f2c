"""Revocation status from the addresses that certificates name: OCSP first, then CRLs."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import AuthorityInformationAccessOID

from signer.adapters.http import HTTPCaller, HTTPCallError
from signer.domain.client import is_loopback
from signer.validation import RevocationData

_MAX_BYTES: Final = 8 * 1024 * 1024
_OK: Final = 200


@dataclass(slots=True)
class AskedRevocation:
    """A source for :class:`~signer.validation.TrustPolicy` that remembers whom it asked.

    Files are untrusted: it connects to public addresses and to this machine, nowhere else.
    """

    timeout_seconds: float = 5.0
    answers: list[str] = field(default_factory=list)
    """``address: answered`` or what went wrong, in order; for people."""
    _known: dict[str, bytes | None] = field(default_factory=dict)

    def __call__(self, certificate_der: bytes, issuer_der: bytes) -> RevocationData:
        """Ask; gives nothing where nobody answers.  Raises nothing."""
        try:
            certificate = x509.load_der_x509_certificate(certificate_der)
            issuer = x509.load_der_x509_certificate(issuer_der)
            certificate.verify_directly_issued_by(issuer)
            ocsp_urls, crl_urls = list(_ocsp_urls(certificate)), list(_crl_urls(certificate))
            request = _ocsp_request(certificate, issuer)
        except Exception:  # noqa: BLE001 - certificates of others: cryptography raises many kinds
            return RevocationData()
        for url in ocsp_urls:
            answer = self._ask("POST", url, request)
            if answer is not None:
                return RevocationData(ocsp_responses=(answer,))
        for url in crl_urls:
            answer = self._ask("GET", url, b"")
            if answer is not None:
                return RevocationData(crls=(answer,))
        return RevocationData()

    def _ask(self, method: str, url: str, content: bytes) -> bytes | None:
        key = f"{url}|{content.hex()}"
        if key not in self._known:
            self._known[key] = self._call(method, url, content)
        return self._known[key]

    def _call(self, method: str, url: str, content: bytes) -> bytes | None:
        caller = HTTPCaller(
            timeout_seconds=self.timeout_seconds,
            max_bytes=_MAX_BYTES,
            public_only=not is_loopback(urlsplit(url).hostname or ""),
        )
        headers = {"Content-Type": "application/ocsp-request"} if content else {}
        try:
            answer = caller.call(method, url, headers, content)
        except HTTPCallError as error:
            self.answers.append(f"{url}: {error}")
            return None
        good = answer.status == _OK and (_is_ocsp if content else _is_crl)(answer.content)
        self.answers.append(f"{url}: {'answered' if good else 'no usable answer'}")
        return answer.content if good else None


def _ocsp_request(certificate: x509.Certificate, issuer: x509.Certificate) -> bytes:
    """SHA-1 only names the issuer: every responder knows it (RFC 6960, 4.3)."""
    builder = ocsp.OCSPRequestBuilder().add_certificate(
        certificate,
        issuer,
        hashes.SHA1(),  # noqa: S303 - no security rests on it
    )
    return builder.build().public_bytes(Encoding.DER)


def _ocsp_urls(certificate: x509.Certificate) -> Iterator[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except x509.ExtensionNotFound:
        return
    for description in access.value:
        if description.access_method == AuthorityInformationAccessOID.OCSP:
            yield from _web(description.access_location)


def _crl_urls(certificate: x509.Certificate) -> Iterator[str]:
    try:
        points = certificate.extensions.get_extension_for_class(x509.CRLDistributionPoints)
    except x509.ExtensionNotFound:
        return
    for point in points.value:
        for name in point.full_name or ():
            yield from _web(name)


def _web(name: x509.GeneralName) -> Iterator[str]:
    if isinstance(name, x509.UniformResourceIdentifier) and urlsplit(name.value).scheme in {
        "http",
        "https",
    }:
        yield name.value


def _is_ocsp(content: bytes) -> bool:
    try:
        return ocsp.load_der_ocsp_response(content).response_status.value == 0
    except ValueError:
        return False


def _is_crl(content: bytes) -> bool:
    try:
        x509.load_der_x509_crl(content)
    except ValueError:
        return False
    return True
