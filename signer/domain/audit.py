"""Audit records: what is written, and how records are chained and logged."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import Final

Fact = str | int | bool | None | tuple[str, ...]


@unique
class AuditEvent(StrEnum):
    """Every kind of record (EN 419 241-2 FAU_GEN; EN 319 401 7.10)."""

    SERVICE_STARTED = "service.started"
    SERVICE_STOPPED = "service.stopped"
    CONFIGURATION_CHANGED = "configuration.changed"
    CLIENT_CREATED = "client.created"
    CLIENT_CHANGED = "client.changed"
    CLIENT_REFUSED = "client.refused"
    ACCOUNT_CREATED = "account.created"
    ACCOUNT_CHANGED = "account.changed"
    ACCOUNT_REFUSED = "account.refused"
    LINK_ISSUED = "account.link_issued"
    LINK_USED = "account.link_used"
    TERMS_ACCEPTED = "account.terms_accepted"
    PIN_SET = "pin.set"
    PIN_CHANGED = "pin.changed"
    PIN_ATTEMPTED = "pin.attempted"
    PIN_VERIFIED = "pin.verified"
    PIN_FAILED = "pin.failed"
    PIN_LOCKED = "pin.locked"
    CODE_SENT = "code.sent"
    CODE_DELIVERED = "code.delivered"
    CODE_UNDELIVERED = "code.undelivered"
    CODE_ATTEMPTED = "code.attempted"
    CODE_VERIFIED = "code.verified"
    CODE_FAILED = "code.failed"
    CODE_LOCKED = "code.locked"
    DEVICE_REGISTERED = "device.registered"
    DEVICE_REVOKED = "device.revoked"
    APPROVAL_ASKED = "approval.asked"
    APPROVAL_ANSWERED = "approval.answered"
    KEY_GENERATED = "key.generated"
    KEY_RESEALED = "key.resealed"
    KEY_DESTROYED = "key.destroyed"
    CIPHER_KEY_CHANGED = "cipher_key.changed"
    CERTIFICATE_ISSUED = "certificate.issued"
    CERTIFICATE_STATUS_CHANGED = "certificate.status_changed"
    TRANSACTION_CREATED = "transaction.created"
    TRANSACTION_SHOWN = "transaction.shown"
    TRANSACTION_ASKED = "transaction.asked"
    TRANSACTION_REFUSED = "transaction.refused"
    TRANSACTION_CANCELLED = "transaction.cancelled"
    TRANSACTION_EXPIRED = "transaction.expired"
    TRANSACTION_FAILED = "transaction.failed"
    SAD_ISSUED = "sad.issued"
    SAD_CLAIMED = "sad.claimed"
    SAD_REFUSED = "sad.refused"
    SIGNATURE_INTENDED = "signature.intended"
    SIGNATURE_MADE = "signature.made"
    SIGNATURE_RELEASED = "signature.released"
    ATTRIBUTE_BODY_CHANGED = "attribute.body_changed"
    ATTRIBUTE_IMPORTED = "attribute.imported"
    ATTRIBUTE_WITHDRAWN = "attribute.withdrawn"
    ATTRIBUTE_ASKED = "attribute.asked"
    ATTRIBUTE_ASSERTED = "attribute.asserted"
    TIMESTAMP_ISSUED = "timestamp.issued"
    NOTICE_SENT = "notice.sent"
    WEBHOOK_DELIVERED = "webhook.delivered"
    BACKUP_MADE = "backup.made"
    BACKUP_RESTORED = "backup.restored"
    AUDIT_READ = "audit.read"
    AUDIT_EXPORTED = "audit.exported"
    AUDIT_VERIFIED = "audit.verified"
    INTEGRITY_ALARM = "integrity.alarm"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditRecord:
    """One fact to be remembered: ids and digests, never PINs, codes, SADs, handles or names."""

    event: AuditEvent
    outcome: str = "ok"
    """``ok``, or the reason of a refusal or failure in one word."""
    actor: str = ""
    """Client id, officer id, ``citizen`` or ``service``."""
    subject: str = ""
    """Signer id or other object this is about."""
    transaction: str = ""
    facts: Mapping[str, Fact] = field(default_factory=dict)


def canonical_json(value: Mapping[str, object]) -> str:
    """RFC 8785 (JCS) text of an object of strings, integers, booleans, nulls and lists of strings.

    Floats are refused (TypeError): no record needs one, and their JCS form is the hard part.
    """
    return _ENCODER.encode(_jcs_ready(value))


_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def _jcs_ready(value: object) -> object:
    if type(value) is str:
        return value
    if isinstance(value, Mapping):
        names = {str(name): name for name in value}
        # RFC 8785, 3.2.3: property names sort by UTF-16 code units; in ASCII that is their order.
        ordered = sorted(names, key=None if "".join(names).isascii() else _utf16)
        return {name: _jcs_ready(value[names[name]]) for name in ordered}
    if isinstance(value, tuple | list):
        return [_jcs_ready(member) for member in value]
    if value is None or isinstance(value, str | bool | int):
        return value
    msg = f"{type(value).__name__} has no canonical form here"
    raise TypeError(msg)


def _utf16(name: str) -> bytes:
    return name.encode("utf-16-be")


def record_body(record: AuditRecord, *, writer: str, sequence: int, at: datetime) -> str:
    """Canonical JSON of a record with its place in the chain; ``at`` becomes RFC 3339 with Z."""
    return canonical_json(
        {
            "version": 1,
            "writer": writer,
            "sequence": sequence,
            "at": at.strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "event": record.event.value,
            "outcome": record.outcome,
            "actor": record.actor,
            "subject": record.subject,
            "transaction": record.transaction,
            "facts": dict(record.facts),
        }
    )


def chain_hash(previous: bytes, body: str) -> bytes:
    """SHA-256(previous head (32 bytes) | UTF-8 of the record's canonical JSON)."""
    return hashlib.sha256(previous + body.encode()).digest()
