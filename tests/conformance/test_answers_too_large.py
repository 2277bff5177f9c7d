"""Answers larger than they may be, found when the database has done its part: what is told of them is what is so."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

import rowgate
from rowgate import Outcome, Step
from support.engines import Engine
from support.process import Gateway

LIMITS = {"LIMITS__UNARY_BYTES": "80KB", "LIMITS__SQL_BYTES": "80KB"}
WIDE = "x" * 60_000


@pytest.fixture(scope="module")
def narrow(urls: dict[str, str]) -> Iterator[Gateway]:
    """A gateway whose messages are small."""
    environment = {"ROWGATE_SERVER__MAX_MESSAGE_BYTES": "100KB"}
    for name in ("SQLITE", "MARIADB", "POSTGRESQL"):
        environment |= {f"ROWGATE_DATABASES__{name}__{key}": text for key, text in LIMITS.items()}
    with Gateway.start(environment={**urls, **environment}) as gateway:
        yield gateway


@pytest.fixture
async def db(narrow: Gateway, engine: Engine) -> AsyncIterator[rowgate.Database]:
    async with rowgate.connect(narrow.address, retry=None) as client:
        yield client.using(engine.name)


@pytest.fixture
async def wide(db: rowgate.Database) -> AsyncIterator[str]:
    """A table of two rows, neither of which is too large for a message by itself."""
    await db.query("create table tx_wide (id integer primary key, a text, b text)")
    yield "tx_wide"
    await db.query("drop table tx_wide")


async def count(db: rowgate.Database) -> Any:
    return (await db.query("select count(*) from tx_wide")).scalar()


async def test_a_batch_was_done_and_nobody_says_that_it_was_not(db: rowgate.Database, wide: str) -> None:
    insert = Step(f"insert into {wide} (id, a) values (1, ?)", WIDE)
    with pytest.raises(rowgate.ResultTooLarge) as caught:
        await db.batch([insert, f"select a from {wide}", f"select a from {wide}"])
    assert caught.value.outcome is Outcome.UNKNOWN
    assert await count(db) == 1


async def test_a_write_in_a_transaction_ends_it(db: rowgate.Database, wide: str) -> None:
    await db.table(wide).insert({"id": 1, "a": WIDE})

    async def widen() -> None:
        async with db.transaction() as tx:
            await tx.query(f"insert into {wide} (id) values (2)")
            await tx.table(wide).update({"b": WIDE}, key=1, returning="*")

    with pytest.raises(rowgate.ResultTooLarge) as caught:
        await widen()
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert await count(db) == 1
    assert (await db.query(f"select count(*) from {wide} where b is not null")).scalar() == 0


async def test_a_row_over_the_cap_ends_it_too(db: rowgate.Database, wide: str) -> None:
    await db.table(wide).insert({"id": 1, "a": WIDE})
    await db.table(wide).update({"b": WIDE}, key=1)

    async def read() -> None:
        async with db.transaction() as tx:
            await tx.query(f"insert into {wide} (id) values (2)")
            await tx.table(wide).get(1)

    with pytest.raises(rowgate.ResultTooLarge) as caught:
        await read()
    assert caught.value.outcome is Outcome.ROLLED_BACK
    assert await count(db) == 1
