"""Time stamps over HTTP: no token without all checks, whatever the authority does."""

import time
from datetime import timedelta

import pytest

from certs.timestamp_verifier import Expected, TokenVerifier, parse_token
from certs.tsa_client import HTTPTimestampAuthority, TimestampSource
from signer.domain.errors import TimestampUnavailableError
from signer.domain.values import Digest, DigestAlgorithm
from tests.fixtures.broken_tsas import TSAWorkshop

DIGEST = Digest.of(DigestAlgorithm.SHA256, b"document")


@pytest.fixture
def client(pki):
    def make(*tsas, seconds=1.0):
        verifier = TokenVerifier([pki.root])
        policy = pki.country.policies.time_stamp
        sources = [TimestampSource(url=t.url, verifier=verifier, policy=policy) for t in tsas]
        return HTTPTimestampAuthority(sources, pki.clock, budget=timedelta(seconds=seconds))

    return make


@pytest.mark.parametrize("algorithm", list(DigestAlgorithm))
def test_a_right_authority_gives_a_token(client, tsa_workshop, pki, clock, algorithm):
    digest = Digest.of(algorithm, b"document")
    token = client(tsa_workshop.right()).stamp(digest)
    assert token.generated_at == clock.now()
    nonce = parse_token(token.der).info["nonce"].native
    TokenVerifier([pki.root]).verify_token(
        token.der, Expected(digest=digest, nonce=nonce), clock.now()
    )


@pytest.mark.parametrize("kind", TSAWorkshop.KINDS)
def test_a_broken_authority_gives_no_token_in_time(client, tsa_workshop, kind):
    tsa = tsa_workshop.make(kind)
    started = time.monotonic()
    with pytest.raises(TimestampUnavailableError):
        client(tsa).stamp(DIGEST)
    assert time.monotonic() - started < 2.5
    assert len(tsa.asked) == (0 if kind == "refused" else 1)


@pytest.mark.parametrize("kind", TSAWorkshop.KINDS)
def test_the_second_authority_is_used_when_the_first_is_broken(client, tsa_workshop, kind):
    first, second = tsa_workshop.make(kind), tsa_workshop.right()
    token = client(first, second, seconds=2).stamp(DIGEST)
    assert parse_token(token.der).info["message_imprint"]["hashed_message"].native == DIGEST.value
    assert len(second.asked) == 1


def test_two_requests_have_different_nonces(client, tsa_workshop):
    tsa = tsa_workshop.right()
    for _ in range(2):
        client(tsa).stamp(DIGEST)
    assert tsa.asked[0] != tsa.asked[1]


def test_no_authority_is_unavailable(client):
    with pytest.raises(TimestampUnavailableError):
        client().stamp(DIGEST)


def test_all_causes_are_logged_with_the_error(client, tsa_workshop):
    with pytest.raises(TimestampUnavailableError) as caught:
        client(tsa_workshop.make("html"), tsa_workshop.make("refused")).stamp(DIGEST)
    assert len(caught.value.__cause__.exceptions) == 2


def test_an_endless_answer_is_cut_at_the_size_limit_not_at_the_deadline(client, tsa_workshop):
    started = time.monotonic()
    with pytest.raises(TimestampUnavailableError) as caught:
        client(tsa_workshop.make("endless"), seconds=20).stamp(DIGEST)
    assert "too long" in str(caught.value.__cause__.exceptions[0])
    assert time.monotonic() - started < 10
