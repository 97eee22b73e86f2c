"""Approval of a signature on a citizen's own device: it answers, it never signs the document."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum, unique
from typing import NewType

from signer.domain.values import SignerId, TransactionId, length_prefixed, to_microseconds

DeviceId = NewType("DeviceId", str)
"""The first 32 hexadecimal digits of the SHA-256 of the device's SubjectPublicKeyInfo."""


@unique
class Decision(StrEnum):
    """What the person chose on the device."""

    APPROVE = "approve"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A key (P-256) that lives in a citizen's phone or browser."""

    id: DeviceId
    signer: SignerId
    name: str
    """What the person calls it."""
    svd_der: bytes
    """SubjectPublicKeyInfo, DER."""
    registration: str
    """Keyed code over what makes it this person's; checked before anything is believed."""
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A device's signed decision about one transaction."""

    transaction: TransactionId
    device: DeviceId
    decision: Decision
    signature: bytes = field(repr=False)
    """ECDSA-SHA256, r | s, 64 bytes, over :func:`answer_message`."""
    at: datetime


def device_id(svd_der: bytes) -> DeviceId:
    """The id of the device with this key: programs compute it themselves."""
    return DeviceId(hashlib.sha256(svd_der).hexdigest()[:32])


def answer_message(decision: Decision, transaction: TransactionId, bindings_sha256: bytes) -> bytes:
    """What a device signs: its decision, the public id, the hash of the bindings (32 bytes)."""
    return length_prefixed("chancela-approval/1", decision, transaction, bindings_sha256)


def presence_message(device: DeviceId, at: datetime) -> bytes:
    """What a device signs to see what it is asked: who it is, and when (whole seconds)."""
    return length_prefixed("chancela-device/1", device, to_microseconds(at) // 1_000_000)


def registration_text(
    device: DeviceId, signer: SignerId, authentication_salt: bytes, svd_der: bytes
) -> str:
    """What the registration's keyed code covers.

    The salt changes with the authentication PIN: a new one (changed, or after identification anew)
    ends the registration of every device.
    """
    return length_prefixed("device/1", device, signer, authentication_salt, svd_der).hex()
