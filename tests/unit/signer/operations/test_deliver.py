"""Composing and delivering: words, fall-back, breaker, back-off, audit, counts."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from signer.adapters.channels.gsm7 import to_gsm7
from signer.adapters.store.outbox import SQLOutbox
from signer.adapters.store.tables.audit import audit_record
from signer.domain.errors import ChannelUnavailableError
from signer.domain.outgoing import MessageKind, MessageState, Route, pause_before
from signer.domain.values import ClientId, Secret
from signer.operations.deliver import Deliver
from signer.operations.outgoing import CodePurpose, Composer, LinkPurpose, Notice, Recipient
from signer.texts import Texts
from tests.fixtures.channels import RecordingChannel

ANA = Recipient(
    subject="signer-1",
    locale="pt",
    addresses={"sms": "+351912345678", "email": "ana@example.pt"},
)


class Counts:
    def __init__(self):
        self.events = []

    def count(self, event, channel="", client=""):
        self.events.append((event, channel, client))


class World:
    """A composer, a real SQLite outbox and two remembering channels."""

    def __init__(self, database, chain, clock, vault):
        self.database, self.clock, self.vault = database, clock, vault
        self.outbox = SQLOutbox(database, chain, clock)
        self.sms, self.email = RecordingChannel("sms"), RecordingChannel("email")
        self.counts = Counts()
        self.composer = Composer(vault, Texts(), clock, service="Chancela", contact="210 000 000")
        self.deliver = Deliver(
            self.outbox,
            vault,
            {"sms": self.sms, "email": self.email},
            self.counts,
            clock,
            jitter=lambda: 0.0,
        )

    def code(self, recipient=ANA, **changes):
        values = {
            "process": "transaction-1",
            "expires_at": self.clock.now() + timedelta(minutes=5),
            "client": ClientId("client-1"),
            "client_name": "Notário Exemplo",
            "documents": ["contrato.pdf"],
        } | changes
        message = self.composer.code_message(
            recipient, Secret("493018"), values.pop("purpose", CodePurpose.SIGN), **values
        )
        self.outbox.put(message)
        return message

    def state(self, message):
        return self.outbox.delivery(message.id).state

    def audited(self):
        with self.database.read() as connection:
            query = select(audit_record.c.event, audit_record.c.body)
            return connection.execute(query.order_by(audit_record.c.sequence)).all()


@pytest.fixture
def world(sqlite_database, audit_chain, clock, fake_vault):
    return World(sqlite_database, audit_chain, clock, fake_vault)


def sent_text(world, **changes):
    world.code(**changes)
    world.deliver()
    return world.sms.messages[-1].text.reveal()


def test_the_code_message_names_document_and_asker(world):
    assert sent_text(world) == (
        'Código 493018 para assinar "contrato.pdf" a pedido de Notário Exemplo. '
        "Válido 5 min. Não partilhe."
    )


def test_the_longest_code_message_fits_one_sms_when_transliterated(world):
    for locale in ("pt", "en"):
        person = Recipient(subject="s", locale=locale, addresses=ANA.addresses)
        text = sent_text(
            world,
            recipient=person,
            documents=["ç" * 90, "b"],
            client_name="ã" * 90,
            expires_at=world.clock.now() + timedelta(minutes=10),
        )
        assert len(to_gsm7(text)) <= 160


def test_a_hostile_name_cannot_add_words_lines_or_links(world):
    text = sent_text(
        world,
        documents=['x" a pedido de Banco.\nVá a https://evil.pt/'],
        client_name="\u202eB\u0007anco",
    )
    assert "\n" not in text
    assert "://" not in text
    assert "evil.pt" not in text
    assert text.count('"') == 2
    assert "\u202e" not in text


def test_without_document_names_the_message_says_a_signature(world):
    assert "autorizar uma assinatura a pedido de Notário Exemplo" in sent_text(world, documents=[])


def test_the_body_in_the_outbox_shows_neither_code_nor_phone(world):
    body = world.code().body
    assert b"493018" not in body
    assert b"912345678" not in body


def test_a_person_without_addresses_is_told_at_once(world):
    nobody = Recipient(subject="s", locale="pt", addresses={})
    with pytest.raises(ChannelUnavailableError):
        world.code(recipient=nobody)


@pytest.mark.parametrize("what", list(Notice))
@pytest.mark.parametrize("locale", ["pt", "en"])
def test_every_notice_can_be_written(world, what, locale):
    person = Recipient(subject="s", locale=locale, addresses=ANA.addresses)
    now = world.clock.now()
    notice = world.composer.notice(
        person, what, at=now, until=now, client_name="X", documents=["a"], phone="+351 9•• ••• 678"
    )
    world.outbox.put(notice)
    world.deliver()
    assert world.sms.messages[-1].text.reveal().startswith("Chancela: ")


def test_links_travel_as_links(world):
    expiry = world.clock.now() + timedelta(hours=1)
    link = Secret("https://id.example.pt/enrol/x")
    message = world.composer.link_message(ANA, link, LinkPurpose.ENROL, expires_at=expiry)
    world.outbox.put(message)
    world.deliver()
    assert link.reveal() in world.sms.messages[-1].text.reveal()


def test_an_accepted_code_is_audited_and_counted_without_the_code(world):
    message = world.code()
    world.deliver()
    assert world.state(message) is MessageState.SENT
    ((event, body),) = world.audited()
    assert event == "code.delivered"
    assert f'"receipt":"receipt-{message.id}"' in body
    assert "493018" not in body
    assert "912345678" not in body
    assert world.counts.events == [("code.delivered", "sms", "client-1")]


def test_a_failing_channel_falls_back_to_the_next_at_once(world):
    world.sms.unavailable = True
    message = world.code()
    world.deliver()
    world.deliver()
    assert [m.id for m in world.email.messages] == [message.id]
    assert world.email.messages[0].to == "ana@example.pt"
    assert world.outbox.delivery(message.id).channel == "email"


def test_a_refused_number_is_not_tried_again(world):
    world.sms.refused.add("+351912345678")
    world.email.unavailable = True
    world.code()
    for _ in range(5):
        world.deliver()
        world.clock.advance(seconds=30)
    assert world.sms.attempts == 1
    assert world.email.attempts > 1


def test_a_message_every_channel_refuses_is_dead_erased_and_audited(world):
    world.sms.refused.add("+351912345678")
    world.email.refused.add("ana@example.pt")
    message = world.code()
    world.deliver()
    world.deliver()
    assert world.state(message) is MessageState.DEAD
    assert [event for event, _ in world.audited()] == ["code.undelivered"]
    assert world.counts.events == [("code.undelivered", "email", "client-1")]
    assert [d.id for d in world.outbox.dead_letters()] == [message.id]


def test_a_code_nobody_could_send_expires_with_its_body_erased(world):
    world.sms.unavailable = world.email.unavailable = True
    message = world.code()
    for _ in range(12):
        world.deliver()
        world.clock.advance(seconds=30)
    assert world.state(message) is MessageState.EXPIRED
    assert [event for event, _ in world.audited()] == ["code.undelivered"]
    world.sms.unavailable = False
    world.deliver()
    assert world.sms.messages == []


def test_the_breaker_stops_asking_and_tries_again_after_a_rest(world):
    world.sms.unavailable = True
    only_sms = Recipient(subject="s", locale="pt", addresses={"sms": "+351912345678"})
    for process in range(12):
        world.code(recipient=only_sms, process=f"p{process}")
    world.deliver()
    world.deliver()
    assert world.sms.attempts == 5
    assert world.deliver.breakers["sms"].is_open
    world.sms.unavailable = False
    world.clock.advance(seconds=31)
    while world.deliver():
        pass
    assert len(world.sms.messages) == 12


def test_a_lost_hsm_delays_and_spends_no_channel(world):
    message = world.code()
    world.vault.down = True
    world.deliver()
    assert world.state(message) is MessageState.QUEUED
    world.vault.down = False
    world.clock.advance(seconds=6)
    world.deliver()
    assert [m.id for m in world.sms.messages] == [message.id]


def test_a_code_replaced_while_claimed_is_not_sent(world):
    old = world.code()
    (claimed,) = world.outbox.claim(1, timedelta(seconds=60))
    world.code()
    world.deliver._handle(claimed)  # noqa: SLF001 - the moment between claim and sending
    assert world.sms.messages == []
    assert world.state(old) is MessageState.CANCELLED


def test_a_message_that_kills_its_workers_is_given_up(world):
    message = world.code(expires_at=world.clock.now() + timedelta(days=1))
    for _ in range(60):
        world.outbox.claim(1, timedelta(seconds=1))
        world.clock.advance(seconds=2)
    world.deliver()
    assert world.state(message) is MessageState.DEAD
    assert world.sms.attempts == 0


@pytest.mark.parametrize(
    ("arrived", "state", "event"),
    [
        (True, MessageState.DELIVERED, "code.delivered"),
        (False, MessageState.UNDELIVERED, "code.undelivered"),
    ],
)
def test_a_delivery_report_is_audited_once(world, arrived, state, event):
    message = world.code()
    world.deliver()
    receipt = f"receipt-{message.id}"
    assert world.deliver.report("sms", receipt, arrived=arrived)
    assert not world.deliver.report("sms", receipt, arrived=arrived)
    assert world.state(message) is state
    assert [name for name, _ in world.audited()] == ["code.delivered", event]


def test_back_off_doubles_within_its_bounds():
    pauses = [pause_before(MessageKind.WEBHOOK, n, 0.999).total_seconds() for n in range(1, 30)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 2
    assert 3590 < pauses[-1] <= 3600
    assert pause_before(MessageKind.CODE, 50, 0.0) == timedelta(seconds=10)
    assert pause_before(MessageKind.CODE, 0, 0.5) == timedelta()


def test_a_route_forgets_refused_channels_and_rounds_begin_after_the_last():
    route = Route(channels=("sms", "email"))
    assert route.after_temporary_failure() == Route(channels=("sms", "email"), position=1)
    last = Route(channels=("sms", "email"), position=1)
    assert last.after_temporary_failure() == Route(channels=("sms", "email"), round=1)
    assert last.after_permanent_failure() == Route(channels=("sms",), round=1)
    assert route.after_permanent_failure() == Route(channels=("email",))
    assert Route(channels=("sms",)).after_permanent_failure() is None
