"""Signs and time-stamps the state of the log: every 100 records or 60 seconds."""

from datetime import timedelta
from typing import Final

from signer.audit.ports import AuditLog, AuditSigner
from signer.audit.recording import LogRecords
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.audit_log import GENESIS, Checkpoint, checkpoint_body
from signer.domain.errors import IntegrityAlarmError, TimestampUnavailableError
from signer.domain.merkle import is_consistent
from signer.domain.values import Digest, DigestAlgorithm, SignatureAlgorithm, SignatureValue
from signer.ports import Clock, SignatureVerifier, TimestampAuthority

RECORDS: Final = 100
INTERVAL: Final = timedelta(seconds=60)


class MakeCheckpoint:
    """The worker's audit step: log what waits and sign the log when it is time.

    What is younger than the last checkpoint is protected by the writers' chains only: that is
    the stated tail of at most ``RECORDS`` records or ``INTERVAL`` of an idle worker.
    """

    def __init__(
        self,
        log: AuditLog,
        signer: AuditSigner,
        timestamps: TimestampAuthority,
        verify: SignatureVerifier,
        clock: Clock,
    ) -> None:
        self._log = log
        self._signer = signer
        self._timestamps = timestamps
        self._verify = verify
        self._clock = clock
        self._log_records = LogRecords(log)
        self._alarmed = False

    def __call__(self, *, force: bool = False) -> Checkpoint | None:
        """Log, sign if due (or ``force`` and anything is new), stamp; gives the new checkpoint.

        Raises IntegrityAlarmError, and signs nothing, when the log no longer contains what the
        last checkpoint signed; QSCDUnavailableError and StoreUnavailableError.  A time-stamp that
        cannot be had now is asked for again at the next call.
        """
        try:
            self._log_records()
        except IntegrityAlarmError:
            self._alarm()
            raise
        last = self._log.last_checkpoint()
        size = self._log.size()
        made = self._sign(last, size) if self._is_due(last, size, force=force) else None
        self._stamp()
        return made

    def _is_due(self, last: Checkpoint | None, size: int, *, force: bool) -> bool:
        if size == (last.size if last else 0):
            return False
        if force or last is None or size < last.size:
            return True
        return size - last.size >= RECORDS or self._clock.now() - last.at >= INTERVAL

    def _sign(self, last: Checkpoint | None, size: int) -> Checkpoint | None:
        try:
            root = self._log.root(size)
            intact = last is None or self._continues(last, size, root)
        except LookupError:
            intact, root = False, b""
        if not intact:
            self._alarm()
            raise IntegrityAlarmError("the audit log does not continue its last checkpoint")
        now = self._clock.now()
        number = last.number + 1 if last else 1
        body = checkpoint_body(
            number=number,
            size=size,
            root=root,
            at=now,
            key_id=self._signer.key_id,
            previous=last.hash if last else GENESIS,
        )
        checkpoint = Checkpoint(
            body=body,
            number=number,
            size=size,
            root=root,
            at=now,
            signature=self._signer.sign(body.encode()),
            algorithm=self._signer.algorithm.value,
            key_id=self._signer.key_id,
            public_key_der=self._signer.public_key_der,
            timestamp_token=None,
        )
        return checkpoint if self._log.add_checkpoint(checkpoint) else None

    def _continues(self, last: Checkpoint, size: int, root: bytes) -> bool:
        """True when the last checkpoint is really ours and the log still begins with it."""
        if size < last.size or last.body != checkpoint_body_of(last):
            return False
        ours = last.key_id == self._signer.key_id
        key = self._signer.public_key_der if ours else last.public_key_der
        if not signature_is_right(last, key, self._verify):
            return False
        proof = self._log.consistency(last.size, size)
        return is_consistent(last.size, size, last.root, root, proof)

    def _alarm(self) -> None:
        """Once per process: the state lasts, the record need not repeat."""
        if self._alarmed:
            return
        self._log.record(
            AuditRecord(event=AuditEvent.INTEGRITY_ALARM, outcome="audit_log", actor="service")
        )
        self._alarmed = True

    def _stamp(self) -> None:
        for checkpoint in self._log.unstamped():
            digest = Digest.of(DigestAlgorithm.SHA256, checkpoint.signature)
            try:
                token = self._timestamps.stamp(digest)
            except TimestampUnavailableError:
                return
            self._log.add_timestamp(checkpoint.number, token.der)


def checkpoint_body_of(checkpoint: Checkpoint) -> str:
    """What the fields of a checkpoint should have signed; ``previous`` is read from the body.

    Gives an empty text when the body names no usable predecessor.
    """
    _, found, rest = checkpoint.body.partition('"previous":"')
    try:
        previous = bytes.fromhex(rest[:64]) if found else b""
    except ValueError:
        return ""
    return checkpoint_body(
        number=checkpoint.number,
        size=checkpoint.size,
        root=checkpoint.root,
        at=checkpoint.at,
        key_id=checkpoint.key_id,
        previous=previous,
    )


def signature_is_right(checkpoint: Checkpoint, key_der: bytes, verify: SignatureVerifier) -> bool:
    """True only when ``key_der`` signed this body; never raises for a strange algorithm."""
    try:
        algorithm = SignatureAlgorithm(checkpoint.algorithm)
    except ValueError:
        return False
    digest = algorithm.digest.of(checkpoint.body.encode())
    return verify(key_der, algorithm, digest, SignatureValue(checkpoint.signature))
