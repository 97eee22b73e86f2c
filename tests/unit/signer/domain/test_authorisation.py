"""The right to sign is a value that nobody but its maker can make, repeat or carry away."""

import copy
import pickle  # noqa: TID251 - to see it refused
from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime

import pytest

from signer.authentication.challenge import VerifiedChallenge
from signer.authentication.code import VerifiedCode
from signer.authentication.pin import VerifiedPIN
from signer.domain._mint import MINT
from signer.domain.activation import AttemptKind
from signer.domain.authorisation import Authorisation
from signer.domain.credential import WrappedKey
from signer.domain.values import (
    DEFAULT_TENANT,
    DTBSR,
    CredentialId,
    DigestAlgorithm,
    KeyAlgorithm,
    SignatureAlgorithm,
    SignerId,
)

ACTIVATION = b"activation-canary".ljust(32, b"-")


def dtbsr(text, algorithm=DigestAlgorithm.SHA256):
    return DTBSR.of(algorithm, text.encode())


def authorisation(**changes):
    values = {
        "signer": SignerId("signer"),
        "credential": CredentialId("credential"),
        "grant": "grant",
        "key": WrappedKey(
            credential=CredentialId("credential"),
            tenant=DEFAULT_TENANT,
            algorithm=KeyAlgorithm.P_256,
            svd_der=b"svd",
            blob=b"blob-canary",
            aad=b"aad",
        ),
        "algorithm": SignatureAlgorithm.ECDSA_SHA256,
        "dtbsrs": (dtbsr("first"), dtbsr("second")),
        "expires_at": datetime(2026, 5, 4, tzinfo=UTC),
        "activation": ACTIVATION,
        "_mint": MINT,
    }
    return Authorisation(**values | changes)


@pytest.mark.parametrize("mint", [None, object(), True, "MINT"])
def test_only_the_holder_of_the_mint_makes_one(mint):
    with pytest.raises(TypeError, match=r"only signer\.sam"):
        authorisation(_mint=mint)


@pytest.mark.parametrize(
    ("dtbsrs", "said"),
    [
        pytest.param((), "at least one", id="none"),
        pytest.param((dtbsr("a", DigestAlgorithm.SHA384),), "kind", id="of another kind"),
        pytest.param((dtbsr("a"), dtbsr("b", DigestAlgorithm.SHA512)), "kind", id="mixed"),
    ],
)
def test_it_covers_digests_of_its_algorithm(dtbsrs, said):
    with pytest.raises(TypeError, match=said):
        authorisation(dtbsrs=dtbsrs)


def test_its_digests_are_given_in_their_order_and_once():
    once = authorisation()
    assert once.spend() == (dtbsr("first"), dtbsr("second"))
    with pytest.raises(TypeError, match="signs once"):
        once.spend()


@pytest.mark.parametrize("carry", [copy.copy, copy.deepcopy, pickle.dumps])
def test_it_is_neither_copied_nor_carried_away(carry):
    with pytest.raises(TypeError, match="copied or pickled"):
        carry(authorisation())


def test_its_digests_are_not_exchanged():
    given = authorisation()
    with pytest.raises(FrozenInstanceError):
        given.dtbsrs = (dtbsr("other"),)
    with pytest.raises((TypeError, ValueError)):
        replace(given, dtbsrs=(dtbsr("other"),))


def test_it_shows_neither_key_nor_activation():
    assert "canary" not in repr(authorisation())


FORGED = {
    VerifiedPIN: {
        "kind": AttemptKind.SIGNATURE_PIN,
        "subject": "s",
        "guarded": "c",
        "key_material": bytes(32),
        "attempt": "a",
    },
    VerifiedCode: {"slot": None, "secret": b"", "opened": None, "factor": "code"},
    VerifiedChallenge: {"id": "i", "purpose": "p", "subject": "s"},
}


@pytest.mark.parametrize("proof", FORGED, ids=lambda proof: proof.__name__)
def test_a_proof_of_a_secret_is_not_made_without_checking_it(proof):
    for mint in (None, object(), MINT):
        with pytest.raises(TypeError, match="only "):
            proof(**FORGED[proof], mint=mint)
