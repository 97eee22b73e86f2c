"""Which words go to whom when a signature is asked for, made or ended."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from signer.domain.account import Account
from signer.domain.errors import ChannelUnavailableError
from signer.domain.outgoing import OutgoingMessage
from signer.domain.transaction import Transaction, TransactionState
from signer.domain.values import ClientId
from signer.operations.outgoing import CodePurpose, Composer, Notice, Recipient
from signer.operations.signing.needs import CodeMessage
from signer.ports import Clock


@dataclass(frozen=True, slots=True)
class SigningMessages:
    """Codes, notices and webhooks of signing transactions."""

    composer: Composer
    clock: Clock
    webhook_url: Callable[[ClientId], str | None]

    def code(self, message: CodeMessage) -> OutgoingMessage:
        """The one-time code with relying party and document names."""
        transaction = message.transaction
        return self.composer.code_message(
            Recipient.of(message.account, first=message.channel),
            message.code,
            CodePurpose.SIGN,
            process=transaction.id,
            expires_at=message.expires_at,
            client=transaction.client,
            client_name=transaction.relying_party,
            documents=[item.name for item in transaction.items],
        )

    def signed(self, account: Account, transaction: Transaction) -> Sequence[OutgoingMessage]:
        """The notice to the citizen and the webhook to the client."""
        messages = list(self.ended(transaction, TransactionState.SIGNED))
        try:
            notice = self.composer.notice(
                Recipient.of(account),
                Notice.SIGNATURE,
                at=self.clock.now(),
                process=transaction.id,
                client=transaction.client,
                client_name=transaction.relying_party,
                documents=[item.name for item in transaction.items],
            )
        except ChannelUnavailableError:
            # Somebody who signs by app alone and left no address gets no notice.
            return messages
        return [*messages, notice]

    def ended(self, transaction: Transaction, state: TransactionState) -> Sequence[OutgoingMessage]:
        """The webhook, when the client has one."""
        url = self.webhook_url(transaction.client)
        if url is None:
            return ()
        event = {
            "event": f"signature.{state.value}",
            "signature": transaction.id,
            "state": state.value,
            "failure": transaction.failure,
        }
        return (
            self.composer.webhook(url, event, client=transaction.client, process=transaction.id),
        )
