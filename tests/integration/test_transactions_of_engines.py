"""Several statements in one transaction, on all three engines: what lasts, what is undone, and who is told what."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import Isolation, TransactionOptions
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool
from rowgate_server.engines.registry import Target, make_driver
from rowgate_server.engines.results import Result
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from support.direct import TIMEOUTS, pool_of, target_of
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL

PLAIN = TransactionOptions()
_numbers = itertools.count(1)


class Served:
    """One database, without the gateway around it, and an empty table `(id integer primary key, name varchar(9))`."""

    def __init__(self, executor: Executor, pool: Pool, dialect: Dialect) -> None:
        self.executor = executor
        self.pool = pool
        self.dialect = dialect
        self.table = f"kept_{next(_numbers)}"

    def call(self, sql: str, *values: Any, seconds: float = 30, **how: Any) -> Call:
        """SQL in which § stands for each value, and ~ for the table."""
        fragments = tuple(sql.replace("~", self.table).split("§"))
        bound = tuple(BoundValue(ValueType.INT if isinstance(value, int) else ValueType.STRING, value)
                      for value in values)  # fmt: skip
        reads = sql.startswith("select")
        return Call(BoundStatement(fragments, bound), deadline(seconds), ResultLimits(), "id", reads, **how)

    async def rows(self) -> list[Any]:
        result = await self.executor.run(self.call("select id, name from ~ order by id"))
        return [tuple(row) for row in result.rows]

    async def insert(self, transaction: Transaction, number: int) -> Result:
        return await transaction.run(self.call("insert into ~ values (§, §)", number, f"n{number}"))


def deadline(seconds: float = 30) -> Deadline:
    return Deadline.soonest((seconds, "the test"))


@pytest.fixture(scope="module", params=list(Dialect))
async def database(
    request: pytest.FixtureRequest,
    mariadb_server: MariaDB,
    postgresql_server: PostgreSQL,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[tuple[Executor, Pool, Dialect]]:
    dialect: Dialect = request.param
    file: Path = tmp_path_factory.mktemp("sqlite") / "test.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute("pragma journal_mode = wal")
    targets = {
        Dialect.MYSQL: target_of(mariadb_server),
        Dialect.POSTGRESQL: target_of(postgresql_server),
        Dialect.SQLITE: Target(Dialect.SQLITE, database=str(file)),
    }
    driver = make_driver(targets[dialect], TIMEOUTS)
    async with pool_of(driver, 3) as pool:
        yield Executor(driver, pool), pool, dialect


@pytest.fixture
async def served(database: tuple[Executor, Pool, Dialect]) -> AsyncIterator[Served]:
    served = Served(*database)
    await served.executor.run(served.call("create table ~ (id integer primary key, name varchar(9))"))
    yield served
    await served.executor.run(served.call("drop table ~"))


async def test_a_commit_makes_all_statements_last(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await served.insert(transaction, 1)
        await served.insert(transaction, 2)
        assert await served.rows() == []
        seen = await transaction.run(served.call("select count(*) from ~"))
        assert list(seen.rows[0]) == [2]
        await transaction.commit()
        assert transaction.state is TransactionState.COMMITTED
    assert await served.rows() == [(1, "n1"), (2, "n2")]


async def test_without_a_commit_nothing_lasts(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await served.insert(transaction, 1)
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await served.insert(transaction, 1)
        await transaction.rollback()
        with pytest.raises(RowgateError) as caught:
            await served.insert(transaction, 2)
        assert (caught.value.reason, caught.value.outcome) == (Reason.INVALID_REQUEST, Outcome.NOT_RUN)
    with pytest.raises(RowgateError) as caught:  # noqa: PT012 - the whole of it is what raises
        async with served.executor.transaction(PLAIN, deadline()) as transaction:
            await served.insert(transaction, 1)
            raise RowgateError(Reason.TOO_MANY_ROWS_AFFECTED, "one is too many")
    assert caught.value.outcome == Outcome.ROLLED_BACK
    assert await served.rows() == []


async def test_an_empty_transaction_may_be_committed(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await transaction.commit()
    assert await served.rows() == []


async def test_the_next_caller_finds_no_transaction(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await served.insert(transaction, 1)
        await transaction.commit()
    for number in (2, 3, 4, 5):
        await served.executor.run(served.call("insert into ~ values (§, 'x')", number))
    assert len(await served.rows()) == 5


async def test_a_failed_statement_leaves_what_the_engine_leaves(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await served.insert(transaction, 1)
        with pytest.raises(RowgateError) as caught:
            await served.insert(transaction, 1)
        assert caught.value.reason is Reason.DUPLICATE_KEY
        failed = served.dialect is Dialect.POSTGRESQL
        assert transaction.state is (TransactionState.FAILED if failed else TransactionState.ACTIVE)
        if failed:
            with pytest.raises(RowgateError, match="takes no more"):
                await transaction.commit()
        else:
            await transaction.commit()
    assert await served.rows() == ([] if failed else [(1, "n1")])


async def test_savepoints_undo_what_came_after_them(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await transaction.savepoint("a")
        await served.insert(transaction, 1)
        await transaction.savepoint("b; drop")
        await served.insert(transaction, 2)
        with pytest.raises(RowgateError):
            await served.insert(transaction, 2)
        await transaction.rollback_to("b; drop")
        assert transaction.state is TransactionState.ACTIVE
        await served.insert(transaction, 3)
        await transaction.release("b; drop")
        with pytest.raises(RowgateError, match="no savepoint of that name"):
            await transaction.rollback_to("b; drop")
        await transaction.commit()
    assert await served.rows() == [(1, "n1"), (3, "n3")]


async def test_of_two_savepoints_of_a_name_the_later_one_counts(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await transaction.savepoint("a")
        await served.insert(transaction, 1)
        await transaction.savepoint("a")
        await served.insert(transaction, 2)
        await transaction.rollback_to("a")
        await transaction.release("a")
        await served.insert(transaction, 3)
        await transaction.rollback_to("a")
        await served.insert(transaction, 4)
        await transaction.commit()
    assert await served.rows() == [(4, "n4")]


async def test_a_read_only_transaction_writes_nothing(served: Served) -> None:
    with pytest.raises(RowgateError) as caught:
        async with served.executor.transaction(TransactionOptions(read_only=True), deadline()) as transaction:
            await served.insert(transaction, 1)
    assert caught.value.reason is Reason.READ_ONLY
    # And the next caller on that connection may write again.
    for number in (2, 3, 4, 5):
        await served.executor.run(served.call("insert into ~ values (§, 'x')", number))
    assert len(await served.rows()) == 4


@pytest.mark.parametrize("isolation", [Isolation.REPEATABLE_READ, Isolation.SERIALIZABLE])
async def test_an_isolated_transaction_reads_the_same_twice(served: Served, isolation: Isolation) -> None:
    options = TransactionOptions(isolation, read_only=True)
    await served.executor.run(served.call("insert into ~ values (1, 'x')"))
    async with served.executor.transaction(options, deadline()) as transaction:
        count = served.call("select count(*) from ~")
        assert list((await transaction.run(count)).rows[0]) == [1]
        if not (served.dialect is Dialect.MYSQL and isolation is Isolation.SERIALIZABLE):  # its reads lock
            await served.executor.run(served.call("insert into ~ values (2, 'x')"))
        assert list((await transaction.run(count)).rows[0]) == [1]


async def test_a_statement_that_runs_out_of_time_ends_the_transaction(served: Served) -> None:
    endless = {
        Dialect.MYSQL: "select sleep(300)",
        Dialect.POSTGRESQL: "select pg_sleep(300)",
        Dialect.SQLITE: "with recursive s(i) as (select 1 union all select i + 1 from s) select count(*) from s",
    }[served.dialect]
    with pytest.raises(RowgateError) as caught:  # noqa: PT012 - the whole of it is what raises
        async with served.executor.transaction(PLAIN, deadline()) as transaction:
            await served.insert(transaction, 1)
            await transaction.run(served.call(endless, seconds=0.2))
    assert (caught.value.reason, caught.value.outcome) == (Reason.STATEMENT_TIMEOUT, Outcome.ROLLED_BACK)
    assert transaction.state is TransactionState.ROLLED_BACK
    assert await served.rows() == []


async def test_a_cancelled_transaction_is_rolled_back_and_its_locks_are_gone(served: Served) -> None:
    begun = asyncio.Event()

    async def hold() -> None:
        async with served.executor.transaction(PLAIN, deadline()) as transaction:
            await served.insert(transaction, 1)
            begun.set()
            await asyncio.get_running_loop().create_future()

    holding = asyncio.create_task(hold())
    await begun.wait()
    holding.cancel()
    await asyncio.gather(holding, return_exceptions=True)
    await served.executor.run(served.call("insert into ~ values (1, 'mine')"))
    assert await served.rows() == [(1, "mine")]


async def test_a_parameter_whose_type_cannot_be_told_does_not_end_the_transaction(served: Served) -> None:
    if served.dialect is not Dialect.POSTGRESQL:
        return  # only PostgreSQL asks
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        await served.insert(transaction, 1)
        asked = await transaction.run(served.call("select jsonb_build_array(§)", "x"))
        assert list(asked.rows[0]) == ['["x"]']
        await transaction.commit()
    assert await served.rows() == [(1, "n1")]


async def test_rows_are_streamed_within_a_transaction(served: Served) -> None:
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        for number in range(5):
            await served.insert(transaction, number)
        streamed = [list(row) async for chunk in transaction.stream(served.call("select id from ~ order by id"))
                    for row in chunk.rows]  # fmt: skip
        assert streamed == [[0], [1], [2], [3], [4]]
        await served.insert(transaction, 5)
        await transaction.commit()
    assert len(await served.rows()) == 6


async def test_a_deadlock_ends_the_transaction(served: Served) -> None:
    if served.dialect is Dialect.SQLITE:
        return  # one writer at a time
    await served.executor.run(served.call("insert into ~ values (1, 'a'), (2, 'b')"))
    held = asyncio.Event()
    other_holds = asyncio.Event()

    async def cross(first: int, second: int, mine: asyncio.Event, others: asyncio.Event) -> str:
        async with served.executor.transaction(PLAIN, deadline()) as transaction:
            await transaction.run(served.call("update ~ set name = 'c' where id = §", first))
            mine.set()
            await others.wait()
            try:
                await transaction.run(served.call("update ~ set name = 'd' where id = §", second))
            except RowgateError as error:
                assert error.reason is Reason.DEADLOCK  # noqa: PT017 - one of two raises, nobody knows which
                assert transaction.state is not TransactionState.ACTIVE
                return "lost"
            await transaction.commit()
            return "won"

    ends = await asyncio.gather(cross(1, 2, held, other_holds), cross(2, 1, other_holds, held))
    assert sorted(ends) == ["lost", "won"]
    assert {name for _, name in await served.rows()} == {"c", "d"}


async def test_a_strict_statement_runs_in_a_strict_session_and_the_next_one_does_not(served: Served) -> None:
    if served.dialect is not Dialect.MYSQL:
        return  # the others have no other way
    mode = served.call("select @@sql_mode")
    async with served.executor.transaction(PLAIN, deadline()) as transaction:
        for _ in range(2):
            strict = await transaction.run(mode._replace(strict=True))
            assert {"STRICT_ALL_TABLES", "NO_AUTO_VALUE_ON_ZERO"} <= set(strict.rows[0][0].split(","))
    for _ in range(4):
        usual = await served.executor.run(mode)
        assert "STRICT_ALL_TABLES" not in usual.rows[0][0].split(",")
