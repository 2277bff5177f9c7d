"""Procedures that roll back what called them: it is told as gone, or as not known, and never as committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

import rowgate
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")  # SQLite has no procedures; PostgreSQL lets none end what called it

SWALLOWED = "declare continue handler for sqlexception begin end"
GONE = {
    "plainly": "rollback",
    "with rows": "rollback; select 1 as x",
    "behind its rows": "select 1 as x; rollback",
    "in a handler": "declare exit handler for sqlexception rollback; insert into {t} (id, name) values (50, 'there')",
    "and commits another": "rollback; start transaction; insert into {t} (id, name) values (7, 'inner'); commit",
    "hidden": "execute immediate 'rollback'",
    "in another": "call {t}_q()",
    "by xa": "rollback; xa start '{t}'; insert into {t} (id, name) values (7, 'inner'); xa end '{t}'; "
    "xa commit '{t}' one phase",
}
LASTING = {
    "plainly": "commit",
    "and another": "commit; start transaction; insert into {t} (id, name) values (7, 'inner'); commit",
    "by itself": "create or replace table {t}_n (a int)",
    "hidden": "execute immediate 'commit'",
}


@pytest.fixture
async def name(db: rowgate.Database, table: str) -> AsyncIterator[str]:
    await db.query(f"insert into {table} (id, name) values (50, 'x'), (100, 'x'), (200, 'x')")
    await db.query(f"create procedure {table}_q() begin rollback; end")
    yield f"{table}_p"
    await db.query(f"drop procedure if exists {table}_p")
    await db.query(f"drop procedure {table}_q")
    await db.query(f"drop table if exists {table}_n")


async def procedure(db: rowgate.Database, table: str, body: str) -> None:
    await db.query(f"create procedure {table}_p() begin {body.format(t=table)}; end")


async def is_there(db: rowgate.Database, table: str) -> bool:
    return bool((await db.query(f"select count(*) from {table} where id = 1")).scalar())


@pytest.mark.parametrize("way", GONE)
async def test_what_a_procedure_has_rolled_back_is_not_told_committed(
    tx: Transact, db: rowgate.Database, table: str, name: str, way: str
) -> None:
    await procedure(db, table, GONE[way])
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    answer = await tx.sql(f"call {name}()")
    assert (answer.state, answer.error.metadata["outcome"]) == ("UNKNOWN", "UNKNOWN")
    assert not await is_there(db, table)
    assert (await tx.commit()).error.metadata["outcome"] == "UNKNOWN"


@pytest.mark.parametrize("way", LASTING)
async def test_what_a_procedure_has_surely_committed_is_told_so(
    tx: Transact, db: rowgate.Database, table: str, name: str, way: str
) -> None:
    await procedure(db, table, LASTING[way])
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    assert (await tx.sql(f"call {name}()")).state == "COMMITTED"
    assert await is_there(db, table)


async def test_a_deadlock_that_a_handler_swallows_is_not_told_committed(
    tx: Transact, db: rowgate.Database, table: str, name: str
) -> None:
    await procedure(db, table, f"{SWALLOWED}; delete from {{t}} where id = 200")
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await tx.sql(f"delete from {table} where id = 100")
    async with db.transaction() as other:
        rows = ", ".join(f"({number}, 'heavier')" for number in range(300, 310))
        await other.query(f"insert into {table} (id, name) values {rows}")  # who has done less is the victim
        await other.query(f"delete from {table} where id = 200")
        answer, _ = await asyncio.gather(tx.sql(f"call {name}()"), other.query(f"delete from {table} where id = 100"))
        assert (answer.state, answer.error.metadata["outcome"]) == ("UNKNOWN", "UNKNOWN")
    assert not await is_there(db, table)


async def test_a_deadlock_of_what_reads_is_told_undone(
    tx: Transact, db: rowgate.Database, table: str, name: str
) -> None:
    del name  # with it there are rows
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await tx.sql(f"select id from {table} where id = 100 for update")
    async with db.transaction() as other:
        rows = ", ".join(f"({number}, 'heavier')" for number in range(300, 310))
        await other.query(f"insert into {table} (id, name) values {rows}")
        await other.query(f"delete from {table} where id = 200")
        answer, _ = await asyncio.gather(
            tx.sql(f"select id from {table} where id = 200 for update"),
            other.query(f"delete from {table} where id = 100"),
        )
    assert (answer.error.reason, answer.error.metadata["outcome"]) == ("DEADLOCK", "ROLLED_BACK")
    assert answer.state == "ROLLED_BACK"


async def test_the_client_s_block_does_not_end_as_if_all_were_well(db: rowgate.Database, table: str, name: str) -> None:
    await procedure(db, table, GONE["plainly"])

    async def block() -> None:
        async with db.transaction() as tx:
            await tx.query(f"insert into {table} (id, name) values (1, 'a')")
            await tx.query(f"call {name}()")

    with pytest.raises(rowgate.InvalidRequest) as caught:
        await block()
    assert caught.value.outcome is rowgate.Outcome.UNKNOWN
