"""A citizen's devices: registered and removed with authentication PIN and a code."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from signer.domain.account import Account
from signer.domain.approval import Device, DeviceId, device_id
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.client import check_shown_text
from signer.domain.errors import ConflictError, NotFoundError
from signer.domain.outgoing import OutgoingMessage
from signer.domain.values import Secret, SignerId
from signer.operations.accounts.entry import Admission, AdmitCitizen
from signer.operations.accounts.finding import demand_valid
from signer.operations.accounts.messages import AccountMessages
from signer.operations.outgoing import Notice
from signer.ports import Clock
from signer.sam.approvals import DeviceApprovals, device_key

MAX_DEVICES: Final = 5
_NAME_LENGTH: Final = 60


class Devices(Protocol):
    """Devices as rows; each change is one transaction with its notices and audit record."""

    def add(
        self, device: Device, *, outgoing: Sequence[OutgoingMessage], audit: AuditRecord
    ) -> bool:
        """False, with nothing written, when this key was registered before, by whomever."""
        ...

    def revoke(
        self,
        signer: SignerId,
        device: DeviceId,
        at: datetime,
        *,
        outgoing: Sequence[OutgoingMessage],
        audit: AuditRecord,
    ) -> bool:
        """False when the person has no such device (any more)."""
        ...

    def of(self, signer: SignerId) -> tuple[Device, ...]:
        """Those not revoked, oldest first."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnDevices:
    """A device approves signatures of any client, so adding one is told to the person."""

    admit: AdmitCitizen
    devices: Devices
    approvals: DeviceApprovals
    messages: AccountMessages
    clock: Clock

    def of(self, account: Account) -> tuple[Device, ...]:
        """Those whose registration holds: a new authentication PIN ends it."""
        return tuple(
            one for one in self.devices.of(account.id) if self.approvals.belongs(one, account)
        )

    def register(self, admission: Admission, code: Secret, name: str, public_key: str) -> Device:
        """Take a device into use; ``public_key`` is base64 of a P-256 SubjectPublicKeyInfo.

        Raises InvalidRequestError, IncorrectCodeError, AuthorisationRefusedError,
        AccountStateError, ConflictError (key known, or too many devices).
        """
        check_shown_text(name, "name", _NAME_LENGTH)
        svd_der = device_key(public_key)
        account = self.admit.account(admission)
        demand_valid(account, self.clock.now())
        if len(self.of(account)) >= MAX_DEVICES:
            raise ConflictError(f"at most {MAX_DEVICES} devices; remove one first")
        account, verified = self.admit.check(admission, code)
        self.admit.spend(verified)
        device = Device(
            id=device_id(svd_der),
            signer=account.id,
            name=name,
            svd_der=svd_der,
            registration=self.approvals.registration(account, svd_der),
            created_at=self.clock.now(),
        )
        added = self.devices.add(
            device,
            outgoing=(self.messages.notice(account, Notice.DEVICE_ADDED),),
            audit=_record(AuditEvent.DEVICE_REGISTERED, account, device.id),
        )
        if not added:
            raise ConflictError("this device's key was registered before; make a new one")
        return device

    def remove(self, admission: Admission, code: Secret, device: DeviceId) -> None:
        """Effective at once, also for what it approved and nobody redeemed yet.

        Raises NotFoundError, IncorrectCodeError, AuthorisationRefusedError.
        """
        account, verified = self.admit.check(admission, code)
        self.admit.spend(verified)
        removed = self.devices.revoke(
            account.id,
            device,
            self.clock.now(),
            outgoing=(self.messages.notice(account, Notice.DEVICE_REMOVED),),
            audit=_record(AuditEvent.DEVICE_REVOKED, account, device),
        )
        if not removed:
            raise NotFoundError("there is no such device")


def _record(event: AuditEvent, account: Account, device: DeviceId) -> AuditRecord:
    return AuditRecord(event=event, actor="citizen", subject=account.id, facts={"device": device})
