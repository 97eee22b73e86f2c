"""Verifies signed documents, ours and others', against trust anchors."""

from signer.validation.report import (
    FileKind,
    Indication,
    SignatureReport,
    TimestampReport,
    VerificationReport,
)
from signer.validation.trust import RevocationData, RevocationRule, TrustPolicy
from signer.validation.verifier import Verifier

__all__ = [
    "FileKind",
    "Indication",
    "RevocationData",
    "RevocationRule",
    "SignatureReport",
    "TimestampReport",
    "TrustPolicy",
    "VerificationReport",
    "Verifier",
]
