"""Answers larger than they may be, found when the database has done its part: what is told of them is what is so."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

import rowgate
from rowgate import Outcome, Step
from rowgate._status import error_from_rpc
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc, table_service_pb2, table_service_pb2_grpc
from support.engines import Engine
from support.process import Gateway

WIDE = "x" * 60_000


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
    assert caught.value.outcome is Outcome.COMMITTED
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


ROWS = 4000
COLUMNS = ", ".join(f"x{i} text" for i in range(8))
EMPTY = ", ".join(f"'' as x{i}" for i in range(8))
"""Cells that weigh more on the wire than their content."""


@pytest.mark.parametrize("dry_run", [False, True])
async def test_what_a_table_s_write_has_done_is_told(
    narrow: Gateway, db: rowgate.Database, engine: Engine, dry_run: bool
) -> None:
    async with grpc.aio.insecure_channel(narrow.address) as channel:
        tables: Any = table_service_pb2_grpc.TableServiceStub(channel)
        await db.query(f"create table tx_empty (id integer primary key, {COLUMNS})")
        try:
            await db.query(f"insert into tx_empty (id) {engine.series.format(n=ROWS)}")
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await tables.DeleteRows(
                    table_service_pb2.DeleteRowsRequest(
                        database=engine.name, table="tx_empty", allow_unfiltered=True, returning=["*"], dry_run=dry_run
                    )
                )
            told = error_from_rpc(caught.value)
            assert isinstance(told, rowgate.ResultTooLarge)
            assert told.outcome is (Outcome.UNKNOWN if dry_run else Outcome.COMMITTED)
            assert (await db.query("select count(*) from tx_empty")).scalar() == (ROWS if dry_run else 0)
        finally:
            await db.query("drop table tx_empty")


@pytest.mark.parametrize("options", [{}, {"max_rows": ROWS - 1}])
async def test_a_statement_by_itself_was_done(
    narrow: Gateway, db: rowgate.Database, wide: str, engine: Engine, options: dict[str, Any]
) -> None:
    await db.query(f"insert into {wide} (id) {engine.series.format(n=ROWS)}")
    async with grpc.aio.insecure_channel(narrow.address) as channel:
        queries: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        asked = query_service_pb2.ExecuteQueryRequest(
            database=engine.name,
            sql=f"delete from {wide} where id > 0 returning id, {EMPTY}",
            options=query_service_pb2.QueryOptions(**options),
        )
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await queries.ExecuteQuery(asked)
    told = error_from_rpc(caught.value)
    assert isinstance(told, rowgate.ResultTooLarge)
    # One that was cut short may have been ended for that.
    assert told.outcome is (Outcome.UNKNOWN if options else Outcome.COMMITTED)
    assert await count(db) == 0
