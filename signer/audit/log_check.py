"""Checks the log of an export: its order against the chains, its roots against checkpoints."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from signer.audit import archive
from signer.audit.chain_check import Chains
from signer.audit.checkpointing import checkpoint_body_of, signature_is_right
from signer.audit.ports import TokenCheck
from signer.audit.report import Anchor, Problem
from signer.domain.audit_log import GENESIS, Checkpoint
from signer.domain.merkle import GrowingTree
from signer.domain.values import Digest, DigestAlgorithm
from signer.ports import SignatureVerifier

CLOCK_TOLERANCE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class LogRoots:
    """Size of the log and its root at the sizes that matter."""

    size: int
    roots: dict[int, bytes]


def check_log(
    files: archive.ArchiveReader, chains: Chains, sizes: Iterable[int]
) -> tuple[LogRoots, list[Problem]]:
    """Rebuild the tree from the log and compare every entry with the record it names."""
    wanted, roots, problems = frozenset(sizes), {}, []
    tree = GrowingTree()
    for line in files.lines(archive.LOG):
        index, where = tree.size, f"log entry {tree.size}"
        value = archive.text_of(line, "hash")
        if line.get("index") != index:
            problems.append(Problem(where, f"is missing (found {line.get('index')})"))
        if chains.logged.get(index) != (line.get("writer"), line.get("sequence"), value):
            problems.append(
                Problem(
                    where,
                    f"does not match record {line.get('sequence')} of writer {line.get('writer')}",
                )
            )
        try:
            tree.append(bytes.fromhex(value))
        except ValueError:
            problems.append(Problem(where, "has no hash"))
            tree.append(b"")
        if tree.size in wanted:
            roots[tree.size] = tree.root()
    for index in sorted(index for index in chains.logged if not 0 <= index < tree.size):
        writer, sequence, _ = chains.logged[index]
        problems.append(
            Problem(f"record {sequence} of writer {writer}", f"log entry {index} is missing")
        )
    return LogRoots(tree.size, roots), problems


def check_anchors(
    anchors: Iterable[Anchor], log: LogRoots, checkpoints: Iterable[Checkpoint]
) -> Iterator[Problem]:
    """Compare with checkpoints that are known from elsewhere."""
    signed = {checkpoint.size for checkpoint in checkpoints}
    for anchor in anchors:
        where = f"anchor of {anchor.size}"
        if anchor.size > log.size:
            yield Problem(where, f"the log has only {log.size} records: it was cut or replaced")
        elif log.roots.get(anchor.size) != anchor.root:
            yield Problem(where, "the log had another root at this size: it was rewritten")
        elif anchor.size not in signed:
            yield Problem(where, "its checkpoint was removed")


class CheckpointCheck:
    """Checks checkpoints one after the other; remembers the last good one."""

    def __init__(
        self,
        log: LogRoots,
        verify: SignatureVerifier,
        check_token: TokenCheck,
        trusted_keys_der: tuple[bytes, ...],
    ) -> None:
        self._log = log
        self._verify = verify
        self._check_token = check_token
        self._trusted = trusted_keys_der
        self._last: Checkpoint | None = None
        self._unstamped = False
        self.signed_size = 0

    def __call__(self, checkpoint: Checkpoint) -> tuple[Problem, ...]:
        """Everything that is wrong with the next checkpoint."""
        faults = (
            *self._order_faults(checkpoint),
            *self._signature_faults(checkpoint),
            *self._root_faults(checkpoint),
            *self._timestamp_faults(checkpoint),
        )
        self._last = checkpoint
        if not faults:
            self.signed_size = max(self.signed_size, checkpoint.size)
        return tuple(Problem(f"checkpoint {checkpoint.number}", what) for what in faults)

    def _order_faults(self, checkpoint: Checkpoint) -> Iterator[str]:
        last = self._last
        if checkpoint.number != (last.number if last else 0) + 1:
            yield f"follows checkpoint {last.number if last else 0}: one is missing or repeated"
        previous = last.hash if last else GENESIS
        if f'"previous":"{previous.hex()}"' not in checkpoint.body:
            yield "does not name the checkpoint before it"
        if last and (checkpoint.size < last.size or checkpoint.at < last.at):
            yield "is smaller or older than the checkpoint before it"

    def _signature_faults(self, checkpoint: Checkpoint) -> Iterator[str]:
        if checkpoint_body_of(checkpoint) != checkpoint.body:
            yield "its fields differ from what was signed"
        keys = self._trusted or (checkpoint.public_key_der,)
        if checkpoint.public_key_der not in keys:
            yield "is signed with a key that is not trusted"
        elif not signature_is_right(checkpoint, checkpoint.public_key_der, self._verify):
            yield "its signature is wrong"

    def _root_faults(self, checkpoint: Checkpoint) -> Iterator[str]:
        if checkpoint.size > self._log.size:
            yield f"signs {checkpoint.size} records, the log has {self._log.size}: it was cut"
        elif self._log.roots.get(checkpoint.size) != checkpoint.root:
            yield "signs another root than the log has at this size: the log was rewritten"

    def _timestamp_faults(self, checkpoint: Checkpoint) -> Iterator[str]:
        if checkpoint.timestamp_token is None:
            self._unstamped = True
            return
        if self._unstamped:
            yield "is time-stamped though an earlier one is not: tokens were removed"
        digest = Digest.of(DigestAlgorithm.SHA256, checkpoint.signature)
        try:
            moment = self._check_token(checkpoint.timestamp_token, digest)
        except ValueError as error:
            yield str(error)
            return
        if moment < checkpoint.at - CLOCK_TOLERANCE:
            yield "was time-stamped before it was made"
