"""Rows to domain values and back; no row leaves the store."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

from signer.adapters.store.prepared import AnyRow
from signer.domain.activation import Slot
from signer.domain.attribute import ProfessionalAttribute, RequiredAttribute
from signer.domain.bindings import SlotContext, Stage
from signer.domain.credential import ActivationKind, Credential, CredentialState
from signer.domain.transaction import (
    SigningItem,
    Transaction,
    TransactionState,
)
from signer.domain.values import (
    CredentialId,
    KeyAlgorithm,
    SignerId,
    TenantId,
    from_microseconds,
    to_microseconds,
)


def slot_of(row: AnyRow) -> Slot:
    """A slot row."""
    return Slot(
        id=row.id,
        context=SlotContext(
            stage=Stage(row.stage),
            tenant=TenantId(row.tenant),
            credential=CredentialId(row.credential_id),
            signer=SignerId(row.account_id),
            svd_sha256=row.svd_sha256,
            algorithm=KeyAlgorithm(row.algorithm),
            master_key_id=row.master_key_id,
            epoch=row.epoch,
            process=row.process,
            grant=row.grant_id,
            client=row.client_id,
            purpose=row.purpose,
            expires_at=row.expires_at,
            bindings_sha256=row.bindings_sha256,
        ),
        key_check_value=row.key_check_value,
        sealed=row.sealed,
        created_at=row.created_at,
        secret_sha256=row.secret_sha256,
    )


def slot_values(slot: Slot) -> dict[str, object]:
    """Column values of a slot."""
    context = slot.context
    return {
        "id": slot.id,
        "stage": context.stage.value,
        "tenant": context.tenant,
        "account_id": context.signer,
        "credential_id": context.credential,
        "process": context.process,
        "grant_id": context.grant,
        "client_id": context.client,
        "purpose": context.purpose,
        "expires_at": context.expires_at,
        "svd_sha256": context.svd_sha256,
        "algorithm": context.algorithm.value,
        "master_key_id": context.master_key_id,
        "epoch": context.epoch,
        "bindings_sha256": context.bindings_sha256,
        "secret_sha256": slot.secret_sha256,
        "key_check_value": slot.key_check_value,
        "sealed": slot.sealed,
        "created_at": slot.created_at,
    }


def credential_of(row: AnyRow) -> Credential:
    """A credential row; its signer is the account, or the owner of a service key."""
    return Credential(
        id=CredentialId(row.id),
        tenant=TenantId(row.tenant),
        signer=SignerId(row.account_id or row.owner),
        kind=ActivationKind(row.kind),
        algorithm=KeyAlgorithm(row.algorithm),
        state=CredentialState(row.state),
        epoch=row.epoch,
        svd_der=row.svd_der,
        master_key_id=row.master_key_id,
        created_at=row.created_at,
        chain_der=chain_of(row.chain),
    )


def chain_of(text: str) -> tuple[bytes, ...]:
    """A chain column: JSON list of base64 DER, leaf first."""
    return tuple(base64.b64decode(entry) for entry in json.loads(text))


def chain_text(chain: Sequence[bytes]) -> str:
    """Inverse of :func:`chain_of`."""
    return json.dumps([base64.b64encode(der).decode() for der in chain])


def attributes_text(attributes: Sequence[ProfessionalAttribute]) -> str:
    """JSON of confirmed attributes; times in microseconds, so that nothing is rounded."""
    return json.dumps(
        [
            {
                "id": one.id,
                "provider": one.provider,
                "provider_name": one.provider_name,
                "role": one.role,
                "label": one.label,
                "sub_attributes": one.sub_attributes,
                "valid_from": to_microseconds(one.valid_from),
                "valid_until": to_microseconds(one.valid_until),
            }
            for one in attributes
        ],
        ensure_ascii=False,
    )


def attributes_of(text: str) -> tuple[ProfessionalAttribute, ...]:
    """Inverse of :func:`attributes_text`."""
    return tuple(_attribute(entry) for entry in json.loads(text))


def _attribute(entry: Mapping[str, Any]) -> ProfessionalAttribute:
    return ProfessionalAttribute(
        id=entry["id"],
        provider=entry["provider"],
        provider_name=entry["provider_name"],
        role=entry["role"],
        label=entry["label"],
        sub_attributes=_pairs(entry["sub_attributes"]),
        valid_from=from_microseconds(entry["valid_from"]),
        valid_until=from_microseconds(entry["valid_until"]),
    )


def required_text(required: Sequence[RequiredAttribute]) -> str:
    """JSON of demanded attributes."""
    return json.dumps(
        [[one.provider, one.role, one.sub_attributes] for one in required], ensure_ascii=False
    )


def required_of(text: str) -> tuple[RequiredAttribute, ...]:
    """Inverse of :func:`required_text`."""
    return tuple(
        RequiredAttribute(provider, role, _pairs(pairs))
        for provider, role, pairs in json.loads(text)
    )


def _pairs(pairs: Sequence[Sequence[str]]) -> tuple[tuple[str, str], ...]:
    return tuple((name, value) for name, value in pairs)


def transaction_of(row: AnyRow, items: Sequence[SigningItem]) -> Transaction:
    """A signing_transaction row with its items in order."""
    return Transaction(
        id=row.id,
        tenant=TenantId(row.tenant),
        client=row.client_id,
        relying_party=row.relying_party,
        purpose=row.purpose,
        signer=row.account_id,
        subject=row.subject,
        credential=row.credential_id,
        key_algorithm=KeyAlgorithm(row.key_algorithm) if row.key_algorithm else None,
        state=TransactionState(row.state),
        items=tuple(items),
        required_attributes=required_of(row.required_attributes),
        attributes=attributes_of(row.attributes),
        locale=row.locale,
        text_version=row.text_version,
        text_sha256=row.text_sha256,
        handle_sha256=row.handle_sha256,
        page_token_sha256=row.page_token_sha256,
        epoch=row.epoch,
        channel=row.channel,
        codes_sent=row.codes_sent,
        code_sent_at=row.code_sent_at,
        code_expires_at=row.code_expires_at,
        created_at=row.created_at,
        expires_at=row.expires_at,
        ended_at=row.ended_at,
        failure=row.failure,
        callback_url=row.callback_url,
        replay_kcv=row.replay_kcv,
    )
