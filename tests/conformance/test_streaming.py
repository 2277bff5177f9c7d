"""StreamQuery: nothing holds the whole result, and whoever leaves early takes nothing along."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import grpc
import grpc.aio
import pytest

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

# MariaDB sends rows when its network buffer of 16 KiB is full, so its rows are wide.
_SLOW_FIRST = {
    "mariadb": "select seq as i, sleep(if(seq > 3, 0.5, 0)) as s, repeat('x', 20000) as wide from seq_1_to_200",
    "postgresql": "select i, pg_sleep(case when i > 3 then 0.5 else 0 end) as s from generate_series(1, 200) as i",
}


def running(engine: Engine, text: str, mariadb: MariaDB, postgresql: PostgreSQL) -> int:
    """How many statements with that text run on the engine's server."""
    server = {"mariadb": mariadb, "postgresql": postgresql}[engine.name]
    return int(server.execute(engine.running.format(text=text))[0][0])


async def test_every_row_arrives_in_order(db: rowgate.Database, engine: Engine) -> None:
    numbers = [row[0] async for row in db.stream(engine.series.format(n=200_000))]
    assert numbers == list(range(1, 200_001))


async def test_the_first_message_has_the_columns_and_the_last_one_the_stats(
    queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine
) -> None:
    request = query_service_pb2.StreamQueryRequest(database=engine.name, sql=engine.series.format(n=200_000))
    messages = [message async for message in queries.StreamQuery(request)]
    assert [column.name for column in messages[0].result.columns] == ["i"]
    assert not any(message.result.columns for message in messages[1:])
    assert [message.HasField("stats") for message in messages] == [False] * (len(messages) - 1) + [True]
    assert messages[-1].stats.row_count == sum(len(message.result.rows) for message in messages) == 200_000
    assert len(messages) > 2


async def test_an_empty_result_still_tells_its_columns(db: rowgate.Database) -> None:
    async with db.stream("select 1 as a where 1 = 0") as rows:
        assert [row async for row in rows] == []
        assert [column.name for column in rows.columns] == ["a"]


async def test_a_write_can_be_streamed(db: rowgate.Database, table: str) -> None:
    async with db.stream(f"insert into {table} (id, name) values (1, 'a')") as rows:
        assert [row async for row in rows] == []
        assert rows.stats is not None
        assert rows.stats.affected_rows == 1
    assert (await db.query(f"select count(*) as n from {table}")).scalar() == 1


async def test_rows_of_a_streamed_returning_are_written(db: rowgate.Database, table: str) -> None:
    rows = [tuple(row) async for row in db.stream(f"insert into {table} (id, name) values (1, 'a') returning id")]
    assert rows == [(1,)]
    assert (await db.query(f"select count(*) as n from {table}")).scalar() == 1


async def test_a_stream_is_cut_at_max_rows_and_says_so(db: rowgate.Database, engine: Engine) -> None:
    async with db.with_options(max_rows=1000).stream(engine.series.format(n=3_000_000)) as rows:
        assert len([row async for row in rows]) == 1000
        assert rows.stats is not None
        assert rows.stats.truncation_reason is rowgate.TruncationReason.MAX_ROWS


async def test_an_error_before_the_first_row(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.UnknownTable):
        async for _ in db.stream("select * from nowhere"):
            pass


async def test_a_parameter_error_before_anything_runs(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.MultipleStatements):
        async for _ in db.stream("select 1; select 2"):
            pass


@pytest.mark.engines("mariadb", "postgresql")
async def test_a_slow_query_shows_its_first_rows_at_once(db: rowgate.Database, engine: Engine) -> None:
    async with db.with_options(timeout=60.0).stream(_SLOW_FIRST[engine.name]) as rows, asyncio.timeout(50):
        # All two hundred rows take a hundred seconds.
        assert (await anext(aiter(rows)))[0] == 1


async def test_leaving_early_ends_the_statement_on_the_server(
    db: rowgate.Database, engine: Engine, mariadb_server: MariaDB, postgresql_server: PostgreSQL
) -> None:
    text = f"left_early_{engine.name}"
    async with db.stream(engine.series.format(n=5_000_000) + f" /* {text} */") as rows:
        async for _ in rows:
            break
    assert (await db.query("select 1 as x")).scalar() == 1
    if engine.running:
        await eventually(
            lambda: running(engine, text, mariadb_server, postgresql_server) == 0, 2, "the statement was gone"
        )


async def test_a_cancelled_call_ends_its_statement_on_the_server(
    db: rowgate.Database, engine: Engine, mariadb_server: MariaDB, postgresql_server: PostgreSQL
) -> None:
    text = f"cancelled_{engine.name}"
    call = asyncio.create_task(db.query(engine.endless + f" /* {text} */"))
    if engine.running:
        await eventually(lambda: running(engine, text, mariadb_server, postgresql_server) == 1, 5, "the statement ran")
    else:
        await asyncio.sleep(0)
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    if engine.running:
        await eventually(
            lambda: running(engine, text, mariadb_server, postgresql_server) == 0, 2, "the statement was gone"
        )
    assert (await db.query("select 1 as x")).scalar() == 1


async def test_a_reader_that_stops_holds_back_the_cursor(
    gateway: Gateway, queries: query_service_pb2_grpc.QueryServiceAsyncStub, engine: Engine
) -> None:
    """Two million rows of a kilobyte would be two gigabytes in the gateway's memory."""
    wide = {"sqlite": "hex(zeroblob(500))", "mariadb": "repeat('x', 1000)", "postgresql": "repeat('x', 1000)"}
    sql = f"select {wide[engine.name]} as w from ({engine.series.format(n=2_000_000)}) as numbers"
    before = _resident(gateway)
    call = queries.StreamQuery(query_service_pb2.StreamQueryRequest(database=engine.name, sql=sql))
    await call.read()
    # Long enough for 100 MB and more to pass, were nothing held back.
    await asyncio.sleep(1)
    grown = _resident(gateway) - before
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
        await call.code()
    assert grown < 64 * 1024 * 1024


def _resident(gateway: Gateway) -> int:
    status = Path(f"/proc/{gateway.child.pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) * 1024
