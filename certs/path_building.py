"""Builds certificate paths from end entities to configured anchors (RFC 4158, 3)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import pkcs7
from cryptography.x509.oid import AuthorityInformationAccessOID

from certs.fetching import CERTIFICATE_LIMIT, Fetch, FetchError
from certs.revocation_check import is_ca
from signer.domain.errors import InvalidRequestError, RevocationUnavailableError

_MAX_DEPTH: Final = 6
_MAX_FETCHED: Final = 8
"""Issuers' certificates fetched for one path."""

Path = tuple[x509.Certificate, ...]
"""From the end entity to the anchor, both included."""


@dataclass(slots=True)
class PathBuilder:
    """Finds paths among given certificates, then by the caIssuers addresses in them."""

    anchors: Sequence[x509.Certificate]
    pool: Sequence[x509.Certificate]
    fetch: Fetch
    now: datetime
    _fetched: dict[str, tuple[x509.Certificate, ...]] = field(default_factory=dict)
    _failure: FetchError | None = None

    def path(self, certificate: x509.Certificate) -> Path:
        """The first path found.

        Raises InvalidRequestError when there is none, RevocationUnavailableError when an issuer's
        certificate that might make one could not be fetched.
        """
        self._failure = None
        if found := self._extend((certificate,)):
            return found
        if self._failure is not None:
            raise RevocationUnavailableError(
                "an issuer's certificate cannot be fetched now", retry_after=30
            ) from self._failure
        raise InvalidRequestError("a certificate does not lead to a trust anchor", field="document")

    def _extend(self, path: Path) -> Path | None:
        last = path[-1]
        if last in self.anchors:
            return path
        if len(path) == _MAX_DEPTH:
            return None
        for issuer in self._issuers(last):
            if issuer not in path and (found := self._extend((*path, issuer))):
                return found
        return None

    def _issuers(self, certificate: x509.Certificate) -> Iterator[x509.Certificate]:
        """Certificates that issued this one: anchors, then those at hand, then fetched ones."""
        for candidate in (*self.anchors, *self.pool):
            if has_issued(candidate, certificate):
                yield candidate
        if certificate.issuer == certificate.subject:
            return
        for url in _ca_issuers(certificate):
            for candidate in self._fetch_issuers(url):
                if has_issued(candidate, certificate):
                    yield candidate

    def _fetch_issuers(self, url: str) -> tuple[x509.Certificate, ...]:
        if url not in self._fetched:
            if len(self._fetched) == _MAX_FETCHED:
                return ()
            self._fetched[url] = ()
            try:
                found = _certificates(self.fetch(url, body=None, limit=CERTIFICATE_LIMIT))
            except FetchError as error:
                self._failure = error
                return ()
            self._fetched[url] = found
        return self._fetched[url]


def has_issued(issuer: x509.Certificate, certificate: x509.Certificate) -> bool:
    """True when ``issuer`` is a CA whose key signed ``certificate``."""
    if issuer.subject != certificate.issuer or not is_ca(issuer):
        return False
    try:
        certificate.verify_directly_issued_by(issuer)
    except (InvalidSignature, ValueError, TypeError, UnsupportedAlgorithm):
        return False
    return True


def access_addresses(certificate: x509.Certificate, method: x509.ObjectIdentifier) -> list[str]:
    """Addresses (http, https) of authorityInfoAccess for one method."""
    try:
        access = certificate.extensions.get_extension_for_class(
            x509.AuthorityInformationAccess
        ).value
    except x509.ExtensionNotFound:
        return []
    return [
        one.access_location.value
        for one in access
        if one.access_method == method and is_web_address(one.access_location)
    ]


def is_web_address(name: x509.GeneralName) -> bool:
    """Only http and https are ever asked: no ldap, no files."""
    return isinstance(name, x509.UniformResourceIdentifier) and name.value.startswith(
        ("http://", "https://")
    )


def _ca_issuers(certificate: x509.Certificate) -> list[str]:
    return access_addresses(certificate, AuthorityInformationAccessOID.CA_ISSUERS)


def _certificates(answer: bytes) -> tuple[x509.Certificate, ...]:
    """One certificate, or a certs-only CMS (RFC 5280, 4.2.2.1)."""
    try:
        return (x509.load_der_x509_certificate(answer),)
    except ValueError:
        pass
    try:
        return tuple(pkcs7.load_der_pkcs7_certificates(answer))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise FetchError("the answer holds no certificate") from error
