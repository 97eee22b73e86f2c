"""Revocation data is collected for whole paths, verified, and never guessed."""

from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509 import ocsp
from cryptography.x509.oid import ExtendedKeyUsageOID

from certs import profiles
from certs.authority import Validity, validity_of
from certs.fetching import FetchError, OwnAnswers, refuse_to_fetch
from certs.ocsp import TRY_LATER, OCSPResponder
from certs.profiles import Addresses
from certs.setup import ISSUING, ROOT, Role
from certs.validation_data import OnlineValidationData
from signer.domain.errors import InvalidRequestError, RevocationUnavailableError
from signer.domain.values import KeyAlgorithm
from tests.fixtures.pki import NAMES, PKI_URL, software_key

ADDRESSES = Addresses(pki_url=PKI_URL)


def der(certificate):
    return certificate.public_bytes(Encoding.DER)


class Counting:
    """A fetch that remembers what was asked."""

    def __init__(self, inner):
        self.inner = inner
        self.asked = []

    def __call__(self, url, *, body, limit):
        self.asked.append((url, body is not None))
        return self.inner(url, body=body, limit=limit)


@pytest.fixture
def answers(pki):
    """The trust service's own answers, to be spoilt by tests."""
    return OwnAnswers(
        posted={ADDRESSES.ocsp(name): pki.ocsp(name).respond for name in (ROOT, ISSUING)},
        served={
            ADDRESSES.crl(ROOT): lambda: pki.hierarchy.root_crl_der,
            ADDRESSES.crl(ISSUING): pki.crl().current,
            ADDRESSES.ca(ROOT): lambda: der(pki.root),
            ADDRESSES.ca(ISSUING): lambda: der(pki.issuing),
        },
    )


@pytest.fixture
def source(pki, answers):
    def make(fetch=answers, **settings):
        return OnlineValidationData([der(pki.root)], fetch, pki.clock, **settings)

    return make


@pytest.fixture
def leaf(pki, holder):
    return pki.issue(holder)[1][0]


def spoilt(answers, url, change):
    """The same answers, those at ``url`` after ``change``."""
    posted = {
        where: (lambda body, r=respond: change(r(body))) if where == url else respond
        for where, respond in answers.posted.items()
    }
    return OwnAnswers(posted=posted, served=dict(answers.served), elsewhere=answers.elsewhere)


def without(answers, *urls):
    return OwnAnswers(
        posted={url: one for url, one in answers.posted.items() if url not in urls},
        served={url: one for url, one in answers.served.items() if url not in urls},
    )


def test_a_path_with_all_its_answers_is_collected(pki, source, leaf):
    found = source().collect([leaf])
    responders = {pki.hierarchy.der(one) for one in (Role.OCSP_ROOT, Role.OCSP_ISSUING)}
    assert set(found.certificates) == {leaf, der(pki.issuing), *responders}
    assert len(found.ocsp_responses) == 2
    assert found.crls == ()
    serials = {ocsp.load_der_ocsp_response(one).serial_number for one in found.ocsp_responses}
    assert serials == {
        x509.load_der_x509_certificate(leaf).serial_number,
        pki.issuing.serial_number,
    }


def test_a_missing_issuer_is_fetched_by_its_address_and_a_given_one_is_not(
    pki, source, answers, leaf
):
    asked = Counting(answers)
    source(asked).collect([leaf])
    assert (ADDRESSES.ca(ISSUING), False) in asked.asked
    asked = Counting(answers)
    source(asked).collect([leaf], [der(pki.issuing)])
    assert [url for url, posted in asked.asked if not posted] == []


def test_the_time_stamping_unit_is_covered_beside_the_signer(pki, source, leaf):
    tsa = pki.hierarchy.der(Role.TSA)
    found = source().collect([leaf, tsa])
    assert {leaf, tsa} < set(found.certificates)
    assert len(found.ocsp_responses) == 3


def test_without_ocsp_the_lists_are_taken(source, answers, leaf):
    fetch = without(answers, ADDRESSES.ocsp(ROOT), ADDRESSES.ocsp(ISSUING))
    found = source(fetch).collect([leaf])
    assert found.ocsp_responses == ()
    assert len(found.crls) == 2


@pytest.mark.parametrize("means", ["ocsp", "crl"])
@pytest.mark.parametrize("status", ["revoked", "suspended"])
def test_a_revoked_certificate_is_refused_and_not_retried(
    pki, source, answers, leaf, means, status
):
    pki.ca.set_status(leaf, status)
    fetch = answers if means == "ocsp" else without(answers, ADDRESSES.ocsp(ISSUING))
    with pytest.raises(InvalidRequestError, match="revoked"):
        source(fetch).collect([leaf])


def test_revocation_is_seen_at_once_whatever_was_answered_before(pki, source, leaf):
    one = source()
    one.collect([leaf])
    pki.ca.set_status(leaf, "revoked")
    with pytest.raises(InvalidRequestError, match="revoked"):
        one.collect([leaf])


def test_answers_about_cas_are_kept_for_a_while_and_those_about_signers_never(
    pki, source, answers, leaf, clock
):
    asked = Counting(answers)
    one = source(asked, keep=timedelta(seconds=30))

    def posted():
        asked.asked.clear()
        one.collect([leaf], [der(pki.issuing)])
        return [url for url, is_posted in asked.asked if is_posted]

    both = [ADDRESSES.ocsp(ISSUING), ADDRESSES.ocsp(ROOT)]
    assert posted() == both
    assert posted() == both[:1]
    clock.advance(seconds=31)
    assert posted() == both


def test_no_answer_at_all_is_unavailable_and_not_a_lower_level(source, answers, leaf):
    with pytest.raises(RevocationUnavailableError):
        source(without(answers, *answers.posted, ADDRESSES.crl(ISSUING))).collect([leaf])
    with pytest.raises(RevocationUnavailableError):
        source(without(answers, *answers.posted, ADDRESSES.crl(ROOT))).collect([leaf])


def test_an_unreachable_issuer_is_unavailable_and_a_foreign_root_is_refused(
    pki, source, answers, leaf, clock
):
    with pytest.raises(RevocationUnavailableError):
        source(refuse_to_fetch).collect([leaf])
    other = OnlineValidationData([pki.hierarchy.der(Role.TRUSTED_LIST)], answers, clock)
    with pytest.raises(InvalidRequestError, match="trust anchor"):
        other.collect([leaf])
    with pytest.raises(InvalidRequestError, match="trust anchor"):
        OnlineValidationData([], answers, clock).collect([leaf])


def _flip(der_):
    return der_[:-700] + bytes((der_[-700] ^ 1,)) + der_[-699:]


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda _: b"", id="empty"),
        pytest.param(lambda _: b"<html>", id="html"),
        pytest.param(lambda _: TRY_LATER, id="try later"),
        pytest.param(lambda one: one[:-1], id="cut off"),
        pytest.param(_flip, id="a bit turned"),
    ],
)
def test_an_answer_that_proves_nothing_is_not_taken(source, answers, leaf, change):
    fetch = spoilt(without(answers, ADDRESSES.crl(ISSUING)), ADDRESSES.ocsp(ISSUING), change)
    with pytest.raises(RevocationUnavailableError):
        source(fetch).collect([leaf])


def with_responder(pki, answers, certificate, key, issuer=None, clock=None):
    responder = OCSPResponder(
        ISSUING,
        issuer or pki.issuing,
        certificate,
        key,
        pki.store,
        clock or pki.clock,
        lifetime=timedelta(seconds=60),
    )
    posted = dict(answers.posted) | {ADDRESSES.ocsp(ISSUING): responder.respond}
    return OwnAnswers(posted=posted, served=dict(without(answers, ADDRESSES.crl(ISSUING)).served))


def delegate(pki, key, extensions, validity=None, authority=None):
    authority = authority or pki.authority
    return authority.issue(
        NAMES.of(Role.OCSP_ISSUING),
        key.public_key(),
        validity or validity_of(authority.certificate),
        extensions,
    )


def test_a_responder_without_the_ocsp_usage_is_not_believed(pki, source, answers, leaf):
    key = pki.keys[Role.OCSP_ISSUING]
    plain = (profiles.key_usage(signature=True),)
    right = with_responder(pki, answers, delegate(pki, key, profiles.ocsp_responder()), key)
    assert source(right).collect([leaf]).ocsp_responses
    wrong = with_responder(pki, answers, delegate(pki, key, plain), key)
    with pytest.raises(RevocationUnavailableError):
        source(wrong).collect([leaf])


def test_a_responder_certified_for_something_else_is_not_believed(pki, source, answers, leaf):
    key = pki.keys[Role.OCSP_ISSUING]
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING])
    other = delegate(pki, key, (profiles.key_usage(signature=True), (usage, False)))
    with pytest.raises(RevocationUnavailableError):
        source(with_responder(pki, answers, other, key)).collect([leaf])


def test_an_answer_signed_with_another_key_is_not_believed(pki, source, answers, leaf):
    responder = pki.hierarchy.certificate(Role.OCSP_ISSUING)
    forged = with_responder(pki, answers, responder, pki.keys[Role.TSA])
    with pytest.raises(RevocationUnavailableError):
        source(forged).collect([leaf])


def test_a_responder_certified_by_another_ca_is_not_believed(pki, source, answers, leaf):
    other = with_responder(
        pki,
        answers,
        pki.hierarchy.certificate(Role.OCSP_ROOT),
        pki.keys[Role.OCSP_ROOT],
    )
    with pytest.raises(RevocationUnavailableError):
        source(other).collect([leaf])


def test_an_expired_responder_is_not_believed(pki, source, answers, leaf, clock):
    key = pki.keys[Role.OCSP_ISSUING]
    short = Validity(not_before=clock.now(), not_after=clock.now() + timedelta(hours=1))
    responder = delegate(pki, key, profiles.ocsp_responder(), short)
    fetch = with_responder(pki, answers, responder, key)
    assert source(fetch).collect([leaf]).ocsp_responses
    clock.advance(hours=2)
    with pytest.raises(RevocationUnavailableError):
        source(fetch).collect([leaf])


@pytest.mark.parametrize("shift", [timedelta(minutes=-2), timedelta(minutes=3)])
def test_an_answer_of_another_time_is_not_taken(pki, source, answers, leaf, clock, shift):
    from tests.fixtures.clock import FixedClock

    elsewhere = FixedClock(clock.now() + shift)
    responder = pki.hierarchy.certificate(Role.OCSP_ISSUING)
    fetch = with_responder(pki, answers, responder, pki.keys[Role.OCSP_ISSUING], clock=elsewhere)
    with pytest.raises(RevocationUnavailableError):
        source(fetch).collect([leaf])


def test_an_answer_about_another_certificate_is_not_taken(pki, source, answers, leaf, holder):
    other = x509.load_der_x509_certificate(pki.issue(holder, identity="c2")[1][0])
    from certs.revocation_check import ocsp_request

    about_other = answers.posted[ADDRESSES.ocsp(ISSUING)](ocsp_request(other, pki.issuing))
    fetch = spoilt(
        without(answers, ADDRESSES.crl(ISSUING)), ADDRESSES.ocsp(ISSUING), lambda _: about_other
    )
    with pytest.raises(RevocationUnavailableError):
        source(fetch).collect([leaf])


def test_a_list_of_another_issuer_or_with_a_turned_bit_is_not_taken(pki, source, answers, leaf):
    lists = without(answers, ADDRESSES.ocsp(ISSUING))
    right = lists.served[ADDRESSES.crl(ISSUING)]()
    assert source(lists).collect([leaf]).crls == (right,)
    for wrong in (pki.hierarchy.root_crl_der, right[:-1], right[:-5] + b"12345"):
        served = dict(lists.served) | {ADDRESSES.crl(ISSUING): lambda one=wrong: one}
        with pytest.raises(RevocationUnavailableError):
            source(OwnAnswers(posted=dict(lists.posted), served=served)).collect([leaf])


def test_an_old_list_is_not_taken(source, answers, leaf, clock):
    lists = without(answers, ADDRESSES.ocsp(ISSUING))
    old = lists.served[ADDRESSES.crl(ISSUING)]()
    served = dict(lists.served) | {ADDRESSES.crl(ISSUING): lambda: old}
    clock.advance(days=1, minutes=1)
    with pytest.raises(RevocationUnavailableError):
        source(OwnAnswers(posted=dict(lists.posted), served=served)).collect([leaf])


def test_the_time_budget_ends_a_collection(source, answers, leaf):
    times = iter(range(0, 1000, 15))
    with pytest.raises(RevocationUnavailableError):
        source(answers, monotonic=lambda: next(times)).collect([leaf])


def test_only_web_addresses_are_asked(pki, source):
    key = software_key(KeyAlgorithm.P_256)
    point = x509.DistributionPoint(
        [x509.UniformResourceIdentifier("file:///etc/passwd")], None, None, None
    )
    certificate = pki.authority.issue(
        NAMES.of(Role.TSA),
        key.public_key(),
        validity_of(pki.issuing),
        [(x509.CRLDistributionPoints([point]), False)],
    )
    asked = []

    def fetch(url, *, body, limit):
        del body, limit
        asked.append(url)
        raise FetchError

    with pytest.raises(RevocationUnavailableError):
        source(fetch).collect([der(certificate)], [der(pki.issuing)])
    assert asked == []


def test_garbage_instead_of_a_certificate_is_refused(source):
    with pytest.raises(InvalidRequestError):
        source().collect([b"no certificate"])
