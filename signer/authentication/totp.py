"""Time-based codes of authenticator apps (RFC 6238), each accepted once.

HMAC-SHA-1 is what RFC 4226 defines and every app implements; its collisions do not touch HMAC.
"""

import hmac
import io
import re
import uuid
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final, Protocol

import pyotp
import segno

from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.totp import TOTPSeed
from signer.domain.values import Secret, SignerId
from signer.ports import Clock, KeyVault

STEP_SECONDS: Final = 30
WINDOW: Final = 1
"""Steps accepted before and after ours (RFC 6238, 5.2: delay and drift)."""
DIGITS: Final = 6
PURPOSE: Final = "totp"

_SIX_DIGITS: Final = re.compile(r"[0-9]{6}", re.ASCII)


class TOTPStore(Protocol):
    """Where seeds and spent steps are rows."""

    def begin(self, seed: TOTPSeed, *, audit: AuditRecord) -> None:
        """Store an unconfirmed seed in place of any before."""
        ...

    def of(self, signer: SignerId) -> TOTPSeed | None:
        """The person's app."""
        ...

    def spend(self, seed_id: str, step: int) -> bool:
        """Accept a step of a confirmed seed, once; False when it or a later one was accepted."""
        ...

    def confirm(self, seed_id: str, step: int, now: datetime, *, audit: AuditRecord) -> bool:
        """The first right code."""
        ...

    def remove(self, signer: SignerId, *, audit: AuditRecord) -> bool:
        """Forget the app; False when there was none."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class TOTPEnrolment:
    """What the person's app needs, shown once."""

    uri: Secret = field(repr=False)
    """``otpauth://totp/…``"""
    key: Secret = field(repr=False)
    """Base32 in groups of four, for typing."""
    qr_svg: str = field(repr=False)
    """The URI as an inline SVG element, without script or style."""


class TOTPAuthenticator:
    """Enrols apps and checks their codes; attempts are counted by the caller."""

    def __init__(self, vault: KeyVault, store: TOTPStore, clock: Clock, *, issuer: str) -> None:
        self._vault = vault
        self._store = store
        self._clock = clock
        self._issuer = issuer

    def enrol(self, signer: SignerId, *, label: str) -> TOTPEnrolment:
        """Make a seed (160 bits) in place of any before; it counts only once confirmed.

        ``label`` names the account in the app, e.g. the masked phone.
        """
        key = pyotp.random_base32()
        seed_id = str(uuid.uuid4())
        protected = self._vault.protect(PURPOSE, key.encode(), aad=TOTPSeed.aad(seed_id, signer))
        seed = TOTPSeed(
            id=seed_id,
            signer=signer,
            protected=protected,
            last_step=0,
            created_at=self._clock.now(),
            confirmed_at=None,
        )
        self._store.begin(seed, audit=_record(signer, "totp-begun"))
        uri = _totp(key).provisioning_uri(name=label, issuer_name=self._issuer)
        return TOTPEnrolment(
            uri=Secret(uri),
            key=Secret(" ".join(key[at : at + 4] for at in range(0, len(key), 4))),
            qr_svg=_qr(uri),
        )

    def confirm(self, signer: SignerId, code: Secret) -> bool:
        """Take the app into use with its first code; False when it is wrong."""
        seed = self._store.of(signer)
        step = None if seed is None or seed.confirmed_at else self._matching_step(seed, code)
        if seed is None or step is None:
            return False
        now = self._clock.now()
        return self._store.confirm(seed.id, step, now, audit=_record(signer, "totp-confirmed"))

    def is_enrolled(self, signer: SignerId) -> bool:
        """True when the person has a confirmed app."""
        seed = self._store.of(signer)
        return seed is not None and seed.confirmed_at is not None

    def accept(self, signer: SignerId, code: Secret) -> bool:
        """Spend the code's time step; False when wrong, outside the window, or spent before.

        Raises QSCDUnavailableError, StoreUnavailableError.
        """
        seed = self._store.of(signer)
        if seed is None or seed.confirmed_at is None:
            return False
        step = self._matching_step(seed, code)
        return step is not None and self._store.spend(seed.id, step)

    def remove(self, signer: SignerId) -> bool:
        """Forget the app; False when there was none."""
        return self._store.remove(signer, audit=_record(signer, "totp-removed"))

    def _matching_step(self, seed: TOTPSeed, code: Secret) -> int | None:
        typed = code.reveal().replace(" ", "")
        aad = TOTPSeed.aad(seed.id, seed.signer)
        totp = _totp(self._vault.expose(PURPOSE, seed.protected, aad=aad).decode())
        if _SIX_DIGITS.fullmatch(typed) is None:
            return None
        current = totp.timecode(self._clock.now())
        matching = None
        # All are computed, so that time does not tell which matched.
        for step in range(current - WINDOW, current + WINDOW + 1):
            if hmac.compare_digest(totp.generate_otp(step), typed):
                matching = step
        return matching


def _totp(key: str) -> pyotp.TOTP:
    return pyotp.TOTP(key, digits=DIGITS, interval=STEP_SECONDS)


def _qr(uri: str) -> str:
    drawing = io.BytesIO()
    segno.make(uri, error="m", micro=False).save(
        drawing, kind="svg", scale=4, border=4, xmldecl=False, svgns=True, nl=False,
        svgclass="qr", lineclass=None, dark="#000", light="#fff",
    )  # fmt: skip
    return drawing.getvalue().decode()


def _record(signer: SignerId, change: str) -> AuditRecord:
    return AuditRecord(
        event=AuditEvent.ACCOUNT_CHANGED,
        actor="citizen",
        subject=signer,
        facts={"changed": change},
    )
