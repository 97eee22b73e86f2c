"""Known attacks fail on keys like ours and work on badly made ones."""

import pytest

from hsm.attack_report import AttackResult, attack_twins, refuse_successes
from signer.domain.errors import ConfigurationError
from tests.fixtures.tokens import Tokens

UNWRAPPING = {
    f"unwrap with other {name}"
    for name in (
        *("CLASS", "PRIVATE", "SENSITIVE", "EXTRACTABLE", "TOKEN"),
        *("SIGN", "DECRYPT", "UNWRAP", "DERIVE"),
    )
}
OTHERS = {
    *("turn on decrypt", "turn on encrypt", "read master key", "wrap master key"),
    *("bulk derive", "wrap otherwise", "copy with more"),
    *("unwrap readable", "unwrap bare", "wrap again"),
}


@pytest.fixture(scope="module")
def results(tokens: Tokens) -> dict[str, AttackResult]:
    return {result.name: result for result in attack_twins(tokens.sam)}


def test_the_list_is_complete(results: dict[str, AttackResult]):
    assert results.keys() == UNWRAPPING | OTHERS


@pytest.mark.parametrize("name", sorted(UNWRAPPING | OTHERS))
def test_an_attack_fails_on_our_keys_and_works_on_a_bad_one(
    results: dict[str, AttackResult], name: str
):
    assert not results[name].succeeded
    assert results[name].control_succeeded


def test_attacking_twins_changes_no_key_of_the_token(tokens: Tokens):
    def state() -> dict[str, bytes]:
        files = (tokens.directory / "tokens").rglob("*.object")
        # SoftHSM writes token.object, its flags, at every login.
        return {str(f): f.read_bytes() for f in files if f.name != "token.object"}

    before = state()
    attack_twins(tokens.sam)
    assert state() == before


@pytest.mark.parametrize(
    ("succeeded", "control", "said"),
    [
        pytest.param(True, True, "worked: x", id="attack works"),
        pytest.param(False, False, "did not: x", id="control does not"),
    ],
)
def test_a_working_attack_and_a_blind_one_are_both_refused(succeeded, control, said):
    with pytest.raises(ConfigurationError, match=said):
        refuse_successes((AttackResult("x", succeeded, control),))
