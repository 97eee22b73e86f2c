"""Keys of bodies and organisations: opened by the secret that comes with each call."""

import secrets
import uuid
from collections import Counter

import pytest
from sqlalchemy import func, select

from signer.adapters.store.tables.activation import attempt, service_grant
from signer.adapters.store.tables.audit import audit_record
from signer.authentication.limits import Limits
from signer.domain.audit import AuditEvent
from signer.domain.credential import ActivationKind, Credential, CredentialState
from signer.domain.errors import AuthorisationRefusedError, ConflictError, RateLimitedError
from signer.domain.values import (
    DEFAULT_TENANT,
    ClientId,
    CredentialId,
    KeyAlgorithm,
    Secret,
    SignerId,
)
from tests.fixtures.sam import CLIENT, SAMWorld, dtbsr, verifies

A, B = dtbsr("a"), dtbsr("b")


@pytest.fixture
def secret():
    return Secret(secrets.token_urlsafe(32))


@pytest.fixture
def seal(sam, secret):
    template = Credential(
        id=CredentialId(str(uuid.uuid4())),
        tenant=DEFAULT_TENANT,
        signer=SignerId("ordem"),
        kind=ActivationKind.SERVICE,
        algorithm=KeyAlgorithm.P_256,
        state=CredentialState.ACTIVE,
        epoch=1,
        svd_der=b"",
        master_key_id="",
        created_at=sam.clock.now(),
    )
    sam.services.install(template, secret, owner="ordem")
    return sam.credentials.credential(template.id)


def states(sam):
    with sam.database.read() as connection:
        return Counter(connection.execute(select(attempt.c.state)).scalars())


def test_the_secret_signs_each_call_anew(sam, seal, secret):
    for digest in (A, B, A):
        authorisation = sam.services.authorise(seal, secret, client=CLIENT, dtbsrs=[digest])
        (value,) = sam.qscd.sign(authorisation)
        assert verifies(seal, digest, value)
    with sam.database.read() as connection:
        assert connection.execute(select(func.count()).select_from(service_grant)).scalar_one() == 0
        intents = connection.execute(
            select(func.count()).where(audit_record.c.event == AuditEvent.SIGNATURE_INTENDED.value)
        ).scalar_one()
    assert intents == 3


def test_an_authorisation_signs_once(sam, seal, secret):
    authorisation = sam.services.authorise(seal, secret, client=CLIENT, dtbsrs=[A])
    sam.qscd.sign(authorisation)
    with pytest.raises(TypeError):
        sam.qscd.sign(authorisation)


def test_a_wrong_secret_is_counted_and_refused(sam, seal):
    with pytest.raises(AuthorisationRefusedError):
        sam.services.authorise(seal, Secret("x" * 43), client=CLIENT, dtbsrs=[A])
    assert states(sam) == {"failed": 1}


def test_no_digest_is_refused(sam, seal, secret):
    with pytest.raises(AuthorisationRefusedError):
        sam.services.authorise(seal, secret, client=CLIENT, dtbsrs=[])


def test_a_citizens_key_has_no_service_secret(sam, citizen, secret):
    with pytest.raises(AuthorisationRefusedError):
        sam.services.authorise(citizen.credential, secret, client=CLIENT, dtbsrs=[A])


def test_an_id_is_taken_once(sam, seal, secret):
    with pytest.raises(ConflictError):
        sam.services.install(seal, secret, owner="ordem")


def test_a_service_grant_is_claimed_once_and_for_what_it_binds(sam, seal):
    from signer.domain.audit import AuditRecord

    record = AuditRecord(event=AuditEvent.SAD_ISSUED)
    store = sam.both
    store.add_service_grant("g1", seal.id, CLIENT, b"bindings", now=sam.clock.now(), audit=record)
    assert not store.claim_service_grant("g1", seal.id, b"others", audit=record)
    assert not store.claim_service_grant("g1", CredentialId("other"), b"bindings", audit=record)
    assert store.claim_service_grant("g1", seal.id, b"bindings", audit=record)
    assert not store.claim_service_grant("g1", seal.id, b"bindings", audit=record)


def test_many_calls_of_one_seal_do_not_wait_for_each_other(sam, seal, secret):
    import threading

    outcomes = Counter()

    def call():
        try:
            sam.qscd.sign(sam.services.authorise(seal, secret, client=CLIENT, dtbsrs=[A]))
        except Exception as error:  # noqa: BLE001 - its name is the result
            outcomes[type(error).__name__] += 1
        else:
            outcomes["signed"] += 1

    threads = [threading.Thread(target=call) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == {"signed": 16}


def test_nobody_else_can_lock_a_seal_with_wrong_secrets(sam, seal, secret):
    for _ in range(6):
        with pytest.raises(AuthorisationRefusedError):
            sam.services.authorise(seal, Secret("x" * 43), client=CLIENT, dtbsrs=[A])
    assert sam.locks == []
    assert sam.services.authorise(seal, secret, client=CLIENT, dtbsrs=[A])


def test_a_client_that_brings_many_wrong_secrets_is_slowed(
    database, clock, sam_token, seal, secret
):
    limits = Limits(client_failures_per_hour=3)
    slowed = SAMWorld(database, clock, sam_token.vault, sam_token.qscd, limits=limits)
    for _ in range(3):
        with pytest.raises(AuthorisationRefusedError):
            slowed.services.authorise(seal, Secret("x" * 43), client=CLIENT, dtbsrs=[A])
    with pytest.raises(RateLimitedError):
        slowed.services.authorise(seal, secret, client=CLIENT, dtbsrs=[A])
    honest = ClientId("honest")
    assert slowed.services.authorise(seal, secret, client=honest, dtbsrs=[A])
