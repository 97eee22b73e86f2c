"""Moves waiting records into the common log; raises the alarm when a chain is broken."""

from signer.audit.ports import AuditLog
from signer.domain.audit import AuditEvent, AuditRecord


class LogRecords:
    """The worker's first audit step, run every second or so."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log

    def __call__(self) -> int:
        """Put everything that waits into the log; gives how many records that were.

        A record that does not follow from its predecessor is logged as it is (leaving it out
        would hide it) and answered by an ``integrity.alarm`` record.
        """
        total = 0
        while True:
            done = self._log.append_new()
            total += done.count
            if done.broken:
                self._log.record(
                    *(
                        AuditRecord(
                            event=AuditEvent.INTEGRITY_ALARM,
                            outcome="audit_chain",
                            actor="service",
                            facts={"where": place},
                        )
                        for place in done.broken
                    )
                )
            if not done.count:
                return total
