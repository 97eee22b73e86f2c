"""Starts a signature: fixes what is signed, for whom, and what the citizen will be shown."""

import hashlib
import json
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from signer.domain.attribute import RequiredAttribute
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.credential import Credential
from signer.domain.errors import InvalidRequestError
from signer.domain.statistics import CountedEvent
from signer.domain.transaction import SigningItem, Transaction, TransactionState
from signer.domain.values import (
    DEFAULT_TENANT,
    ClientId,
    KeyAlgorithm,
    Secret,
    TransactionId,
)
from signer.operations.signing.needs import Accounts, Credentials, Statistics, Transactions
from signer.ports import Clock

MAX_ITEMS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningRequest:
    """What a client asks for."""

    client: ClientId
    relying_party: str
    phone: str
    """E.164."""
    items: tuple[SigningItem, ...]
    required_attributes: tuple[RequiredAttribute, ...] = ()
    key_algorithm: KeyAlgorithm | None = None
    """None: the citizen's RSA key, which every verifier reads."""
    locale: str = "pt"
    callback_url: str | None = None
    lifetime: timedelta
    purpose: str = "signature"


@dataclass(frozen=True, slots=True)
class Started:
    """A transaction awaiting the PIN, and the token of its page."""

    transaction: Transaction
    page_token: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class StartSigning:
    """An unknown phone gives a transaction that looks the same and never opens."""

    accounts: Accounts
    credentials: Credentials
    transactions: Transactions
    statistics: Statistics
    clock: Clock
    text_version: Callable[[str], str]

    def __call__(self, request: SigningRequest) -> Started:
        """Create the transaction.  Raises InvalidRequestError naming the field."""
        if not 1 <= len(request.items) <= MAX_ITEMS:
            raise InvalidRequestError(f"1 to {MAX_ITEMS} items", field="items")
        if len({item.digest.algorithm for item in request.items}) != 1:
            raise InvalidRequestError("one digest algorithm for all items", field="items")
        if len({item.options.pss for item in request.items}) != 1:
            raise InvalidRequestError("one signature scheme for all items", field="items")
        account, subject = self.accounts.by_phone(request.phone)
        credential = None
        if account is not None:
            credential = choose(self.credentials.of(account.id), request.key_algorithm)
        now = self.clock.now()
        token = Secret(secrets.token_urlsafe(32))
        version = self.text_version(request.locale)
        transaction = Transaction(
            id=TransactionId(str(uuid.uuid4())),
            tenant=DEFAULT_TENANT,
            client=request.client,
            relying_party=request.relying_party,
            purpose=request.purpose,
            signer=account.id if account else None,
            subject=subject,
            credential=credential.id if credential else None,
            key_algorithm=credential.algorithm if credential else None,
            state=TransactionState.CREATED,
            items=request.items,
            required_attributes=request.required_attributes,
            locale=request.locale,
            text_version=version,
            text_sha256=shown_sha256(request, version),
            page_token_sha256=token.sha256(),
            created_at=now,
            expires_at=now + request.lifetime,
            callback_url=request.callback_url,
        )
        record = AuditRecord(
            event=AuditEvent.TRANSACTION_CREATED,
            actor=request.client,
            subject=subject,
            transaction=transaction.id,
            facts={
                "items": len(request.items),
                "digests": tuple(item.digest.value.hex() for item in request.items),
                "kinds": tuple(item.kind.value for item in request.items),
                "levels": tuple(item.level.value for item in request.items),
                "required_attributes": tuple(
                    f"{one.provider}:{one.role}" for one in request.required_attributes
                ),
                "text_version": version,
                "text_sha256": transaction.text_sha256,
            },
        )
        self.transactions.create(transaction, audit=record)
        self.statistics.count(CountedEvent.ASKED, client=request.client)
        return Started(transaction, token)


def choose(credentials: Sequence[Credential], wanted: KeyAlgorithm | None) -> Credential | None:
    """The newest credential of the wanted kind; RSA when none is named."""
    for credential in reversed(credentials):
        if credential.algorithm is wanted or (wanted is None and credential.algorithm.is_rsa):
            return credential
    return credentials[-1] if credentials and wanted is None else None


def shown_sha256(request: SigningRequest, version: str) -> str:
    """Hex SHA-256 of what the page will say: part of the bindings and of the evidence."""
    shown = {
        "version": version,
        "locale": request.locale,
        "relying_party": request.relying_party,
        "items": [
            [
                item.name,
                item.kind.value,
                item.level.value,
                item.digest.value.hex(),
                [one.name for one in item.files],
                item.options.encoded().decode(),
            ]
            for item in request.items
        ],
        "attributes": [
            [one.provider, one.role, one.sub_attributes] for one in request.required_attributes
        ],
    }
    text = json.dumps(shown, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
