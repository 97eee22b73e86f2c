"""Collects what lets a signature be verified offline: paths, OCSP answers, CRLs; all verified."""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Final, final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID, ExtendedKeyUsageOID

from certs.fetching import CRL_LIMIT, OCSP_LIMIT, Fetch, FetchError, host_of
from certs.path_building import (
    Path,
    PathBuilder,
    access_addresses,
    has_issued,
    is_web_address,
)
from certs.revocation_check import (
    CRLAnswer,
    OCSPAnswer,
    RevocationRefusedError,
    RevokedError,
    check_crl,
    check_ocsp,
    distribution_points,
    ocsp_request,
)
from signer.domain.errors import (
    InvalidRequestError,
    QSCDUnavailableError,
    RevocationUnavailableError,
    StoreUnavailableError,
)
from signer.ports import Clock, ValidationMaterial

_MAX_CERTIFICATES: Final = 32
_MAX_ADDRESSES: Final = 3
"""Addresses of one kind tried for one certificate."""
_KEPT: Final = 256
"""Answers kept in memory."""
_RETRY_AFTER: Final = 30
_Answer = OCSPAnswer | CRLAnswer


@final
@dataclass(frozen=True, slots=True)
class _Memory:
    """Verified answers about CAs and responders, for a while; of one process."""

    keep: timedelta
    answers: dict[tuple[bytes, bytes], tuple[_Answer, datetime]] = field(default_factory=dict)
    lists: dict[str, tuple[bytes, datetime]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, key: tuple[bytes, bytes], now: datetime) -> _Answer | None:
        with self.lock:
            found = self.answers.get(key)
        return found[0] if found is not None and now < found[1] else None

    def remember(self, key: tuple[bytes, bytes], answer: _Answer, now: datetime) -> None:
        with self.lock:
            while len(self.answers) >= _KEPT:
                del self.answers[next(iter(self.answers))]
            self.answers[key] = (answer, min(answer.good_until, now + self.keep))

    def crl(self, url: str, now: datetime) -> bytes | None:
        with self.lock:
            found = self.lists.get(url)
        return found[0] if found is not None and now < found[1] else None

    def remember_crl(self, url: str, answer: CRLAnswer, now: datetime) -> None:
        with self.lock:
            while len(self.lists) >= _MAX_CERTIFICATES:
                del self.lists[next(iter(self.lists))]
            self.lists[url] = (answer.der, min(answer.good_until, now + self.keep))


@final
class OnlineValidationData:
    """The port ``ValidationDataSource``: OCSP first, else CRL, for everything below an anchor.

    Answers about the end entities asked for are always fresh, so that they are younger than the
    signature; those about CAs and responders are kept for ``keep`` or until nextUpdate.
    """

    def __init__(
        self,
        anchors: Sequence[bytes],
        fetch: Fetch,
        clock: Clock,
        *,
        intermediates: Sequence[bytes] = (),
        keep: timedelta = timedelta(minutes=10),
        budget: timedelta = timedelta(seconds=20),
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """``anchors``, ``intermediates``: DER; ``budget``: for all exchanges of one call."""
        self._anchors = [x509.load_der_x509_certificate(one) for one in anchors]
        self._intermediates = [x509.load_der_x509_certificate(one) for one in intermediates]
        self._fetch = fetch
        self._clock = clock
        self._memory = _Memory(keep)
        self._budget = budget.total_seconds()
        self._monotonic = monotonic

    def collect(
        self, certificates: Sequence[bytes], pool: Sequence[bytes] = ()
    ) -> ValidationMaterial:
        """See the port.  Anchors are left out of the certificates."""
        try:
            wanted = [x509.load_der_x509_certificate(one) for one in dict.fromkeys(certificates)]
            at_hand = [x509.load_der_x509_certificate(one) for one in dict.fromkeys(pool)]
        except ValueError as error:
            raise InvalidRequestError("a certificate is malformed", field="document") from error
        if len(wanted) > _MAX_CERTIFICATES or len(at_hand) > _MAX_CERTIFICATES * 2:
            raise InvalidRequestError("there are too many certificates", field="document")
        now = self._clock.now()
        fetch = _Bounded(self._fetch, self._monotonic() + self._budget, self._monotonic)
        builder = PathBuilder(self._anchors, [*wanted, *at_hand, *self._intermediates], fetch, now)
        collection = _Collection(self._memory, fetch, builder, now, frozenset(wanted))
        for certificate in wanted:
            collection.cover(builder.path(certificate))
        return collection.material(self._anchors)

    def status(self, certificate: bytes, issuer: bytes) -> ValidationMaterial:
        """What is said about one certificate (DER), also that it is revoked; verified.

        Nothing when nothing can be had: for verification, which judges that itself.
        """
        try:
            subject = x509.load_der_x509_certificate(certificate)
            issuing = x509.load_der_x509_certificate(issuer)
        except ValueError:
            return ValidationMaterial()
        if not has_issued(issuing, subject):
            return ValidationMaterial()
        now = self._clock.now()
        fetch = _Bounded(self._fetch, self._monotonic() + self._budget, self._monotonic)
        builder = PathBuilder(self._anchors, (), fetch, now)
        collection = _Collection(self._memory, fetch, builder, now, frozenset((subject,)))
        return collection.status(subject, issuing)


@dataclass(frozen=True, slots=True)
class _Bounded:
    """A fetch that ends with the call's time budget."""

    fetch: Fetch
    deadline: float
    monotonic: Callable[[], float]

    def __call__(self, url: str, *, body: bytes | None, limit: int) -> bytes:
        if self.monotonic() > self.deadline:
            raise FetchError("the time for collecting revocation data is over")
        try:
            return self.fetch(url, body=body, limit=limit)
        except (StoreUnavailableError, QSCDUnavailableError) as error:
            raise FetchError("our own service does not answer") from error


@dataclass(frozen=True, slots=True)
class _Collection:
    """One call's certificates and answers, each once, in the order found."""

    memory: _Memory
    fetch: Fetch
    builder: PathBuilder
    now: datetime
    fresh: frozenset[x509.Certificate]
    certificates: dict[x509.Certificate, None] = field(default_factory=dict)
    covered: set[x509.Certificate] = field(default_factory=set)
    ocsp_responses: dict[bytes, None] = field(default_factory=dict)
    crls: dict[bytes, None] = field(default_factory=dict)

    def cover(self, path: Path) -> None:
        """Answers for every certificate of the path below its anchor."""
        for certificate, issuer in pairwise(path):
            self._cover_one(certificate, issuer)

    def status(self, certificate: x509.Certificate, issuer: x509.Certificate) -> ValidationMaterial:
        """The answer or list about one certificate, whatever it says; empty without one."""
        try:
            answer = self._answer(certificate, issuer)
        except RevocationUnavailableError:
            return ValidationMaterial()
        except RevokedError as revoked:
            return ValidationMaterial(
                ocsp_responses=(revoked.ocsp_response,) if revoked.ocsp_response else (),
                crls=(revoked.crl,) if revoked.crl else (),
            )
        if isinstance(answer, CRLAnswer):
            return ValidationMaterial(crls=(answer.der,))
        return ValidationMaterial(ocsp_responses=(answer.der,))

    def material(self, anchors: Iterable[x509.Certificate]) -> ValidationMaterial:
        """What was collected."""
        left_out = set(anchors)
        return ValidationMaterial(
            certificates=tuple(
                one.public_bytes(Encoding.DER) for one in self.certificates if one not in left_out
            ),
            ocsp_responses=tuple(self.ocsp_responses),
            crls=tuple(self.crls),
        )

    def _cover_one(self, certificate: x509.Certificate, issuer: x509.Certificate) -> None:
        if certificate in self.covered:
            return
        self.covered.add(certificate)
        self.certificates[certificate] = None
        if not certificate.not_valid_before_utc <= self.now <= certificate.not_valid_after_utc:
            raise InvalidRequestError("a certificate is not valid now", field="document")
        if _needs_no_check(certificate):
            return
        try:
            answer = self._answer(certificate, issuer)
        except RevokedError as error:
            raise InvalidRequestError(
                "a certificate of the signature is revoked", field="document"
            ) from error
        if isinstance(answer, CRLAnswer):
            self.crls[answer.der] = None
            return
        self.ocsp_responses[answer.der] = None
        if answer.responder is not None:
            self._cover_one(answer.responder, issuer)

    def _answer(self, certificate: x509.Certificate, issuer: x509.Certificate) -> _Answer:
        key = (certificate.public_bytes(Encoding.DER), issuer.public_bytes(Encoding.DER))
        kept = None if certificate in self.fresh else self.memory.answer(key, self.now)
        if kept is not None:
            return kept
        causes: list[Exception] = []
        for ask in (self._ask_ocsp, self._ask_crl):
            answer = ask(certificate, issuer, causes)
            if answer is not None:
                self.memory.remember(key, answer, self.now)
                return answer
        raise RevocationUnavailableError(retry_after=_RETRY_AFTER) from (
            ExceptionGroup("no acceptable revocation status", causes) if causes else None
        )

    def _ask_ocsp(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        causes: list[Exception],
    ) -> _Answer | None:
        body = ocsp_request(certificate, issuer)
        for url in access_addresses(certificate, AuthorityInformationAccessOID.OCSP)[
            :_MAX_ADDRESSES
        ]:
            try:
                answer = self.fetch(url, body=body, limit=OCSP_LIMIT)
                return check_ocsp(answer, certificate, issuer, self.now)
            except (FetchError, RevocationRefusedError) as error:
                error.add_note(f"OCSP at {host_of(url)}")
                causes.append(error)
        return None

    def _ask_crl(
        self,
        certificate: x509.Certificate,
        issuer: x509.Certificate,
        causes: list[Exception],
    ) -> _Answer | None:
        for url in _crl_addresses(certificate)[:_MAX_ADDRESSES]:
            try:
                kept = None if certificate in self.fresh else self.memory.crl(url, self.now)
                der = kept or self.fetch(url, body=None, limit=CRL_LIMIT)
                answer = check_crl(der, certificate, issuer, self.now)
            except (FetchError, RevocationRefusedError) as error:
                error.add_note(f"CRL at {host_of(url)}")
                causes.append(error)
                continue
            self.memory.remember_crl(url, answer, self.now)
            return answer
        return None


def _needs_no_check(certificate: x509.Certificate) -> bool:
    """A responder's certificate that says so is trusted for its lifetime (RFC 6960, 4.2.2.2.1)."""
    try:
        certificate.extensions.get_extension_for_class(x509.OCSPNoCheck)
        usage = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    except x509.ExtensionNotFound:
        return False
    return list(usage) == [ExtendedKeyUsageOID.OCSP_SIGNING]


def _crl_addresses(certificate: x509.Certificate) -> list[str]:
    """Addresses (http, https) of complete CRLs of the certificate's own issuer."""
    return [
        name.value
        for point in distribution_points(certificate)
        if point.crl_issuer is None and point.reasons is None
        for name in point.full_name or ()
        if is_web_address(name)
    ]
