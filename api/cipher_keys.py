"""Rotation of the keys that CMD clients encrypt to: add a new one, later retire the oldest."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from certs.cipher_certificate import cipher_certificate
from hsm import TokenConfig
from hsm.cipher_keys import CipherCertificate, PKCS11CipherKeys
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConfigurationError, ConflictError, NotFoundError
from signer.ports import Clock

_ROOT: Final = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class CipherKeyRotation:
    """Keys are made and destroyed in a process of their own, as in a ceremony."""

    keys: PKCS11CipherKeys
    token: TokenConfig
    clock: Clock
    common_name: Callable[[int], str]
    """What the certificate of a numbered key is called."""
    record: Callable[[AuditRecord], None]

    def ensure(self, *, actor: str) -> None:
        """Make the first key, where there is none; raises as :meth:`add` does."""
        if not self.keys.certificates():
            self.add(actor=actor)

    def add(self, *, actor: str) -> CipherCertificate:
        """Make a key, publish its certificate: clients that load it anew use it from now on.

        Finishes a key that was made but not published.  Raises ConfigurationError,
        QSCDUnavailableError.
        """
        active = self.keys.certificates()
        newest = active[0].number if active else 0
        number = next((one for one in self.keys.unpublished() if one > newest), None)
        if number is None:
            number = max((newest, *self.keys.unpublished())) + 1
            self._device("make", number)
        at = self.clock.now()
        der = cipher_certificate(self.keys.signer(number), self.common_name(number), at)
        self.keys.publish(number, der)
        (made,) = (one for one in self.keys.certificates() if one.number == number)
        self._record("added", made.number, actor)
        return made

    def retire(self, *, actor: str) -> CipherCertificate:
        """Withdraw the oldest active key; raises ConflictError when it is the only one."""
        active = self.keys.certificates()
        if not active:
            raise NotFoundError("there is no cipher key")
        oldest = active[-1]
        self.keys.withdraw(oldest.number)
        self._record("retired", oldest.number, actor)
        return oldest

    def destroy(self, number: int, *, actor: str) -> None:
        """Destroy a retired key; raises ConflictError while it is active, NotFoundError."""
        active = self.keys.certificates()
        if any(one.number == number for one in active):
            raise ConflictError(f"cipher key {number} is active.  Fix: retire it first")
        if number not in self.keys.unpublished():
            raise NotFoundError(f"there is no cipher key {number}")
        self._device("destroy", number)
        self._record("destroyed", number, actor)

    def _device(self, action: str, number: int) -> None:
        request = {
            "module": str(self.token.module),
            "profile": self.token.profile,
            "label": self.token.label,
            "user_pin": self.token.user_pin.reveal(),
            "action": action,
            "number": str(number),
        }
        done = subprocess.run(
            [sys.executable, "-m", "hsm.ceremony.cipher_keys"],
            input=json.dumps(request),
            env=dict(os.environ),
            cwd=_ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            lines = done.stderr.strip().splitlines()
            raise ConfigurationError(lines[-1] if lines else f"cipher key: {action} failed")

    def _record(self, changed: str, number: int, actor: str) -> None:
        facts: dict[str, str | int] = {"changed": changed, "number": number}
        self.record(AuditRecord(event=AuditEvent.CIPHER_KEY_CHANGED, actor=actor, facts=facts))
