"""Which facts each kind of audit record must carry; ``docs/audit-events.md`` explains them.

Ids, digests and plain words only.  A record may carry more.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from signer.domain.audit import AuditEvent, AuditRecord

_E = AuditEvent

REQUIRED_FACTS: Final[Mapping[AuditEvent, tuple[str, ...]]] = MappingProxyType(
    {
        _E.SERVICE_STARTED: ("version", "configuration_sha256"),
        _E.SERVICE_STOPPED: (),
        _E.CONFIGURATION_CHANGED: ("before_sha256", "after_sha256"),
        _E.CLIENT_CREATED: (),
        _E.CLIENT_CHANGED: ("changed",),
        _E.CLIENT_REFUSED: (),
        _E.ACCOUNT_CREATED: (),
        _E.ACCOUNT_CHANGED: ("changed",),
        _E.ACCOUNT_REFUSED: (),
        _E.LINK_ISSUED: ("purpose",),
        _E.LINK_USED: ("purpose",),
        _E.TERMS_ACCEPTED: ("version",),
        _E.PIN_SET: ("kinds",),
        _E.PIN_CHANGED: ("kind",),
        _E.PIN_ATTEMPTED: ("attempt", "kind"),
        _E.PIN_VERIFIED: ("attempt", "kind"),
        _E.PIN_FAILED: ("attempt", "kind"),
        _E.PIN_LOCKED: ("kind",),
        _E.CODE_SENT: ("channel", "message"),
        _E.CODE_DELIVERED: ("channel", "message", "receipt"),
        _E.CODE_UNDELIVERED: ("message",),
        _E.CODE_ATTEMPTED: ("attempt", "kind"),
        _E.CODE_VERIFIED: ("factor",),
        _E.CODE_FAILED: ("attempt", "kind"),
        _E.CODE_LOCKED: ("kind",),
        _E.DEVICE_REGISTERED: ("device",),
        _E.DEVICE_REVOKED: ("device",),
        _E.APPROVAL_ASKED: (),
        _E.APPROVAL_ANSWERED: ("device",),
        _E.KEY_GENERATED: ("credential", "algorithm", "svd_sha256"),
        _E.KEY_RESEALED: ("credential", "epoch"),
        _E.KEY_DESTROYED: ("credential",),
        _E.CIPHER_KEY_CHANGED: ("changed", "number"),
        _E.CERTIFICATE_ISSUED: ("issuer", "serial", "credential", "not_after"),
        _E.CERTIFICATE_STATUS_CHANGED: ("issuer", "serial", "status", "reason"),
        _E.TRANSACTION_CREATED: (
            "items",
            "digests",
            "kinds",
            "levels",
            "required_attributes",
            "text_version",
            "text_sha256",
        ),
        _E.TRANSACTION_SHOWN: ("text_version", "text_sha256", "locale"),
        _E.TRANSACTION_ASKED: (
            "credential",
            "pin_attempt",
            "bindings_sha256",
            "text_version",
            "text_sha256",
            "channel",
            "message",
            "attributes",
        ),
        _E.TRANSACTION_REFUSED: (),
        _E.TRANSACTION_CANCELLED: (),
        _E.TRANSACTION_EXPIRED: (),
        _E.TRANSACTION_FAILED: (),
        _E.SAD_ISSUED: ("credential", "bindings_sha256", "digests", "pin_attempt", "challenge"),
        _E.SAD_CLAIMED: ("credential", "bindings_sha256"),
        _E.SAD_REFUSED: (),
        _E.SIGNATURE_INTENDED: (
            "credential",
            "bindings_sha256",
            "dtbsrs",
            "certificate_serial",
            "certificate_status",
        ),
        _E.SIGNATURE_MADE: (
            "credential",
            "certificate_sha256",
            "algorithm",
            "digests",
            "signature_sha256",
            "attributes",
            "attribute_providers",
        ),
        _E.SIGNATURE_RELEASED: ("results",),
        _E.ATTRIBUTE_BODY_CHANGED: ("changed",),
        _E.ATTRIBUTE_IMPORTED: ("provider", "attributes"),
        _E.ATTRIBUTE_WITHDRAWN: ("provider", "attribute"),
        _E.ATTRIBUTE_ASKED: ("provider",),
        _E.ATTRIBUTE_ASSERTED: ("attribute", "provider", "role", "form", "valid_until"),
        _E.TIMESTAMP_ISSUED: ("serial", "imprint"),
        _E.NOTICE_SENT: ("message", "kind"),
        _E.WEBHOOK_DELIVERED: ("message",),
        _E.BACKUP_MADE: ("sha256",),
        _E.BACKUP_RESTORED: ("sha256",),
        _E.AUDIT_READ: ("filters",),
        _E.AUDIT_EXPORTED: ("target", "reason"),
        _E.AUDIT_VERIFIED: ("signed_size",),
        _E.INTEGRITY_ALARM: (),
    }
)


def missing_facts(record: AuditRecord) -> tuple[str, ...]:
    """Names of the facts a record of this kind must carry and does not.

    A refusal or failure (``outcome`` other than ``ok``) may know less: nothing is missing then.
    """
    if record.outcome != "ok":
        return ()
    return tuple(name for name in REQUIRED_FACTS[record.event] if name not in record.facts)
