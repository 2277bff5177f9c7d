"""Procedures that end transactions: no work is told undone that lasts, and none told done that is gone."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.transactions import Transact

pytestmark = pytest.mark.engines("mariadb")  # SQLite has no procedures; PostgreSQL's end no transaction that calls them

BODIES = {
    "fails": "begin commit; signal sqlstate '45000'; end",
    "deadlocks": "begin commit; signal sqlstate '40001' set mysql_errno = 1213; end",
    "anew": "begin commit; start transaction; end",
    "open": "begin start transaction; insert into {table} (id, name) values (9, 'x'); end",
    "quiet": "begin set autocommit = 0; insert into {table} (id, name) values (9, 'x'); end",
    "half": "begin insert into {table} (id, name) values (5, 'x'); insert into {table} (id, name) values (5, 'x'); end",
    "plain": "begin insert into {table} (id, name) values (5, 'x'); select 5 as five; end",
}


@pytest.fixture
async def procedures(db: rowgate.Database, table: str) -> AsyncIterator[dict[str, str]]:
    names = {kind: f"{table}_{kind}" for kind in BODIES}
    for kind, body in BODIES.items():
        await db.query(f"create procedure {names[kind]}() {body.format(table=table)}")
    yield names
    for name in names.values():
        await db.query(f"drop procedure {name}")


async def ids(db: rowgate.Database, table: str) -> list[int]:
    return [row[0] for row in (await db.query(f"select id from {table} order by id")).rows]


@pytest.mark.parametrize("kind", ["fails", "deadlocks"])
async def test_a_procedure_that_commits_and_fails_leaves_it_unknown(
    tx: Transact, db: rowgate.Database, table: str, procedures: dict[str, str], kind: str
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    answer = await tx.sql(f"call {procedures[kind]}()")
    assert (answer.state, answer.error.metadata["outcome"]) == ("UNKNOWN", "UNKNOWN")
    assert await ids(db, table) == [1]


async def test_a_procedure_that_begins_anew_leaves_it_unknown(
    tx: Transact, db: rowgate.Database, table: str, procedures: dict[str, str]
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    answer = await tx.sql(f"call {procedures['anew']}()")
    assert (answer.state, answer.error.reason) == ("UNKNOWN", "INVALID_REQUEST")
    assert await ids(db, table) == [1]


async def test_a_procedure_that_ends_nothing_is_called_within_a_transaction(
    tx: Transact, db: rowgate.Database, table: str, procedures: dict[str, str]
) -> None:
    answer = await tx.sql(f"call {procedures['plain']}()")
    assert (answer.state, answer.rows) == ("ACTIVE", [(5,)])
    assert (await tx.rollback()).state == "ROLLED_BACK"
    assert await ids(db, table) == []


async def test_what_a_procedure_did_before_it_failed_is_undone_by_itself(
    tx: Transact, db: rowgate.Database, table: str, procedures: dict[str, str]
) -> None:
    await tx.sql(f"insert into {table} (id, name) values (1, 'a')")
    await tx.savepoint("mine")
    await tx.sql(f"insert into {table} (id, name) values (2, 'b')")
    answer = await tx.sql(f"call {procedures['half']}()")
    assert (answer.state, answer.error.reason) == ("ACTIVE", "DUPLICATE_KEY")
    assert answer.error.metadata["outcome"] == "ROLLED_BACK"
    assert (await tx.sql(f"select id from {table} order by id")).rows == [(1,), (2,)]
    await tx.rollback_to("mine")
    assert (await tx.commit()).state == "COMMITTED"
    assert await ids(db, table) == [1]


async def test_a_transaction_whose_fate_is_unknown_is_not_run_again(
    db: rowgate.Database, table: str, procedures: dict[str, str]
) -> None:
    runs = 0

    async def work(tx: rowgate.Transaction) -> None:
        nonlocal runs
        runs += 1
        await tx.query(f"insert into {table} (id, name) values (:id, 'a')", id=runs)
        await tx.query(f"call {procedures['deadlocks']}()")

    with pytest.raises(rowgate.RowgateError):
        await db.run_transaction(work)
    assert (runs, await ids(db, table)) == (1, [1])


@pytest.mark.parametrize("kind", ["open", "quiet"])
async def test_a_call_that_leaves_a_transaction_open_fails_and_the_next_one_works(
    db: rowgate.Database, table: str, procedures: dict[str, str], kind: str
) -> None:
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await db.query(f"call {procedures[kind]}()")
    assert caught.value.metadata["outcome"] == "UNKNOWN"  # for all that the gateway knows it had committed before
    assert await ids(db, table) == []
    await db.query(f"insert into {table} (id, name) values (2, 'b')")
    assert await ids(db, table) == [2]


async def test_a_call_is_no_step_of_an_atomic_batch(
    db: rowgate.Database, table: str, procedures: dict[str, str]
) -> None:
    steps = [f"insert into {table} (id, name) values (1, 'a')", f"call {procedures['plain']}()"]
    with pytest.raises(rowgate.NotSupported) as caught:
        await db.batch(steps)
    assert (caught.value.metadata["step"], caught.value.metadata["outcome"]) == ("1", "NOT_RUN")
    assert await ids(db, table) == []
    assert len(await db.batch(steps, mode="independent")) == 2
    assert await ids(db, table) == [1, 5]
