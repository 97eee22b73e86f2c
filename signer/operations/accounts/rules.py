"""How accounts are run here, as one frozen value that wiring fills from the settings."""

from dataclasses import dataclass, field
from datetime import timedelta

from signer.authentication.pin_policy import PINPolicy
from signer.domain.values import ClientId, KeyAlgorithm

PAGES = ClientId("account-pages")
"""The client our own pages are, for challenges."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountRules:
    """Defaults are the production ones."""

    base_url: str
    """Where our pages are, without a slash at the end; links in messages start with it."""
    terms_version: str
    """Version of the terms shown now; another one is accepted anew at the next enrolment."""
    minimum_age: int = 18
    """Years."""
    link_lifetime: timedelta = timedelta(hours=72)
    code_lifetime: timedelta = timedelta(minutes=5)
    code_interval: timedelta = timedelta(seconds=30)
    codes_per_hour: int = 10
    codes_per_day: int = 20
    entry_lifetime: timedelta = timedelta(minutes=10)
    """How long a right authentication PIN admits to the account pages."""
    recovery_wait: timedelta = timedelta(hours=24)
    recovery_window: timedelta = timedelta(days=7)
    """After the wait, how long the new signature PIN may be set."""
    phone_freeze: timedelta = timedelta(hours=72)
    """After a change of phone nothing is signed for this long; zero switches it off."""
    pins: PINPolicy = field(default_factory=PINPolicy)
    algorithms: tuple[KeyAlgorithm, ...] = (KeyAlgorithm.RSA_3072, KeyAlgorithm.P_256)
    """A key of each is made for every citizen; the first is the default for documents."""
