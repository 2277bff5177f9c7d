"""What the gateway reads of tables is listed for each who waits for it, and ends with the last of them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Callable

import pytest

import rowgate
from support.engines import Engine
from support.eventually import eventually
from support.postgresql import PostgreSQL
from support.process import Gateway

READING = "select count(*) from pg_stat_activity where query like '%json_build_object%' and state = 'active'"
GONE_WITHIN = 2.0
"""Seconds, on a machine under load; the promise is 0.5."""
_numbers = itertools.count(1)

pytestmark = pytest.mark.engines("postgresql")  # elsewhere nobody can lock a table against being described


@pytest.fixture
async def locked(db: rowgate.Database) -> AsyncIterator[str]:
    """A table that another transaction has locked, so that nobody can read what its default is."""
    name = f"shut_{next(_numbers)}"
    await db.query(f"create table {name} (id integer primary key, name varchar(40) default 'none')")
    async with db.transaction(timeout=30) as tx:
        await tx.query(f"truncate {name}")
        yield name
        await tx.rollback()
    await db.query(f"drop table {name}")


@pytest.fixture
def reading(postgresql_server: PostgreSQL) -> Callable[[], int]:
    """How many descriptions are being read."""
    return lambda: int(postgresql_server.execute(f"{READING} and pid <> pg_backend_pid()")[0][0])


async def described(db: rowgate.Database, table: str) -> list[rowgate.RunningQuery]:
    """What is listed of that table's descriptions."""
    return [query for query in await db.running() if query.statement == f'DESCRIBE "{table}"']


async def waiting(db: rowgate.Database, table: str, number: int) -> list[rowgate.RunningQuery]:
    """The same, once that is so many."""
    found: list[rowgate.RunningQuery] = []
    for _ in range(500):
        found = await described(db, table)
        if len(found) == number:
            return found
        await asyncio.sleep(0.01)
    raise AssertionError(f"not {number} were listed, but {found}")


async def read(reading: Callable[[], int], number: int) -> None:
    """So many are: who waits is listed a moment before."""
    await eventually(lambda: reading() == number, 10, f"{number} were being read")


async def test_it_ends_with_the_last_who_waits_for_it(
    db: rowgate.Database, locked: str, reading: Callable[[], int]
) -> None:
    async def insert(seconds: float) -> None:
        await db.with_options(timeout=seconds, retry=None).table(locked).insert({"id": 1})

    calls = [asyncio.create_task(insert(seconds)) for seconds in (0.5, 2)]
    await read(reading, 1)
    await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert calls[0].done()
    assert reading() == 1, "it goes on for the other, and was begun once"
    with contextlib.suppress(rowgate.RowgateError):
        await calls[1]
    await eventually(lambda: reading() == 0, GONE_WITHIN, "the reading was gone")
    for call in calls:
        assert isinstance(call.exception(), rowgate.StatementTimeout | rowgate.DeadlineExceeded)


async def test_it_is_listed_for_each_who_waits_and_cancelled_for_each(
    db: rowgate.Database, locked: str, engine: Engine, gateway: Gateway, reading: Callable[[], int]
) -> None:
    patient = db.with_options(timeout=20, retry=None)
    calls = [asyncio.create_task(patient.table(locked).insert({"id": number})) for number in range(2)]
    found = await waiting(db, locked, 2)
    await read(reading, 1)
    assert {query.rpc for query in found} == {"rowgate.v1.TableService/InsertRows"}
    assert {query.state for query in found} == {rowgate.QueryState.RUNNING}
    async with rowgate.connect(gateway.address, database=engine.name) as other:
        assert await described(other, locked) == []
    await db.cancel(found[0].query_id)
    (ended,), (going,) = await asyncio.wait(calls, return_when=asyncio.FIRST_COMPLETED)
    assert reading() == 1
    await db.cancel(found[1].query_id)
    await asyncio.wait({going})
    await eventually(lambda: reading() == 0, GONE_WITHIN, "the reading was gone")
    for call in (ended, going):
        error = call.exception()
        assert isinstance(error, rowgate.QueryCancelled)
        assert error.outcome is rowgate.Outcome.NOT_RUN


async def test_who_waits_for_others_readings_to_end_is_listed_and_cancelled_too(
    db: rowgate.Database, locked: str, reading: Callable[[], int]
) -> None:
    patient = db.with_options(timeout=20, retry=None)
    calls: list[asyncio.Task[rowgate.Written]] = []
    found: list[rowgate.RunningQuery] = []
    for number in range(1, 4):
        calls.append(asyncio.create_task(patient.table(locked).insert({"id": number})))
        found = await waiting(db, locked, number)
        await db.query(f"create temporary table forgets_{number} (id integer)")  # so that nobody joins what is read
    await read(reading, 2)
    last = max(found, key=lambda query: query.started)
    await db.cancel(last.query_id)
    await asyncio.wait(calls[2:])
    error = calls[2].exception()
    assert isinstance(error, rowgate.QueryCancelled)
    assert error.outcome is rowgate.Outcome.NOT_RUN
    for query in await waiting(db, locked, 2):
        await db.cancel(query.query_id)
    await asyncio.wait(calls)
    await eventually(lambda: reading() == 0, GONE_WITHIN, "the readings were gone")


async def test_what_a_call_reads_by_itself_is_listed_too(
    db: rowgate.Database, locked: str, postgresql_server: PostgreSQL
) -> None:
    call = asyncio.create_task(db.with_options(timeout=20, retry=None).describe(locked))
    (query,) = await waiting(db, locked, 1)
    await db.cancel(query.query_id)
    with pytest.raises(rowgate.QueryCancelled) as caught:
        await call
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    running = "select count(*) from pg_stat_activity where state = 'active' and wait_event_type = 'Lock'"
    await eventually(lambda: postgresql_server.execute(running)[0][0] == 0, GONE_WITHIN, "the reading was gone")
