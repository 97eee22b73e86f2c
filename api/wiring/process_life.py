"""What a process does when it starts and ends: compare its keys, and say so in the audit."""

import hashlib
import json

from api import __version__
from api.settings import Settings
from api.wiring.services import Services
from hsm.keys import TokenName
from hsm.transcript import verify_against_transcript
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import ConfigurationError


def compare_with_ceremony(services: Services) -> None:
    """Compare every key of both tokens with the ceremony's signed transcript.

    Raises ConfigurationError naming what deviates, QSCDUnavailableError.
    """
    transcript = services.settings.hsm_transcript_file
    if not transcript.is_file():
        raise ConfigurationError(
            f"the ceremony's transcript {transcript} is missing. Fix: run ./chancela ceremony, or "
            "restore it from the backup"
        )
    device = services.device
    for token, name in ((device.sam.token, TokenName.SAM), (device.pki.token, TokenName.PKI)):
        verify_against_transcript(transcript, token, name, device.sam.audit_key)


def configuration_sha256(settings: Settings) -> str:
    """Hex digest of all settings; secrets count as stars."""
    text = json.dumps(settings.redacted(), sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def record_started(services: Services, process: str) -> None:
    """``service.started``, after ``configuration.changed`` when the settings are others.

    Raises StoreUnavailableError: a process that cannot say that it runs must not run.
    """
    log, now = services.stores.audit_log, configuration_sha256(services.settings)
    records = [
        AuditRecord(
            event=AuditEvent.SERVICE_STARTED,
            actor="service",
            facts={"process": process, "version": __version__, "configuration_sha256": now},
        )
    ]
    last = log.search(event=AuditEvent.SERVICE_STARTED.value, limit=1)
    before = json.loads(last[0].body)["facts"]["configuration_sha256"] if last else now
    if before != now:
        changed = AuditRecord(
            event=AuditEvent.CONFIGURATION_CHANGED,
            actor="service",
            facts={"before_sha256": before, "after_sha256": now},
        )
        records.insert(0, changed)
    log.record(*records)


def record_stopped(services: Services, process: str) -> None:
    """Hand in what is still buffered, then ``service.stopped``."""
    services.stores.statistics.flush()
    services.stores.audit_log.record(
        AuditRecord(event=AuditEvent.SERVICE_STOPPED, actor="service", facts={"process": process})
    )
