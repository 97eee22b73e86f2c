"""``--large``: the same signatures among a thousand and among a million credentials."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection, Table, insert, select

from api.bench.figures import Measured, Row, compared, measure_each
from api.bench.installation import BenchCitizen, TemporaryInstallation
from api.bench.preparing import Preparing, raw_item
from signer.adapters.store.tables.accounts import account, credential
from signer.adapters.store.tables.activation import slot
from signer.domain.values import KeyAlgorithm

REAL: Final = 1_000
FILLERS: Final = 1_000_000
_CHUNK: Final = 10_000


@dataclass(frozen=True, slots=True)
class _Pattern:
    """The rows of one real citizen, to be repeated under other names."""

    account: Mapping[str, Any]
    credential: Mapping[str, Any]
    slot: Mapping[str, Any]

    def rows(self, count: int) -> tuple[list[dict[str, Any]], ...]:
        accounts, credentials, slots = [], [], []
        for _ in range(count):
            person, key = str(uuid.uuid4()), str(uuid.uuid4())
            unique = dict.fromkeys(("phone_key", "phone", "document_key"), person)
            accounts.append({**self.account, "id": person, **unique})
            credentials.append({**self.credential, "id": key, "account_id": person})
            names = {"id": str(uuid.uuid4()), "account_id": person, "credential_id": key}
            slots.append({**self.slot, **names})
        return accounts, credentials, slots


def large_row(installation: TemporaryInstallation) -> Row:
    """1,000 real citizens sign once each, before and after a million fillers."""
    citizens = [installation.enrol(algorithms=(KeyAlgorithm.P_256,)) for _ in range(REAL)]
    few = _each_signs(installation, citizens)
    fill(installation, citizens[0], FILLERS)
    many = _each_signs(installation, citizens)
    return compared(
        "one signature among 10^6 credentials", many, few.median_ms, many.median_ms, 1.1
    )


def fill(installation: TemporaryInstallation, model: BenchCitizen, count: int) -> None:
    """Repeat the rows of ``model`` under other ids; nobody can sign with them."""
    database = installation.services.stores.database
    with database.read() as connection:
        pattern = _Pattern(
            _row(connection, account, account.c.id == model.signer),
            _row(connection, credential, credential.c.account_id == model.signer),
            _row(connection, slot, slot.c.account_id == model.signer),
        )
    for start in range(0, count, _CHUNK):
        accounts, credentials, slots = pattern.rows(min(_CHUNK, count - start))
        with database.begin() as connection:
            connection.execute(insert(account), accounts)
            connection.execute(insert(credential), credentials)
            connection.execute(insert(slot), slots)


def _row(connection: Connection, table: Table, condition: Any) -> Mapping[str, Any]:  # noqa: ANN401 - SQLAlchemy's own
    return dict(connection.execute(select(table).where(condition).limit(1)).mappings().one())


def _each_signs(installation: TemporaryInstallation, citizens: list[BenchCitizen]) -> Measured:
    return measure_each([_Signing(Preparing(installation, one)) for one in citizens])


@dataclass(frozen=True, slots=True)
class _Signing:
    preparing: Preparing

    def __call__(self) -> None:
        self.preparing.sign(KeyAlgorithm.P_256, raw_item())
