"""Real authorisations for measuring: every one went through PIN and code of the product."""

import hashlib
import secrets
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from api.bench.installation import CLIENT, BenchCitizen, TemporaryInstallation
from signer.domain.authorisation import Authorisation
from signer.domain.bindings import Stage
from signer.domain.credential import Credential
from signer.domain.errors import TransactionEndedError
from signer.domain.transaction import ItemKind, Level, SigningItem, Transaction
from signer.domain.values import DTBSR, Digest, DigestAlgorithm, KeyAlgorithm, Secret
from signer.formats.port import Prepared
from signer.operations.signing.completion import evidence_of
from signer.operations.signing.start import SigningRequest

LIFETIME = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Ready:
    """A transaction whose code was sent."""

    transaction: Transaction
    handle: Secret
    code: Secret


def raw_item(ordinal: int = 0) -> SigningItem:
    """A random digest."""
    value = DTBSR(DigestAlgorithm.SHA256, secrets.token_bytes(32))
    return SigningItem(ordinal=ordinal, kind=ItemKind.RAW, name="bench", digest=value)


def digest_item(kind: ItemKind) -> SigningItem:
    """A random content digest; a detached signature comes back."""
    value = Digest(DigestAlgorithm.SHA256, secrets.token_bytes(32))
    return SigningItem(ordinal=0, kind=kind, name="bench", digest=value)


def pdf_item(document: bytes) -> SigningItem:
    """A whole PDF at B-T."""
    value = Digest(DigestAlgorithm.SHA256, hashlib.sha256(document).digest())
    return SigningItem(
        ordinal=0,
        kind=ItemKind.PADES,
        name="bench.pdf",
        digest=value,
        level=Level.B_T,
        document=document,
    )


@dataclass(frozen=True, slots=True)
class Preparing:
    """Brings transactions to where a measurement starts."""

    installation: TemporaryInstallation
    citizen: BenchCitizen

    def ready(
        self, algorithm: KeyAlgorithm, *items: SigningItem, citizen: BenchCitizen | None = None
    ) -> Ready:
        """PIN entered, code in hand."""
        person, signing = citizen or self.citizen, self.installation.services.signing
        started = signing.start(
            SigningRequest(
                client=CLIENT,
                relying_party="Bancada de medida",
                phone=person.phone,
                items=items,
                key_algorithm=algorithm,
                lifetime=LIFETIME,
            )
        )
        entered = signing.enter_pin(started.transaction, person.signature_pin)
        code = self.installation.code_of(started.transaction.id)
        return Ready(self._now(started.transaction), entered.handle, code)

    def sign(self, algorithm: KeyAlgorithm, *items: SigningItem) -> tuple[bytes, ...]:
        """Everything of one signature in this process: start, PIN, code, results."""
        ready = self.ready(algorithm, *items)
        enter_code = self.installation.services.signing.enter_code
        return enter_code(ready.transaction, ready.handle, ready.code).results

    def prepared(self, ready: Ready) -> tuple[Prepared, ...]:
        """What will be signed."""
        preparation = self.installation.services.signing.enter_code.preparation
        return preparation.prepare(ready.transaction, self.credential(ready.transaction), ())

    def authorised(self, ready: Ready, prepared: Sequence[Prepared]) -> Authorisation:
        """Code verified, slot claimed: the right to sign, unspent."""
        services, transaction = self.installation.services, ready.transaction
        slots = services.stores.transactions.slots(transaction.id)
        verified = services.sam.codes.verify(
            next(slot for slot in slots if slot.stage is Stage.CODE),
            ready.handle,
            ready.code,
            subject=transaction.subject,
            client=transaction.client,
            process=transaction.id,
        )
        return services.sam.staged.redeem(
            transaction,
            self.credential(transaction),
            verified,
            asserted=(),
            evidence=[evidence_of(one) for one in prepared],
        )

    def authorisations(
        self, algorithm: KeyAlgorithm, count: int, items: int = 1
    ) -> list[Authorisation]:
        """``count`` of them, each over ``items`` random digests."""
        found = []
        for _ in range(count):
            ready = self.ready(algorithm, *(raw_item(ordinal) for ordinal in range(items)))
            found.append(self.authorised(ready, self.prepared(ready)))
        return found

    def credential(self, transaction: Transaction) -> Credential:
        """The one that signs."""
        found = None
        if transaction.credential is not None:
            found = self.installation.services.stores.credentials.credential(transaction.credential)
        if found is None:
            raise TransactionEndedError
        return found

    def _now(self, transaction: Transaction) -> Transaction:
        found = self.installation.services.stores.transactions.by_id(transaction.id)
        if found is None:
            raise TransactionEndedError
        return found


def nonce() -> int:
    """For requests to authorities."""
    return uuid.uuid4().int >> 64
