"""The Python client's transactions, from end to end: what lasts, what is undone, what is told."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rowgate
from rowgate import Transaction, TransactionState, col
from support.engines import Engine

ACTIVE, FAILED = TransactionState.ACTIVE, TransactionState.FAILED
COMMITTED, ROLLED_BACK = TransactionState.COMMITTED, TransactionState.ROLLED_BACK


@pytest.fixture
def insert(table: str) -> str:
    return f"insert into {table} (id, name) values (?, ?)"


async def ended_by(error: type[BaseException] | tuple[type[BaseException], ...], work: Any) -> Any:
    """The error that work must end with."""
    with pytest.raises(error) as caught:
        await work
    return caught.value


async def ids(db: rowgate.Database, table: str) -> list[Any]:
    return (await db.query(f"select id from {table} order by id")).scalars()


async def test_leaving_the_block_commits_it(db: rowgate.Database, table: str, insert: str) -> None:
    async with db.transaction() as tx:
        assert tx.state is ACTIVE
        assert (await tx.query(insert, 1, "a")).affected_rows == 1
        assert (await tx.query(f"select name from {table} where id = :id", id=1)).scalar() == "a"
        assert await ids(db, table) == []
    assert tx.state is COMMITTED
    assert await ids(db, table) == [1]


async def test_leaving_it_by_an_exception_has_rolled_it_back(db: rowgate.Database, insert: str) -> None:
    transaction = db.transaction()

    async def work() -> None:
        async with transaction as tx:
            await tx.query(insert, 1, "a")
            raise ZeroDivisionError

    await ended_by(ZeroDivisionError, work())
    assert transaction.state is ROLLED_BACK
    await db.query(insert, 1, "b")  # nothing is locked


async def test_it_may_be_ended_before_the_block(db: rowgate.Database, table: str, insert: str) -> None:
    async with db.transaction() as tx:
        await tx.query(insert, 1, "a")
        await tx.rollback()
        await tx.rollback()
        with pytest.raises(rowgate.TransactionOver, match="rolled back") as caught:
            await tx.query("select 1")
    assert (tx.state, caught.value.outcome) == (ROLLED_BACK, rowgate.Outcome.NOT_RUN)
    async with db.transaction() as tx:
        await tx.query(insert, 2, "a")
        await tx.commit()
        for late in (tx.query("select 1"), tx.commit(), tx.rollback(), tx.table(table).count()):
            with pytest.raises(rowgate.TransactionOver, match="was committed"):
                await late
    assert await ids(db, table) == [2]


async def test_savepoints_undo_what_an_exception_leaves(db: rowgate.Database, table: str, insert: str) -> None:
    async def twice(tx: Transaction) -> None:
        async with tx.savepoint():
            await tx.query(insert, 2, "undone")
            await tx.query(insert, 1, "twice")

    async def faulty(tx: Transaction) -> None:
        async with tx.savepoint():
            await tx.query(insert, 5, "undone")
            raise ZeroDivisionError

    async with db.transaction() as tx:
        async with tx.savepoint():
            await tx.query(insert, 1, "kept")
            await ended_by(rowgate.DuplicateKey, twice(tx))
            assert tx.state is ACTIVE
            async with tx.savepoint() as here:
                await tx.query(insert, 3, "undone")
                await here.rollback()
                await tx.query(insert, 4, "kept")
        await ended_by(ZeroDivisionError, faulty(tx))
    assert await ids(db, table) == [1, 4]


async def test_an_error_in_a_statement_leaves_what_the_engine_leaves(
    db: rowgate.Database, engine: Engine, table: str, insert: str
) -> None:
    failed = engine.name == "postgresql"
    transaction = db.transaction()

    async def swallow() -> None:
        async with transaction as tx:
            await tx.query(insert, 1, "a")
            with pytest.raises(rowgate.DuplicateKey):
                await tx.query(insert, 1, "b")
            assert tx.state is (FAILED if failed else ACTIVE)

    if failed:
        error = await ended_by(rowgate.TransactionFailed, swallow())
        assert isinstance(error.__cause__, rowgate.DuplicateKey)
        assert error.outcome is rowgate.Outcome.ROLLED_BACK
    else:
        await swallow()
    assert transaction.state is (ROLLED_BACK if failed else COMMITTED)
    assert await ids(db, table) == ([] if failed else [1])


async def test_a_swallowed_error_in_a_savepoint_is_told_where_it_undid_something(
    db: rowgate.Database, engine: Engine, table: str, insert: str
) -> None:
    async def swallow(tx: Transaction) -> None:
        async with tx.savepoint():
            await tx.query(insert, 1, "a")
            with pytest.raises(rowgate.DuplicateKey):
                await tx.query(insert, 1, "b")

    async with db.transaction() as tx:
        if engine.name == "postgresql":
            error = await ended_by(rowgate.TransactionFailed, swallow(tx))
            assert isinstance(error.__cause__, rowgate.DuplicateKey)
        else:
            await swallow(tx)
        assert tx.state is ACTIVE
        await tx.query(insert, 2, "c")
    assert await ids(db, table) == ([2] if engine.name == "postgresql" else [1, 2])


async def test_tables_are_read_and_written_within_it(db: rowgate.Database, table: str) -> None:
    async with db.transaction() as tx:
        things = tx.table(table)
        rows: list[dict[str, Any]] = [{"id": number, "name": f"n{number}"} for number in range(1, 31)]
        assert (await things.insert(rows)).scalars() == list(range(1, 31))
        assert (await things.get(7))["name"] == "n7"
        assert (await things.update({"name": "new"}, key=7, expected={"name": "n7"}, returning="name")).scalars() == [
            "new"
        ]
        assert (await things.upsert({"id": 8, "name": "up"})).affected_rows == 1
        assert (await things.where(col("id") > 28).delete()).affected_rows == 2
        assert [row["id"] async for row in things.where(col("id") > 3).page_size(4)] == list(range(4, 29))
        assert (await things.where(name="up").one())["id"] == 8
        assert (await things.delete(dry_run=True, allow_unfiltered=True)).affected_rows == 28
        assert await things.count() == 28
        with pytest.raises(rowgate.UnknownColumn):
            await things.where(nome="x").all()
        assert await db.table(table).count() == 0
    assert await db.table(table).count() == 28


async def test_a_large_result_is_put_together_or_streamed(db: rowgate.Database, engine: Engine, table: str) -> None:
    series = engine.series.format(n=30000)
    async with db.transaction() as tx:
        await tx.query(f"insert into {table} (id, name, amount) select i, 'x', nullif(i % 3, 0) from ({series}) as n")
        select = f"select id, amount, name from {table} order by id"
        result = await tx.query(select)
        assert (len(result), result.stats.row_count, result.columns[0].name) == (30000, 30000, "id")
        assert [row[0] for row in result] == list(range(1, 30001))
        assert [cell is None for cell in result.scalars("amount")] == [number % 3 == 0 for number in range(1, 30001)]
        async with tx.stream(select) as rows:
            assert [row["id"] async for row in rows] == list(range(1, 30001))
        assert rows.stats is not None
        async for row in tx.stream(select):
            if row["id"] == 5:
                break
        # What was not read is dropped, and the transaction goes on.
        assert (await tx.query(f"select count(*) from {table}")).scalar() == 30000
        cut = await tx.with_options(max_rows=2).query(select)
        assert (len(cut), cut.truncated) == (2, True)


async def test_nothing_else_is_asked_while_a_stream_is_read(db: rowgate.Database, engine: Engine) -> None:
    async with db.transaction() as tx:
        async with tx.stream(engine.series.format(n=20000)) as rows:
            assert (await anext(rows))[0] == 1
            with pytest.raises(RuntimeError, match="stream of this transaction is being read"):
                await tx.query("select 1")
            assert (await anext(rows))[0] == 2
        assert (await tx.query("select 3")).scalar() == 3


async def test_an_error_in_a_stream_leaves_the_transaction_as_any_other(db: rowgate.Database, engine: Engine) -> None:
    async with db.transaction() as tx:
        with pytest.raises((rowgate.NotFound, rowgate.RequestError)):
            async with tx.stream("select nothing from nowhere_at_all"):
                pytest.fail("there are no rows")
        assert tx.state is (FAILED if engine.name == "postgresql" else ACTIVE)
        await tx.rollback()


async def test_tasks_wait_for_each_other(db: rowgate.Database, table: str, insert: str) -> None:
    async with db.transaction() as tx:
        await asyncio.gather(*(tx.query(insert, number, "x") for number in range(20)))
        counts = await asyncio.gather(*(tx.table(table).count() for _ in range(5)))
    assert counts == [20] * 5
    assert await ids(db, table) == list(range(20))


async def test_a_cancelled_task_leaves_nothing_behind(db: rowgate.Database, engine: Engine, insert: str) -> None:
    begun = asyncio.Event()

    async def work() -> None:
        async with db.transaction() as tx:
            await tx.query(insert, 1, "a")
            begun.set()
            await tx.query(engine.endless)

    task = asyncio.create_task(work())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await db.query(insert, 1, "b")


async def test_a_timeout_in_a_savepoint_undoes_only_that(db: rowgate.Database, table: str, insert: str) -> None:
    async def wait(tx: Transaction) -> None:
        async with asyncio.timeout(None) as limit, tx.savepoint():
            await tx.query(insert, 2, "undone")
            limit.reschedule(0)
            await asyncio.Event().wait()

    async with db.transaction() as tx:
        await tx.query(insert, 1, "kept")
        await ended_by(TimeoutError, wait(tx))
        await tx.query(insert, 3, "kept")
    assert await ids(db, table) == [1, 3]


async def test_a_statement_that_takes_too_long_ends_it(
    db: rowgate.Database, engine: Engine, table: str, insert: str
) -> None:
    async def late_statement() -> None:
        async with db.transaction() as tx:
            await tx.query(insert, 1, "a")
            await tx.with_options(timeout=0.3).query(engine.endless)

    async def late() -> None:
        async with db.transaction(timeout=1) as tx:
            await tx.query(insert, 1, "a")
            while True:
                await tx.query("select 1")

    error = await ended_by(rowgate.StatementTimeout, late_statement())
    assert error.outcome is rowgate.Outcome.ROLLED_BACK
    # Between two statements it is the transaction that has expired.
    error = await ended_by((rowgate.TransactionExpired, rowgate.StatementTimeout), late())
    assert error.outcome is rowgate.Outcome.ROLLED_BACK
    assert "begin.timeout 0.8s" in str(error)
    assert await ids(db, table) == []


async def test_begin_is_told_what_it_is_to_be_like(db: rowgate.Database, engine: Engine, insert: str) -> None:
    async with db.transaction(read_only=True, isolation="serializable", lock_timeout=2, idle_timeout=9) as tx:
        with pytest.raises(rowgate.ReadOnly):
            await tx.query(insert, 1, "a")
        await tx.rollback()
    async with db.with_options(read_only=True).transaction() as tx:
        with pytest.raises(rowgate.ReadOnly):
            await tx.table("things").insert({"id": 1})
    if engine.name == "sqlite":
        with pytest.raises(rowgate.NotSupported, match="READ COMMITTED") as caught:
            async with db.transaction(isolation="read_committed"):
                pytest.fail("it must not begin")
        assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    else:
        async with db.transaction(isolation="read_committed") as tx:
            assert tx.state is ACTIVE


async def test_a_function_is_run_again_until_it_goes_through(db: rowgate.Database, table: str) -> None:
    """Every transaction reads and then writes the same number: at SERIALIZABLE, most of them meet another one."""
    await db.table(table).insert({"id": 1, "name": "n", "amount": 1})
    calls = 0

    async def add(tx: Transaction) -> int:
        nonlocal calls
        calls += 1
        amount = (await tx.query(f"select amount from {table} where id = 1")).scalar()
        await asyncio.sleep(0)
        await tx.query(f"update {table} set amount = ? where id = 1", int(amount) + 1)
        return int(amount) + 1

    patient = db.with_options(timeout=60)
    numbers = await asyncio.gather(
        *(patient.run_transaction(add, attempts=30, isolation="serializable") for _ in range(2))
    )
    assert sorted(numbers) == [2, 3]
    assert int((await db.table(table).get(1))["amount"]) == 3
    assert calls >= 2


async def test_a_function_that_fails_by_itself_is_not_run_again(db: rowgate.Database, table: str, insert: str) -> None:
    calls = 0

    async def twice(tx: Transaction) -> None:
        nonlocal calls
        calls += 1
        await tx.query(insert, 1, "a")
        await tx.query(insert, 1, "b")

    with pytest.raises(rowgate.DuplicateKey):
        await db.run_transaction(twice)
    assert (calls, await ids(db, table)) == (1, [])
