"""Rows of accounts to domain values and back."""

from signer.adapters.store.prepared import AnyRow
from signer.domain.account import (
    Account,
    AccountState,
    DocumentType,
    IdentityData,
    IdentityDocument,
    SigningRestriction,
)
from signer.domain.link import AuthenticationPIN, Progress
from signer.domain.values import SignerId, TenantId


def account_of(row: AnyRow) -> Account:
    """An account row."""
    return Account(
        id=SignerId(row.id),
        tenant=TenantId(row.tenant),
        state=AccountState(row.state),
        identity=IdentityData(
            given_name=row.given_name,
            surname=row.surname,
            birth_date=row.birth_date,
            document=IdentityDocument(
                type=DocumentType(row.document_type),
                country=row.document_country,
                number=row.document_number,
                expires_on=row.document_expires_on,
            ),
            email=row.email,
            locale=row.locale,
        ),
        phone=row.phone,
        phone_confirmed=row.phone_confirmed,
        epoch=row.epoch,
        channels=tuple(row.channels.split(",")),
        created_at=row.created_at,
        valid_until=row.valid_until,
        signature_salt=row.signature_salt,
        authentication_salt=row.authentication_salt,
        phone_changed_at=row.phone_changed_at,
        signing_restriction=SigningRestriction(row.signing_restriction)
        if row.signing_restriction
        else None,
    )


def account_values(account: Account, identity_key: str) -> dict[str, object]:
    """Column values of a new account."""
    identity, document = account.identity, account.identity.document
    return {
        "id": account.id,
        "tenant": account.tenant,
        "state": account.state.value,
        "given_name": identity.given_name,
        "surname": identity.surname,
        "birth_date": identity.birth_date,
        "document_type": document.type.value,
        "document_country": document.country,
        "document_number": document.number,
        "document_expires_on": document.expires_on,
        "document_key": identity_key,
        "phone_key": account.phone,
        "phone": account.phone,
        "phone_confirmed": account.phone_confirmed,
        "email": identity.email,
        "locale": identity.locale,
        "channels": ",".join(account.channels),
        "epoch": account.epoch,
        "created_at": account.created_at,
        "valid_until": account.valid_until,
        "signature_salt": account.signature_salt,
        "authentication_salt": account.authentication_salt,
    }


def progress_of(row: AnyRow) -> Progress:
    """What an account row says beside the account itself."""
    kcv = row.authentication_kcv
    return Progress(
        terms_version=row.terms_version,
        recovery_requested_at=row.recovery_requested_at,
        phone_changed_at=row.phone_changed_at,
        authentication=None
        if kcv is None
        else AuthenticationPIN(salt=row.authentication_salt, key_check_value=kcv),
    )
