"""Every account store must pass these, whatever the database."""

import secrets
import threading
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from sqlalchemy import func, select, update

from signer.adapters.store.account_life import SQLAccountLife
from signer.adapters.store.accounts import SQLAccountStore
from signer.adapters.store.due_status import SQLDueStatusStore
from signer.adapters.store.links import SQLLinkStore
from signer.adapters.store.queue import Queue
from signer.adapters.store.tables.accounts import credential as credential_table
from signer.adapters.store.tables.activation import slot as slot_table
from signer.adapters.store.tables.audit import audit_record
from signer.domain.account import (
    Account,
    AccountState,
    DocumentType,
    IdentityData,
    IdentityDocument,
)
from signer.domain.audit import AuditEvent, AuditRecord
from signer.domain.errors import (
    ConflictError,
    DuplicateIdentityError,
    DuplicatePhoneError,
    TransactionEndedError,
)
from signer.domain.link import AccountChange, AuthenticationPIN, Link, LinkKind
from signer.domain.values import DEFAULT_TENANT, Secret, SignerId

CREATED = AuditRecord(event=AuditEvent.ACCOUNT_CREATED, actor="officer")


class Recorder:
    """An outbox that only remembers."""

    def __init__(self):
        self.sent = []
        self.cancelled = []

    def enqueue(self, _connection, message):
        self.sent.append(message)

    def cancel(self, _connection, process):
        self.cancelled.append(process)


@pytest.fixture
def outbox():
    return Recorder()


@pytest.fixture
def accounts(database, audit_chain, outbox):
    return SQLAccountStore(database, audit_chain, Queue(outbox))


@pytest.fixture
def life(database, audit_chain, outbox):
    return SQLAccountLife(database, audit_chain, Queue(outbox))


@pytest.fixture
def links(database, audit_chain, outbox):
    return SQLLinkStore(database, audit_chain, Queue(outbox))


@pytest.fixture
def make(clock):
    def _make(number="12345678", phone="+351910000001", name="Maria") -> Account:
        return Account(
            id=SignerId(str(uuid.uuid4())),
            tenant=DEFAULT_TENANT,
            state=AccountState.INVITED,
            identity=IdentityData(
                given_name=name,
                surname="Exemplo",
                birth_date=date(1980, 1, 2),
                document=IdentityDocument(
                    type=DocumentType.BI,
                    country="PT",
                    number=number,
                    expires_on=date(2040, 1, 1),
                ),
                email="maria@exemplo.pt",
            ),
            phone=phone,
            phone_confirmed=False,
            epoch=0,
            channels=("sms", "email"),
            created_at=clock.now(),
            valid_until=clock.now() + timedelta(days=900),
            signature_salt=secrets.token_bytes(16),
            authentication_salt=secrets.token_bytes(16),
        )

    return _make


@pytest.fixture
def new_link(clock):
    def _link(account, kind=LinkKind.ENROLMENT, hours=1) -> Link:
        return Link(
            id=str(uuid.uuid4()),
            account=account.id,
            kind=kind,
            token_sha256=secrets.token_hex(32),
            created_at=clock.now(),
            expires_at=clock.now() + timedelta(hours=hours),
        )

    return _link


@pytest.fixture
def register(accounts, new_link):
    def _register(account, link=None):
        document = account.identity.document
        accounts.create(
            account,
            link or new_link(account),
            identity_key=document.key,
            outgoing=(),
            audit=(CREATED,),
        )
        return account

    return _register


def change(clock, failure="account.suspended"):
    return AccountChange(at=clock.now(), failure=failure, outgoing=(), audit=(CREATED,))


def events(database):
    with database.read() as connection:
        return list(
            connection.execute(
                select(audit_record.c.event).order_by(audit_record.c.sequence)
            ).scalars()
        )


def test_what_was_created_is_found_as_it_was(accounts, register, make):
    account = register(make())
    assert accounts.by_id(account.id) == account
    assert accounts.by_phone("+351910000001") == account
    assert accounts.by_identity(account.identity.document.key) == account
    assert accounts.by_phone("+351910000002") is None


@pytest.mark.parametrize(
    ("other", "error"),
    [
        pytest.param({"phone": "+351910000002"}, DuplicateIdentityError, id="identity"),
        pytest.param({"number": "87654321"}, DuplicatePhoneError, id="phone"),
    ],
)
def test_a_duplicate_is_named_audited_and_stores_nothing(
    database, accounts, register, make, other, error
):
    register(make())
    duplicate = make(**other)
    with pytest.raises(error):
        register(duplicate)
    assert accounts.by_id(duplicate.id) is None
    assert events(database) == ["account.created", "account.refused"]


@pytest.mark.parametrize("same", ["identity", "phone"])
def test_of_many_registering_at_once_one_wins(accounts, make, register, same):
    barrier = threading.Barrier(8)

    def attempt(number):
        account = (
            make(phone=f"+35191000{number:04d}")
            if same == "identity"
            else make(number=f"1234{number:04d}")
        )
        barrier.wait()
        try:
            register(account)
        except (DuplicateIdentityError, DuplicatePhoneError) as error:
            return type(error)
        return None

    with ThreadPoolExecutor(8) as pool:
        results = list(pool.map(attempt, range(8)))
    expected = DuplicateIdentityError if same == "identity" else DuplicatePhoneError
    assert results.count(None) == 1
    assert results.count(expected) == 7
    assert accounts.search()[1] == 1


def test_closing_frees_phone_and_identity(accounts, life, register, make, clock):
    account = register(make())
    assert life.close(account, change(clock, "account.closed"))
    assert accounts.by_phone(account.phone) is None
    assert accounts.by_id(account.id).state is AccountState.CLOSED
    again = register(make())
    assert accounts.by_phone(account.phone) == again


def test_closed_is_for_ever(accounts, life, register, make, clock):
    account = register(make())
    life.close(account, change(clock))
    closed = accounts.by_id(account.id)
    assert not life.resume(closed, change(clock))
    assert not life.close(closed, change(clock))
    assert not life.suspend(closed, change(clock))
    assert not accounts.accept_terms(account.id, "t1", clock.now(), audit=CREATED)


def test_search_pages_by_name_phone_and_number(accounts, register, make, clock):
    for number in range(5):
        register(make(number=f"1000000{number}", phone=f"+35191000000{number}"))
        clock.advance(seconds=1)
    register(make(number="20000000", phone="+351920000000", name="Zé_100%"))
    page, total = accounts.search("maria exemplo", limit=2, offset=2)
    assert total == 5
    assert [one.phone for one in page] == ["+351910000002", "+351910000001"]
    assert accounts.search("+351910000003")[1] == 1
    assert accounts.search("20000000")[1] == 1
    assert accounts.search("%")[1] == 1
    assert accounts.search(state=AccountState.CLOSED) == ((), 0)


def test_a_change_of_phone_is_refused_when_somebody_has_it(
    database, accounts, life, register, make, clock, new_link
):
    register(make())
    other = register(make(number="87654321", phone="+351910000002"))
    link = new_link(other, LinkKind.PHONE)
    with pytest.raises(DuplicatePhoneError):
        life.change_phone(other, "+351910000001", link, change(clock))
    assert accounts.by_id(other.id) == other
    assert events(database)[-1] == "account.refused"
    assert life.change_phone(other, "+351910000003", link, change(clock))
    changed = accounts.by_id(other.id)
    assert (changed.phone, changed.phone_confirmed) == ("+351910000003", False)
    assert changed.epoch == other.epoch + 1
    assert changed.phone_changed_at == clock.now()


def test_a_confirmation_for_the_old_phone_confirms_nothing(
    accounts, life, register, make, clock, new_link
):
    account = register(make())
    life.change_phone(account, "+351910000009", new_link(account), change(clock))
    assert not accounts.confirm_phone(account, audit=CREATED)
    assert not accounts.by_id(account.id).phone_confirmed


def test_an_authentication_pin_never_set_is_not_changed(accounts, register, make):
    account = register(make())
    first = AuthenticationPIN(salt=bytes(16), key_check_value=b"a" * 16)
    assert not accounts.set_authentication_pin(account, first, first, outgoing=(), audit=CREATED)
    assert accounts.progress(account.id).authentication is None


def test_recovery_starts_once_until_it_lapses(active_account, accounts, clock):
    def ask():
        return accounts.request_recovery(
            active_account,
            clock.now(),
            lapsed_before=clock.now() - timedelta(days=7),
            outgoing=(),
            audit=CREATED,
        )

    assert ask()
    clock.advance(hours=1)
    assert not ask()
    clock.advance(days=8)
    assert ask()


@pytest.fixture
def active_account(database, register, make, accounts):
    from signer.adapters.store.tables.accounts import account as account_table

    account = register(make())
    with database.begin() as connection:
        connection.execute(update(account_table).values(state="active"))
    return accounts.by_id(account.id)


def test_a_new_link_kills_the_older_one_of_its_kind(links, register, make, new_link):
    account = make()
    first = new_link(account)
    register(account, first)
    other = new_link(account, LinkKind.PHONE)
    links.issue(other, audit=CREATED)
    second = new_link(account)
    links.issue(second, audit=CREATED)
    assert links.by_token(first.token_sha256) is None
    assert links.by_token(second.token_sha256) == second
    assert links.by_id(other.id) == other


def test_of_many_using_a_link_one_is_first(links, register, make, new_link, clock):
    account = make()
    link = new_link(account)
    register(account, link)
    with ThreadPoolExecutor(8) as pool:
        done = list(pool.map(lambda _: links.use(link.id, clock.now(), audit=CREATED), range(8)))
    assert done.count(True) == 1
    assert not links.bind(link.id, "00", clock.now(), audit=CREATED)


def test_an_expired_link_binds_and_is_used_never(links, register, make, new_link, clock):
    account = make()
    link = new_link(account)
    register(account, link)
    clock.advance(hours=1)
    assert not links.bind(link.id, "00", clock.now(), audit=CREATED)
    assert not links.use(link.id, clock.now(), audit=CREATED)
    assert links.purge(clock.now() + timedelta(seconds=1)) == 1


@pytest.mark.parametrize(
    "how", ["suspend", "close", "phone"], ids=["suspended", "closed", "phone changed"]
)
def test_what_is_pending_dies_with_the_change(sam, accounts, life, outbox, clock, new_link, how):
    citizen = sam.citizen()
    asked = sam.ask(citizen)
    account = accounts.by_id(citizen.account.id)
    done = {
        "suspend": lambda: life.suspend(account, change(clock)),
        "close": lambda: life.close(account, change(clock)),
        "phone": lambda: life.change_phone(
            account, "+351930000000", new_link(account), change(clock)
        ),
    }[how]()
    assert done
    stages = {slot.stage for slot in sam.transactions.slots(asked.transaction.id)}
    assert stages == set()
    ended = sam.transactions.by_id(asked.transaction.id)
    assert (ended.state, ended.failure) == ("failed", "account.suspended")
    assert outbox.cancelled == [asked.transaction.id]
    assert accounts.by_id(account.id).epoch == account.epoch + 1
    kept = sam.credentials.permanent_slot(citizen.credential.id)
    assert (kept is None) == (how == "close")
    assert (sam.credentials.blob(citizen.credential.id) is None) == (how == "close")


def test_a_change_based_on_an_old_epoch_changes_nothing(sam, accounts, life, clock):
    citizen = sam.citizen()
    stale = accounts.by_id(citizen.account.id)
    assert life.suspend(stale, change(clock))
    assert not life.resume(stale, change(clock))
    assert not life.close(stale, change(clock))
    assert life.resume(accounts.by_id(stale.id), change(clock))


def test_the_certificate_authority_is_owed_the_last_status_only(
    sam, database, accounts, life, clock, audit_chain
):
    citizen = sam.citizen()
    with database.begin() as connection:
        connection.execute(update(credential_table).values(chain='["AAEC"]'))
    due = SQLDueStatusStore(database, audit_chain)
    assert due.due() == ()

    def now():
        return accounts.by_id(citizen.account.id)

    life.suspend(now(), change(clock))
    (hold,) = due.due(citizen.account.id)
    assert (hold.status, hold.reason, hold.certificate_der) == ("suspended", "", b"\x00\x01\x02")
    life.resume(now(), change(clock))
    assert not due.told(hold, audit=CREATED)
    (good,) = due.due()
    assert good.status == "good"
    assert due.told(good, audit=CREATED)
    assert due.due() == ()
    life.close(now(), change(clock))
    (revoked,) = due.due()
    assert (revoked.status, revoked.reason) == ("revoked", "cessationOfOperation")
    assert due.told(revoked, audit=CREATED)


def test_a_suspension_racing_claims_never_deadlocks_for_good(sam, accounts, life, clock):
    """One of both wins each time; slots are gone after either."""
    for _ in range(5):
        citizen = sam.citizen()
        asked = sam.ask(citizen)
        account = accounts.by_id(citizen.account.id)
        barrier = threading.Barrier(2)

        def claim(asked=asked, citizen=citizen, barrier=barrier):
            barrier.wait()
            try:
                return sam.redeem(asked, citizen)
            except Exception as error:  # noqa: BLE001 - any refusal will do here
                return error

        def suspend(account=account, barrier=barrier):
            barrier.wait()
            return life.suspend(account, change(clock))

        with ThreadPoolExecutor(2) as pool:
            redeemed, suspended = pool.submit(claim), pool.submit(suspend)
            redeemed.result()
            assert suspended.result()
        with sam.database.read() as connection:
            left = connection.execute(
                select(func.count()).where(
                    slot_table.c.account_id == account.id, slot_table.c.stage != "pin"
                )
            ).scalar_one()
        assert left == 0


def test_any_other_constraint_is_just_a_conflict():
    from sqlalchemy.exc import IntegrityError

    from signer.adapters.store.accounts import duplicate_of

    other = IntegrityError("", {}, Exception("NOT NULL constraint failed: account.tenant"))
    assert type(duplicate_of(other)) is ConflictError


@pytest.mark.parametrize("when", ["before the slot is read", "after the code was sent"])
def test_a_pin_change_racing_a_request_to_sign_leaves_no_slot(sam, when):
    citizen = sam.citizen()
    asked = sam.ask(citizen) if when == "after the code was sent" else None
    transaction = sam.start(citizen)
    verified = sam.verify_pin(citizen)
    account = citizen.account
    sam.enrolment.change_signature_pin(
        account, sam.credentials.requests(account.id), verified, Secret("27406813")
    )
    if asked is not None:
        assert sam.transactions.slots(asked.transaction.id) == ()
        return
    with pytest.raises(TransactionEndedError):
        sam.staged.ask(
            transaction,
            citizen.credential,
            verified,
            account_epoch=account.epoch,
            attributes=(),
            handle=Secret("handle"),
            code=None,
        )
    assert sam.transactions.slots(transaction.id) == ()
