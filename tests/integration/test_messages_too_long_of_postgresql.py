"""asyncpg takes a minute for the text of a long error, and reads a row whole, all its arrays' members: none is let in.

Whoever runs SQL decides how long they are.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.values import Array, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from support.direct import database_of, target_of
from support.eventually import eventually
from support.postgresql import PostgreSQL

LONGEST_ROW = 5 * 1024 * 1024
SIZE = 2_000_000
TEXT = f"repeat('x', {SIZE})"
ROW = 30_000_000
DATES = 100_000
Way = Callable[[Executor, str], Awaitable[object]]

SET_UP = f"""
create function too_long() returns trigger language plpgsql as $$ begin
    raise exception using message = {TEXT}, errcode = '23514'; end $$;
create table refusing (id integer);
create trigger refuses after insert on refusing for each row execute function too_long();
create table refusing_late (id integer);
create constraint trigger refuses after insert on refusing_late
    deferrable initially deferred for each row execute function too_long();
grant all on refusing, refusing_late to public;
"""
TEAR_DOWN = "drop table refusing, refusing_late; drop function too_long()"


def call(sql: str) -> Call:
    return Call(BoundStatement((sql,), ()), Deadline.soonest((30, "the test")), ResultLimits(), "id", reads=False)


async def run(executor: Executor, sql: str) -> None:
    await executor.run(call(sql))


async def stream(executor: Executor, sql: str) -> None:
    async for _ in executor.stream(call(sql)):
        pass


async def read_only(executor: Executor, sql: str) -> None:
    async for _ in executor.stream(call(sql)._replace(read_only=True)):
        pass


async def transaction(executor: Executor, sql: str) -> None:
    async with executor.transaction(TransactionOptions(), Deadline.soonest((30, "the test"))) as begun:
        await begun.run(call(sql))


async def stream_in_transaction(executor: Executor, sql: str) -> None:
    async with executor.transaction(TransactionOptions(), Deadline.soonest((30, "the test"))) as begun:
        async for _ in begun.stream(call(sql)):
            pass


WAYS = [run, stream, read_only, transaction, stream_in_transaction]


@pytest.fixture
async def database(postgresql_server: PostgreSQL) -> AsyncIterator[Database]:
    async with database_of(replace(target_of(postgresql_server), longest_row=LONGEST_ROW)) as database:
        yield database


@pytest.fixture
async def executor(database: Database) -> Executor:
    assert isinstance(database.executor, Executor)
    await run(database.executor, "select 1")
    return database.executor


@pytest.fixture
def refusing(postgresql_server: PostgreSQL) -> Iterator[None]:
    postgresql_server.script(SET_UP)
    yield
    postgresql_server.script(TEAR_DOWN)


@pytest.fixture
def long_lists(postgresql_server: PostgreSQL) -> Iterator[None]:
    postgresql_server.script("create domain long_list as int[]; create domain long_dates as date[]")
    yield
    postgresql_server.script("drop domain long_list; drop domain long_dates")


async def refused(way: Way, executor: Executor, sql: str) -> RowgateError:
    """What is told; the next call is served."""
    with pytest.raises(RowgateError) as caught:
        await way(executor, sql)
    assert (await executor.run(call("select 1"))).rows[0][0] == 1
    return caught.value


@pytest.mark.parametrize("way", WAYS)
async def test_a_long_error_is_told_by_its_code_without_its_text(way: Way, executor: Executor) -> None:
    error = await refused(way, executor, f"select {TEXT}::int")
    assert error.reason is Reason.VALUE_OUT_OF_RANGE
    assert error.metadata["sqlstate"] == "22P02"
    assert error.outcome == Outcome.ROLLED_BACK
    assert "too long" in error.message


@pytest.mark.parametrize("way", WAYS)
async def test_a_long_notice_ends_its_statement(way: Way, executor: Executor, postgresql_server: PostgreSQL) -> None:
    sql = f"do $$ begin raise notice '%', {TEXT}; perform pg_sleep(20); end $$"
    error = await refused(way, executor, sql)
    assert error.reason is Reason.RESULT_TOO_LARGE
    assert error.metadata["limit"] == "1048576 bytes"
    assert error.outcome == (Outcome.ROLLED_BACK if "transaction" in way.__name__ else Outcome.UNKNOWN)
    running = "select count(*) from pg_stat_activity where query like 'do $$%' and state = 'active'"
    await eventually(lambda: postgresql_server.execute(running)[0][0] == 0, 5, "the statement is gone")


@pytest.mark.parametrize("way", WAYS)
async def test_a_row_that_no_message_could_hold_is_not_read(way: Way, executor: Executor) -> None:
    tracemalloc.start()
    try:
        error = await refused(way, executor, f"select repeat('x', {ROW}) from generate_series(1, 3)")
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < ROW / 6
    assert error.reason is Reason.RESULT_TOO_LARGE
    assert error.metadata["limit"] == f"{LONGEST_ROW} bytes in a message"
    assert error.outcome == (Outcome.ROLLED_BACK if "transaction" in way.__name__ else Outcome.UNKNOWN)


@pytest.mark.parametrize("way", WAYS)
async def test_a_row_of_nearly_as_much_is_read(way: Way, executor: Executor) -> None:
    await way(executor, f"select repeat('x', {LONGEST_ROW} - 100) from generate_series(1, 3)")


@pytest.mark.parametrize("way", WAYS)
async def test_an_array_of_more_dates_than_are_read_at_once_is_refused(way: Way, executor: Executor) -> None:
    error = await refused(way, executor, f"select 1, array_fill(date '2024-01-31', array[{DATES + 1}])")
    assert error.reason is Reason.RESULT_TOO_LARGE
    assert f"{DATES:,} dates or times" in error.metadata["limit"]
    assert error.outcome == (Outcome.ROLLED_BACK if "transaction" in way.__name__ else Outcome.UNKNOWN)


async def test_an_array_of_as_many_dates_as_are_read_at_once_is_read(executor: Executor) -> None:
    result = await executor.run(call(f"select 1, array_fill(date '2024-01-31', array[2, {DATES // 2}])"))
    assert result.rows[0][1] == Array(ValueType.DATE, [["2024-01-31"] * (DATES // 2)] * 2)


@pytest.mark.parametrize("empty", ["null", "'{{}}'"])
@pytest.mark.parametrize(
    ("kind", "long"),
    [
        ("int2vector", "repeat('1 ', 700000)"),
        ("oidvector", "repeat('1 ', 500000)"),
        ("long_list", "array_fill(1, array[500000])"),
        ("long_dates", "array_fill(date '2024-01-31', array[100000])"),
    ],
)
@pytest.mark.usefixtures("long_lists")
async def test_an_array_of_long_arrays_is_refused_whatever_its_first_member_is(
    executor: Executor, kind: str, long: str, empty: str
) -> None:
    empty = "''" if "vector" in kind and empty != "null" else empty.format()
    error = await refused(run, executor, f"select array[{empty}::{kind}, {long}::{kind}]")
    assert error.reason is Reason.RESULT_TOO_LARGE
    assert "lists within lists" in error.metadata["limit"]


@pytest.mark.usefixtures("long_lists")
async def test_members_that_are_arrays_are_read_as_what_theirs_are(executor: Executor) -> None:
    vectors = "array[''::int2vector, '1 2'], array[null, '3'::oidvector]"
    lists = "array['{1,2}', '{{3},{4}}', '{}', null]::long_list[], array['{2024-01-31}'::long_dates]"
    (row,) = (await executor.run(call(f"select {vectors}, {lists}"))).rows
    assert [tuple(cell) for cell in row] == [
        (ValueType.INT, [[], [1, 2]]),
        (ValueType.INT, [None, [3]]),
        (ValueType.INT, [[1, 2], [[3], [4]], [], None]),
        (ValueType.DATE, [["2024-01-31"]]),
    ]


@pytest.mark.usefixtures("refusing")
async def test_a_commit_that_is_refused_at_length_is_rolled_back(executor: Executor) -> None:
    async def commit(executor: Executor, sql: str) -> None:
        async with executor.transaction(TransactionOptions(), Deadline.soonest((30, "the test"))) as begun:
            await begun.run(call(sql))
            await executor.keep(begun)

    error = await refused(commit, executor, "insert into refusing_late values (1)")
    assert error.reason is Reason.CHECK_VIOLATION
    assert error.outcome == Outcome.ROLLED_BACK
    assert (await executor.run(call("select count(*) from refusing_late"))).rows[0][0] == 0


@pytest.mark.usefixtures("refusing")
async def test_a_write_of_many_that_is_refused_at_length_is_rolled_back(executor: Executor) -> None:
    async def write(executor: Executor, sql: str) -> None:
        rows = [BoundStatement(tuple(sql.split("?")), (BoundValue(ValueType.INT, number),)) for number in range(3)]
        options = TransactionOptions(many=True)
        async with executor.transaction(options, Deadline.soonest((30, "the test"))) as begun:
            await begun.run_many(call(sql), rows)

    error = await refused(write, executor, "insert into refusing values (?)")
    assert error.reason is Reason.CHECK_VIOLATION
    assert error.outcome == Outcome.ROLLED_BACK
    assert error.metadata["param_set"] == "0"


async def test_an_error_of_a_statement_that_is_only_described_may_be_long(executor: Executor) -> None:
    async def describe(executor: Executor, sql: str) -> None:
        await executor.describe(call(sql), valued=True)

    error = await refused(describe, executor, f"select '{'x' * SIZE}'::int")
    assert error.reason is Reason.VALUE_OUT_OF_RANGE
