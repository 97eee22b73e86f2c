"""Results of the attacks on twin keys; the attacks themselves run in another process."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from hsm.tokens import TokenConfig
from signer.domain.errors import ConfigurationError, QSCDUnavailableError


@dataclass(frozen=True, slots=True)
class AttackResult:
    """What one attack achieved."""

    name: str
    succeeded: bool
    """On a twin of the real key: must be False."""
    control_succeeded: bool
    """On the badly made twin: must be True."""

    def as_json(self) -> dict[str, object]:
        """The result as it stands in the transcript."""
        return {
            "name": self.name,
            "succeeded": self.succeeded,
            "control_succeeded": self.control_succeeded,
        }


def attack_twins(config: TokenConfig) -> tuple[AttackResult, ...]:
    """Run :mod:`hsm.attacks` against the token's HSM in a process of its own, for ``doctor``.

    Twins are session objects; the token is not changed.  Raises QSCDUnavailableError when the
    process fails.  The PIN goes through standard input, never through arguments.
    """
    settings = {
        "module": str(config.module),
        "label": config.label,
        "user_pin": config.user_pin.reveal(),
        "profile": config.profile,
    }
    environment = dict(os.environ)
    if config.softhsm_conf is not None:
        environment["SOFTHSM2_CONF"] = str(config.softhsm_conf)
    done = subprocess.run(
        [sys.executable, "-m", "hsm.attacks"],
        input=json.dumps(settings),
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        msg = f"the attack process ended with status {done.returncode}"
        raise QSCDUnavailableError(msg)
    return tuple(
        AttackResult(row["name"], row["succeeded"], row["control_succeeded"])
        for row in json.loads(done.stdout)
    )


def refuse_successes(results: tuple[AttackResult, ...]) -> None:
    """Raise ConfigurationError naming the attacks that worked, or whose control did not."""
    worked = [result.name for result in results if result.succeeded]
    if worked:
        msg = f"attacks on twins of the master keys worked: {', '.join(worked)}"
        raise ConfigurationError(msg)
    blind = [result.name for result in results if not result.control_succeeded]
    if blind:
        msg = f"attacks that must work on a badly made key did not: {', '.join(blind)}"
        raise ConfigurationError(msg)
