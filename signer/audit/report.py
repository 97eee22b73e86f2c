"""What a verification found."""

from dataclasses import dataclass

from signer.domain.audit import canonical_json


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong, and exactly where."""

    where: str
    """``record 7 of writer …``, ``log entry 12``, ``checkpoint 3``, ``anchor of 500`` …"""
    what: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}"


@dataclass(frozen=True, slots=True)
class Anchor:
    """A log size and root known from elsewhere (an earlier export, the second sink, a print)."""

    size: int
    root: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditReport:
    """The outcome of an offline verification.

    No problems = nothing was changed, except that whoever can write to the database could have
    rewritten the stated tail.
    """

    problems: tuple[Problem, ...]
    writers: int
    records: int
    log_size: int
    checkpoints: int
    signed_size: int
    """Records covered by the last checkpoint that is right."""
    tail: int
    """Records younger than that: chained, but not yet signed."""
    not_logged: int
    """Part of the tail that is not even in the log yet."""
    unstamped: tuple[int, ...]
    """Checkpoints without a time-stamp."""
    keys_trusted: bool
    """False: the signatures were checked with the keys that came in the export itself."""
    timestamps_verified: bool
    """False: only the imprints of time-stamps were compared, not their signatures."""

    @property
    def is_intact(self) -> bool:
        """True when nothing is wrong."""
        return not self.problems

    def to_json(self) -> str:
        """Canonical JSON, for ``--json``."""
        return canonical_json(
            {
                "intact": self.is_intact,
                "problems": [{"where": p.where, "what": p.what} for p in self.problems],
                "writers": self.writers,
                "records": self.records,
                "log_size": self.log_size,
                "checkpoints": self.checkpoints,
                "signed_size": self.signed_size,
                "tail": self.tail,
                "not_logged": self.not_logged,
                "unstamped": [str(number) for number in self.unstamped],
                "keys_trusted": self.keys_trusted,
                "timestamps_verified": self.timestamps_verified,
            }
        )
