"""asyncmy reads a row whole, and a server may take a gigabyte for one: what no message could hold is not read."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Truncation
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from support.direct import database_of, target_of
from support.eventually import eventually
from support.mariadb import MariaDB

LONGEST_ROW = 20 * 1024 * 1024
LONGER = 24 * 1024 * 1024
"""Both take two pieces on the wire."""
NUMBERS = {"text": "1", "binary": "cast(1 as float)"}
Way = Callable[[Executor, str], Awaitable[object]]


def call(sql: str) -> Call:
    return Call(BoundStatement((sql,), ()), Deadline.soonest((30, "the test")), ResultLimits(), "id", reads=True)


async def run(executor: Executor, sql: str) -> int:
    return len((await executor.run(call(sql))).rows)


async def stream(executor: Executor, sql: str) -> int:
    return sum([len(chunk.rows) async for chunk in executor.stream(call(sql))])


async def transaction(executor: Executor, sql: str) -> int:
    async with executor.transaction(TransactionOptions(), Deadline.soonest((30, "the test"))) as begun:
        return sum([len(chunk.rows) async for chunk in begun.stream(call(sql))])


@pytest.fixture
def server(mariadb_server: MariaDB) -> Iterator[MariaDB]:
    ((before,),) = mariadb_server.execute("select @@global.max_allowed_packet")
    mariadb_server.execute("set global max_allowed_packet = 1073741824")
    yield mariadb_server
    mariadb_server.execute(f"set global max_allowed_packet = {before}")


@pytest.fixture
async def executor(server: MariaDB) -> AsyncIterator[Executor]:
    async with database_of(replace(target_of(server), longest_row=LONGEST_ROW)) as database:
        assert isinstance(database.executor, Executor)
        yield database.executor


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
@pytest.mark.parametrize("way", [run, stream, transaction])
async def test_a_row_that_no_message_could_hold_is_not_read(
    way: Way, number: str, executor: Executor, server: MariaDB
) -> None:
    with pytest.raises(RowgateError) as caught:
        await way(executor, f"select {number} as n, repeat('x', {LONGER}) as too_long from seq_1_to_1000")
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    assert caught.value.metadata["limit"] == f"{LONGEST_ROW} bytes in a message"
    assert caught.value.outcome == (Outcome.ROLLED_BACK if way is transaction else Outcome.UNKNOWN)
    assert await run(executor, "select 1") == 1
    running = (
        "select count(*) from information_schema.processlist "
        "where info like 'select % as too_long from seq%' and id <> connection_id()"
    )
    await eventually(lambda: server.execute(running)[0][0] == 0, 5, "the statement is gone")


@pytest.mark.parametrize("number", NUMBERS.values(), ids=NUMBERS)
async def test_rows_of_nearly_as_much_are_read(number: str, executor: Executor) -> None:
    assert await stream(executor, f"select {number}, repeat('x', {LONGEST_ROW} - 100) from seq_1_to_3") == 3


async def test_one_behind_what_was_asked_for_fails_nobody(executor: Executor) -> None:
    long = f"select if(seq = 300, repeat('x', {LONGER}), 'x') as too_long from seq_1_to_8000"
    result = await executor.run(call(long)._replace(limits=ResultLimits(max_rows=1)))
    assert len(result.rows) == 1
    assert result.stats.truncation is Truncation.MAX_ROWS
