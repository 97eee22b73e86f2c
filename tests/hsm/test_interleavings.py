"""Whatever order things come in, only the newest code of a live transaction signs its digests.

One generator for all runs, seeded from the run: a failure prints its seed and its steps.  The
model knows what was sent and what ended; the product decides, the model only checks.
"""

import functools
import hashlib
import os
import secrets
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random  # noqa: TID251 - replayable choices, nothing secret

import pytest
from sqlalchemy import update

from signer.adapters.store.tables.accounts import account as account_table
from signer.authentication import hashing, pin
from signer.authentication.code import new_handle
from signer.authentication.limits import Limits
from signer.domain.account import AccountState
from signer.domain.errors import IncorrectCodeError, SigningServiceError
from signer.domain.transaction import TransactionState
from signer.domain.values import Secret
from signer.sam import enrolment
from tests.fixtures.sam import SAMWorld, dtbsr, verifies
from tests.fixtures.signing import SigningWorld, other

STEPS = 9
A_LONG_TIME = timedelta(days=30)


@dataclass
class Live:
    """What the model knows of one transaction."""

    transaction: object
    text: str
    handle: Secret | None = None
    codes: list = field(default_factory=list)
    sent_at: object = None
    results: tuple = ()
    dead: bool = False
    wrong_since_signed: int = 0
    """Wrong repetitions count too: after three the right one is refused as well.  So do other
    handles before the signature: they count against the process, not against one of its codes.
    """


class Interleaving:
    """One citizen, up to two transactions, random steps."""

    def __init__(self, signing: SigningWorld, citizen, seed: str) -> None:
        self.signing, self.citizen, self.seed = signing, citizen, seed
        self.random = Random(hashlib.sha256(seed.encode()).digest())  # noqa: S311 - as above
        self.live: list[Live] = []
        self.suspended = False
        self.steps: list[str] = []
        self.signed = 0

    def run(self) -> None:
        acts = [
            self.start, self.pin, self.right, self.right, self.old, self.wrong_code,
            self.wrong_handle, self.resend, self.channel, self.expire, self.suspend,
            self.change_pin, self.refuse, self.cancel, self.foreign, self.repeat,
        ]  # fmt: skip
        self.start()
        self.pin()
        for _ in range(STEPS):
            act = self.random.choice(acts)
            self.steps.append(act.__name__)
            act()
            self.signing.sam.clock.advance(seconds=self.random.choice((1, 31, 31, 70)))
        self.demand_ends()
        self.restore()

    @property
    def one(self) -> Live:
        return self.random.choice(self.live)

    def now(self, live: Live):
        return self.signing.now(live.transaction)

    # --- steps --------------------------------------------------------------------------------

    def start(self) -> None:
        if len(self.live) < 2:
            text = f"{self.seed}-{len(self.live)}"
            self.live.append(Live(self.signing.begin(self.citizen.account.phone, text), text))

    def pin(self) -> None:
        live = self.one
        try:
            entered = self.signing.enter_pin(self.now(live), self.citizen.pin)
        except SigningServiceError:
            return
        assert not self.suspended, self
        assert not live.dead, self
        live.handle = entered.handle
        self._sent(live)

    def right(self) -> None:
        live = self.one
        if live.codes:
            self._enter(live, live.handle, live.codes[-1], may_sign=self._usable(live))

    def repeat(self) -> None:
        live = self.one
        if not live.results:
            return
        try:
            outcome = self.signing.enter_code(self.now(live), live.handle, live.codes[-1])
        except IncorrectCodeError:
            tries = self.signing.sam.limits.code_failures_per_code
            assert live.wrong_since_signed >= tries, self
            return
        assert outcome.results == live.results, self

    def old(self) -> None:
        live = self.one
        for code in live.codes[:-1]:
            if code != live.codes[-1]:
                self._enter(live, live.handle, code, may_sign=False)
                return

    def wrong_code(self) -> None:
        live = self.one
        if live.codes:
            self._enter(live, live.handle, other(live.codes[-1]), may_sign=False)

    def wrong_handle(self) -> None:
        live = self.one
        if live.codes:
            self._enter(live, new_handle(), live.codes[-1], may_sign=False)

    def foreign(self) -> None:
        """Handle and code of one transaction, presented for the other."""
        if len(self.live) == 2 and all(live.codes for live in self.live):
            mine, theirs = self.random.sample(self.live, 2)
            self._enter(mine, theirs.handle, theirs.codes[-1], may_sign=False)

    def resend(self, channel: str | None = None) -> None:
        live = self.one
        if live.handle is None:
            return
        handle = live.handle if self.random.random() < 0.8 else new_handle()
        try:
            self.signing.resend(self.now(live), handle, channel=channel)
        except SigningServiceError:
            return
        assert handle == live.handle, self
        assert not live.dead, self
        assert not self.suspended, self
        assert not live.results, self
        self._sent(live)

    def channel(self) -> None:
        self.resend(self.random.choice(("sms", "email")))

    def expire(self) -> None:
        self.signing.sam.clock.advance(minutes=self.random.choice((5, 16)))
        self.signing.housekeeping.expire()

    def suspend(self) -> None:
        self.suspended = not self.suspended
        self._set_state(AccountState.SUSPENDED if self.suspended else AccountState.ACTIVE)

    def change_pin(self) -> None:
        sam = self.signing.sam
        new = Secret(f"{secrets.randbelow(10**6):06d}")
        requests = sam.credentials.requests(self.citizen.account.id)
        try:
            verified = sam.verify_pin(self.citizen)
            sam.enrolment.change_signature_pin(self.citizen.account, requests, verified, new)
        except SigningServiceError:
            return
        assert not self.suspended, self
        self.citizen = sam.reload(self.citizen.account.id, new.reveal())
        for live in self.live:
            live.dead = live.dead or live.handle is not None

    def refuse(self) -> None:
        self._end(TransactionState.REFUSED)

    def cancel(self) -> None:
        self._end(TransactionState.CANCELLED)

    # --- what must hold -----------------------------------------------------------------------

    def _sent(self, live: Live) -> None:
        live.codes.append(self.signing.code_of(live.transaction))
        live.sent_at = self.signing.sam.clock.now()

    def _usable(self, live: Live) -> bool:
        now = self.signing.sam.clock.now()
        in_time = now < min(live.sent_at + timedelta(minutes=5), live.transaction.expires_at)
        return in_time and not live.dead and not self.suspended

    def _enter(self, live: Live, handle: Secret, code: Secret, *, may_sign: bool) -> None:
        try:
            outcome = self.signing.enter_code(self.now(live), handle, code)
        except SigningServiceError:
            live.wrong_since_signed += bool(live.results) or handle != live.handle
            return
        if live.results:
            repeated = (handle, code) == (live.handle, live.codes[-1])
            assert repeated, self
            assert outcome.results == live.results, self
            return
        assert may_sign, self
        (value,) = outcome.results
        assert verifies(self.citizen.credential, dtbsr(live.text), value), self
        live.results = outcome.results
        self.signed += 1

    def _end(self, state: TransactionState) -> None:
        live = self.one
        try:
            self.signing.end(self.now(live), state)
        except SigningServiceError:
            return
        assert not live.results, self
        live.dead = True

    def demand_ends(self) -> None:
        for live in self.live:
            signed = self.now(live).state is TransactionState.SIGNED
            assert signed == bool(live.results), self
            if signed or live.dead:
                assert self.signing.sam.transactions.slots(live.transaction.id) == (), self

    def restore(self) -> None:
        if self.suspended:
            self.suspend()
        self.signing.sam.clock.advance(hours=25)  # code locks end, sending limits too

    def _set_state(self, state: AccountState) -> None:
        with self.signing.sam.database.begin() as connection:
            connection.execute(
                update(account_table)
                .where(account_table.c.id == self.citizen.account.id)
                .values(state=state.value)
            )

    def __repr__(self) -> str:
        return f"seed {self.seed}: {' '.join(self.steps)}"


@pytest.fixture
def each_pin_hashed_once(monkeypatch):
    """Argon2id has one result per PIN and salt; most of a long run would go into repeating it."""
    once = functools.lru_cache(maxsize=16)(hashing.argon2id)
    for user in (pin, enrolment):
        monkeypatch.setattr(user, "argon2id", once)


@pytest.fixture
def world(database, clock, sam_token):
    limits = Limits(code_failures=1000, client_failures_per_hour=10_000)
    return SigningWorld(SAMWorld(database, clock, sam_token.vault, sam_token.qscd, limits=limits))


@pytest.mark.timeout(7200)
@pytest.mark.usefixtures("each_pin_hashed_once")
def test_only_the_newest_code_of_a_live_transaction_signs(world, rounds):
    run = os.environ.get("CHANCELA_SEED", secrets.token_hex(4))
    signed, citizen = 0, world.citizen()
    for number in range(rounds(ci=150, soak=5_000)):  # on each database: 10,000 in all
        if world.sam.clock.now() > citizen.account.valid_until - A_LONG_TIME:
            citizen = world.citizen()  # an interleaving takes days, an account is valid for years
        interleaving = Interleaving(world, citizen, f"{run}-{number}")
        interleaving.run()
        signed += interleaving.signed
        citizen = interleaving.citizen
    print(f"signatures reached: {signed}")  # noqa: T201 - kept in docs/soak.md
    assert signed > number / 10, "the generator hardly ever reaches a signature"
