"""Keys of organisations and bodies: opened by a secret presented with each call."""

import hmac
import uuid
from collections.abc import Sequence

from signer.authentication.attempts import Attempts
from signer.authentication.code import slot_scope
from signer.domain._mint import MINT
from signer.domain.activation import AttemptKind, SealedKey
from signer.domain.audit import AuditEvent, AuditRecord, Fact
from signer.domain.authorisation import Authorisation
from signer.domain.bindings import GrantBindings, Stage
from signer.domain.credential import ActivationKind, Credential
from signer.domain.errors import AuthorisationRefusedError
from signer.domain.values import DTBSR, ClientId, Secret, SignatureAlgorithm
from signer.ports import KeyVault
from signer.sam.enrolment import KeyMaker
from signer.sam.sealing import Reach, SlotSealer, certificate_serial, wrapped_key
from signer.sam.stores import CredentialStore, ServiceStore


class ServiceActivation:
    """The slot is permanent; each use claims a one-time grant that binds that call's digests."""

    def __init__(
        self,
        vault: KeyVault,
        sealer: SlotSealer,
        maker: KeyMaker,
        store: ServiceStore,
        credentials: CredentialStore,
        attempts: Attempts,
    ) -> None:
        self._vault = vault
        self._sealer = sealer
        self._maker = maker
        self._store = store
        self._credentials = credentials
        self._attempts = attempts

    def install(self, template: Credential, secret: Secret, *, owner: str) -> SealedKey:
        """Make a key for ``owner`` and seal it to ``secret`` (at least 128 random bits).

        ``template`` names id, tenant, signer and algorithm; its public key is filled in.
        """
        key = self._maker.make(template, secret.reveal().encode(), Stage.SERVICE)
        record = AuditRecord(
            event=AuditEvent.KEY_GENERATED,
            actor="service",
            subject=template.signer,
            facts={
                "credential": template.id,
                "kind": "service",
                "owner": owner,
                "algorithm": template.algorithm.value,
                "svd_sha256": key.slot.context.svd_sha256.hex(),
            },
        )
        self._store.install_service(key, owner=owner, audit=record)
        return key

    def authorise(
        self, credential: Credential, secret: Secret, *, client: ClientId, dtbsrs: Sequence[DTBSR]
    ) -> Authorisation:
        """The right to sign ``dtbsrs`` now, once.

        Raises AuthorisationRefusedError for a wrong secret (counted) or a destroyed key.
        """
        if credential.kind is not ActivationKind.SERVICE or not dtbsrs:
            raise AuthorisationRefusedError
        slot = self._credentials.permanent_slot(credential.id)
        blob = self._credentials.blob(credential.id)
        presented = secret.reveal().encode()
        opened = self._attempts.begin(
            AttemptKind.SERVICE_SECRET, credential.id, client, process=str(uuid.uuid4())
        )
        if slot is None or blob is None:
            self._attempts.fail(opened)
            raise AuthorisationRefusedError
        with self._attempts.faults_are_ours(opened):
            value = self._vault.key_check_value(slot_scope(slot), presented)
        if opened.locked or not hmac.compare_digest(value, slot.key_check_value):
            self._attempts.fail(opened)
            raise AuthorisationRefusedError
        if not self._attempts.succeed(opened):
            raise AuthorisationRefusedError
        grant = self._claim_grant(credential, client, dtbsrs)
        activation = self._sealer.open(slot, credential, presented, Reach())
        return Authorisation(
            signer=credential.signer,
            credential=credential.id,
            grant=grant,
            key=wrapped_key(credential, blob),
            algorithm=SignatureAlgorithm.of(credential.algorithm, dtbsrs[0].algorithm),
            dtbsrs=tuple(dtbsrs),
            expires_at=self._maker.clock.now(),
            activation=activation,
            _mint=MINT,
        )

    def _claim_grant(
        self, credential: Credential, client: ClientId, dtbsrs: Sequence[DTBSR]
    ) -> str:
        bindings = GrantBindings(
            client=client,
            credential=credential.id,
            digests=tuple(dtbsrs),
            purpose="service",
        ).sha256()
        grant = str(uuid.uuid4())
        facts: dict[str, Fact] = {
            "credential": credential.id,
            "bindings_sha256": bindings.hex(),
            "dtbsrs": tuple(dtbsr.value.hex() for dtbsr in dtbsrs),
            "digests": tuple(dtbsr.value.hex() for dtbsr in dtbsrs),
            "pin_attempt": "",
            "challenge": "",
            "certificate_serial": certificate_serial(credential.certificate_der),
            "certificate_status": "unchecked",
        }

        def record(event: AuditEvent) -> AuditRecord:
            return AuditRecord(
                event=event, actor=client, subject=credential.signer, transaction=grant, facts=facts
            )

        self._store.add_service_grant(
            grant,
            credential.id,
            client,
            bindings,
            now=self._maker.clock.now(),
            audit=record(AuditEvent.SAD_ISSUED),
        )
        if not self._store.claim_service_grant(
            grant, credential.id, bindings, audit=record(AuditEvent.SIGNATURE_INTENDED)
        ):
            raise AuthorisationRefusedError
        return grant
