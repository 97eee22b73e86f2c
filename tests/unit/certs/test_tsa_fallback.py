"""Authorities in order: who fails is followed by the next, and rested."""

from datetime import timedelta

import pytest

from certs.timestamp_verifier import TokenVerifier
from certs.tsa_client import HTTPTimestampAuthority, TimestampSource
from certs.tsa_fallback import OrderedTimestampAuthorities
from signer.domain.errors import TimestampUnavailableError
from signer.domain.values import Digest, DigestAlgorithm

DIGEST = Digest.of(DigestAlgorithm.SHA256, b"document")


class Authority:
    def __init__(self, inner=None):
        self.inner = inner
        self.asked = 0

    def stamp(self, digest):
        self.asked += 1
        if self.inner is None:
            raise TimestampUnavailableError
        return self.inner.stamp(digest)


def test_our_own_authority_stands_in_for_one_over_http_and_the_other_way_round(pki, tsa_workshop):
    def over_http(tsa):
        source = TimestampSource(url=tsa.url, verifier=TokenVerifier([pki.root]))
        return HTTPTimestampAuthority([source], pki.clock, budget=timedelta(seconds=1))

    broken, right = tsa_workshop.make("wrong_imprint"), tsa_workshop.right()
    for order in ([over_http(broken), pki.tsa], [Authority(), over_http(right)]):
        token = OrderedTimestampAuthorities.of(order, pki.clock).stamp(DIGEST)
        assert token.generated_at == pki.clock.now()
    assert len(broken.asked) == len(right.asked) == 1


def test_the_first_is_asked_while_it_answers(pki):
    first, second = Authority(pki.tsa), Authority(pki.tsa)
    OrderedTimestampAuthorities.of([first, second], pki.clock).stamp(DIGEST)
    assert (first.asked, second.asked) == (1, 0)


def test_a_failing_authority_rests_and_is_tried_again(pki, clock):
    first, second = Authority(), Authority(pki.tsa)
    ordered = OrderedTimestampAuthorities.of([first, second], clock)
    for _ in range(5):
        ordered.stamp(DIGEST)
    assert (first.asked, second.asked) == (3, 5)
    clock.advance(seconds=31)
    ordered.stamp(DIGEST)
    assert first.asked == 4


def test_when_all_rest_all_are_tried(pki, clock):
    only = Authority()
    ordered = OrderedTimestampAuthorities.of([only], clock)
    for _ in range(5):
        with pytest.raises(TimestampUnavailableError):
            ordered.stamp(DIGEST)
    assert only.asked == 5
    only.inner = pki.tsa
    assert ordered.stamp(DIGEST)


def test_no_authority_is_unavailable(clock):
    with pytest.raises(TimestampUnavailableError):
        OrderedTimestampAuthorities.of([], clock).stamp(DIGEST)
