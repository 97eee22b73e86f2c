"""The token survives what production does to it: processes, threads, forks, vanishing."""

import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pkcs11 import ObjectClass
from pkcs11.types import SecretKey

import hsm.token
from hsm import SAMToken, TokenConfig, open_sam
from hsm.keys import MK_DERIVE
from signer.domain.errors import ConfigurationError
from signer.domain.values import KeyAlgorithm, Secret
from tests.fixtures.hsm_load import run_program
from tests.fixtures.keys import StoredKey, fresh_dtbsrs, verify
from tests.fixtures.tokens import Tokens

Rounds = Callable[..., int]


@pytest.fixture
def own_copy(tokens: Tokens, tmp_path: Path) -> TokenConfig:
    """The same tokens in a directory that the test may move away."""
    shutil.copytree(tokens.directory / "tokens", tmp_path / "tokens")
    conf = tmp_path / "softhsm2.conf"
    text = tokens.softhsm_conf.read_text()
    conf.write_text(text.replace(str(tokens.directory), str(tmp_path)))
    return replace(
        tokens.sam,
        softhsm_conf=conf,
        lock_path=tmp_path / "start.lock",
        reinitialise_interval_seconds=0.5,
    )


@pytest.mark.timeout(1200)
def test_eight_processes_starting_together_all_work(tokens: Tokens, rounds: Rounds):
    result = run_program("start_together", tokens.sam, rounds(ci=5, soak=50))
    assert result == {"failures": []}


def test_a_forked_child_starts_afresh_and_the_parent_goes_on(tokens: Tokens):
    result = run_program("fork_after_use", tokens.sam, 3)
    assert result == {"statuses": [0, 0, 0], "same": True}


@pytest.mark.timeout(1200)
def test_sixteen_threads_activate_without_error(
    sam_token: SAMToken, stored_key: Callable[[KeyAlgorithm], StoredKey], rounds: Rounds
):
    stored, failures = stored_key(KeyAlgorithm.P_256), []
    each = rounds(ci=20, soak=1000)

    def work() -> None:
        try:
            for _ in range(each):
                (dtbsr,) = dtbsrs = fresh_dtbsrs()
                (value,) = sam_token.qscd.sign(stored.authorisation(dtbsrs))
                verify(stored.key.svd_der, dtbsr, value)
        except Exception as failure:  # noqa: BLE001 - collected and shown
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_batches_from_several_threads_do_not_meet(
    sam_token: SAMToken, stored_key: Callable[[KeyAlgorithm], StoredKey]
):
    stored, failures = stored_key(KeyAlgorithm.RSA_3072), []

    def work() -> None:
        try:
            dtbsrs = fresh_dtbsrs(16)
            values = sam_token.qscd.sign(stored.authorisation(dtbsrs))
            for dtbsr, value in zip(dtbsrs, values, strict=True):
                verify(stored.key.svd_der, dtbsr, value)
        except Exception as failure:  # noqa: BLE001 - collected and shown
            failures.append(failure)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


@pytest.mark.timeout(900)
def test_reinitialisation_under_load_harms_nobody(own_copy: TokenConfig, rounds: Rounds):
    times = rounds(ci=20, soak=300)
    eager = replace(own_copy, reinitialise_interval_seconds=0)
    result = run_program("reinitialise_under_load", eager, times)
    assert result["generations"] == times
    outcomes = result["outcomes"]
    assert set(outcomes) == {"ok"}, outcomes
    assert outcomes["ok"] > times


@pytest.mark.timeout(900)
def test_tokens_moved_away_and_back_under_load(own_copy: TokenConfig, rounds: Rounds):
    result = run_program("move_tokens", own_copy, rounds(ci=2, soak=10))
    outcomes = result["outcomes"]
    assert set(outcomes) == {"ok", "QSCDUnavailableError"}, outcomes
    assert set(result["during"]) == {"QSCDUnavailableError"}
    assert result["healthy_while_gone"] is False
    assert all(0 <= wait <= 30 for wait in result["waits"]), result["waits"]
    interval = own_copy.reinitialise_interval_seconds
    assert result["starts"] <= result["seconds"] / interval + 1, "a storm of re-initialisations"


def test_a_refused_pin_is_tried_once(own_copy: TokenConfig):
    wrong = replace(own_copy, user_pin=Secret("not-the-pin-4711"))
    result = run_program("refuse_pin", wrong, 3)
    assert result["logins"] == 1
    assert {name for name, _ in result["errors"]} == {"ConfigurationError"}
    assert not any("4711" in text for _, text in result["errors"])


def test_a_process_serves_one_softhsm_configuration(tokens: Tokens, tmp_path: Path):
    with pytest.raises(ConfigurationError, match="SOFTHSM2_CONF"):
        open_sam(replace(tokens.sam, softhsm_conf=tmp_path / "other.conf"))


def test_opening_a_token_asks_nothing_of_the_hsm(tokens: Tokens):
    sam = open_sam(replace(tokens.sam, module=Path("/nowhere/module.so")))
    with pytest.raises(ConfigurationError, match="Fix"):
        sam.health.check()


def test_an_unknown_profile_is_refused(tokens: Tokens):
    with pytest.raises(ConfigurationError, match="softhsm"):
        open_sam(replace(tokens.sam, profile="abacus"))


def test_handles_are_found_once_per_session(sam_token: SAMToken):
    def twice(session) -> bool:
        first = session.key(ObjectClass.SECRET_KEY, MK_DERIVE.label, SecretKey)
        return first is session.key(ObjectClass.SECRET_KEY, MK_DERIVE.label, SecretKey)

    assert sam_token.token.run(twice)


def test_a_session_is_replaced_after_its_share_of_operations(
    sam_token: SAMToken, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(hsm.token, "OPERATIONS_PER_SESSION", 3)
    seen = {sam_token.token.run(lambda session: session.handle) for _ in range(12)}
    assert len(seen) >= 3


def test_a_worker_cannot_make_token_objects(sam_token: SAMToken):
    from pkcs11 import KeyType
    from pkcs11.exceptions import SessionReadOnly

    with pytest.raises(SessionReadOnly):
        sam_token.token.attempt(
            lambda session: session.raw.generate_key(KeyType.AES, 256, store=True, label="x")
        )


def test_health_is_asked_at_most_every_five_seconds(sam_token: SAMToken):
    from hsm.health import TokenHealth

    moment, asked = [0.0], []
    health = TokenHealth(sam_token.token, lambda *_: asked.append(1), monotonic=lambda: moment[0])
    for moment[0] in (0, 1, 4.9, 5, 6, 10):
        health.check()
    assert len(asked) == 3


def test_the_hsm_pins_are_in_no_environment(tokens: Tokens):
    values = " ".join(os.environ.values())
    assert not any(canary in values for canary in tokens.canaries)
