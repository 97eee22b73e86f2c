"""SADs: the together entry, and redeeming a grant in parts."""

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime

from signer.authentication.challenge import VerifiedChallenge
from signer.authentication.pin import VerifiedPIN
from signer.domain._mint import MINT
from signer.domain.activation import AttemptKind, Grant
from signer.domain.attribute import ProfessionalAttribute
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.authorisation import Authorisation
from signer.domain.bindings import GrantBindings, Stage
from signer.domain.credential import Credential
from signer.domain.errors import (
    AuthorisationRefusedError,
    IntegrityAlarmError,
    TransactionEndedError,
)
from signer.domain.values import DTBSR, ClientId, Secret, SignatureAlgorithm
from signer.ports import Clock
from signer.sam.sealing import Reach, SlotSealer, certificate_serial, wrapped_key
from signer.sam.stores import CredentialStore, GrantStore


class Grants:
    """A SAD is 256 random bits; what binds it to digests is the seal of its slot (SCAL2)."""

    def __init__(
        self, sealer: SlotSealer, store: GrantStore, credentials: CredentialStore, clock: Clock
    ) -> None:
        self._sealer = sealer
        self._store = store
        self._credentials = credentials
        self._clock = clock

    def grant_together(
        self,
        credential: Credential,
        pin: VerifiedPIN,
        challenge: VerifiedChallenge,
        *,
        client: ClientId,
        account_epoch: int,
        dtbsrs: Sequence[DTBSR],
        attributes: tuple[ProfessionalAttribute, ...] = (),
        expires_at: datetime,
    ) -> Secret:
        """PIN and code at once: straight to a SAD over ``dtbsrs``.

        Raises TransactionEndedError when the account changed meanwhile.
        """
        if pin.kind is not AttemptKind.SIGNATURE_PIN or pin.guarded != credential.id:
            msg = "this PIN was verified for something else"
            raise IntegrityAlarmError(msg)
        permanent = self._credentials.permanent_slot(credential.id)
        if permanent is None or challenge.subject != pin.subject:
            raise TransactionEndedError
        if permanent.context.epoch != credential.epoch:  # the PIN changed meanwhile
            raise TransactionEndedError
        activation = self._sealer.open(permanent, credential, pin.key_material, Reach())
        sad = Secret(secrets.token_urlsafe(32))
        bindings = GrantBindings(
            client=client, credential=credential.id, digests=tuple(dtbsrs), attributes=attributes
        )
        reach = Reach(
            grant=str(uuid.uuid4()),
            client=client,
            purpose=bindings.purpose,
            expires_at=expires_at,
            bindings_sha256=bindings.sha256(),
        )
        slot = self._sealer.seal(
            Stage.SAD,
            credential,
            sad.reveal().encode(),
            activation,
            reach,
            secret_sha256=sad.sha256(),
        )
        grant = Grant(
            id=reach.grant,
            slot=slot,
            tenant=credential.tenant,
            client=client,
            credential=credential.id,
            signer=credential.signer,
            digests=tuple(dtbsrs),
            expires_at=expires_at,
        )
        record = AuditRecord(
            event=AuditEvent.SAD_ISSUED,
            actor=client,
            subject=credential.signer,
            transaction=grant.id,
            facts={
                "credential": credential.id,
                "bindings_sha256": reach.bindings_sha256.hex(),
                "digests": tuple(dtbsr.value.hex() for dtbsr in dtbsrs),
                "pin_attempt": pin.attempt,
                "challenge": challenge.id,
            },
        )
        if not self._store.insert(grant, account_epoch=account_epoch, audit=(record,)):
            raise TransactionEndedError
        return sad

    def redeem(
        self,
        sad: Secret,
        *,
        client: ClientId,
        credential: Credential,
        dtbsrs: Sequence[DTBSR],
        attributes: tuple[ProfessionalAttribute, ...] = (),
        certificate_status: str = "unchecked",
    ) -> Authorisation:
        """Claim ``dtbsrs`` out of the grant and return the right to sign exactly them.

        Any sub-multiset in any order; unknown, surplus or no digests are refused.  Raises
        AuthorisationRefusedError with nothing changed, or IntegrityAlarmError.
        """
        grant = self._store.find(sad.sha256())
        now = self._clock.now()
        if grant is None or not dtbsrs:
            raise AuthorisationRefusedError
        if (grant.client, grant.credential) != (client, credential.id) or grant.expires_at <= now:
            raise AuthorisationRefusedError
        bindings = GrantBindings(
            client=client, credential=credential.id, digests=grant.digests, attributes=attributes
        )
        blob = self._credentials.blob(credential.id)
        context = grant.slot.context
        if (
            blob is None
            or context.bindings_sha256 != bindings.sha256()
            or context.epoch != credential.epoch
        ):
            raise AuthorisationRefusedError
        record = AuditRecord(
            event=AuditEvent.SIGNATURE_INTENDED,
            actor=client,
            subject=credential.signer,
            transaction=grant.id,
            facts={
                "credential": credential.id,
                "bindings_sha256": bindings.sha256().hex(),
                "dtbsrs": tuple(dtbsr.value.hex() for dtbsr in dtbsrs),
                "certificate_serial": certificate_serial(credential.certificate_der),
                "certificate_status": certificate_status,
            },
        )
        if not self._store.claim(grant, dtbsrs, now=now, audit=(record,)):
            raise AuthorisationRefusedError
        reach = Reach(
            grant=grant.id,
            client=client,
            purpose=bindings.purpose,
            expires_at=grant.expires_at,
            bindings_sha256=bindings.sha256(),
        )
        activation = self._sealer.open(grant.slot, credential, sad.reveal().encode(), reach)
        return Authorisation(
            signer=credential.signer,
            credential=credential.id,
            grant=grant.id,
            key=wrapped_key(credential, blob),
            algorithm=SignatureAlgorithm.of(credential.algorithm, dtbsrs[0].algorithm),
            dtbsrs=tuple(dtbsrs),
            expires_at=grant.expires_at,
            activation=activation,
            _mint=MINT,
        )
