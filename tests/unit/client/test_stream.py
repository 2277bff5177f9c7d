from __future__ import annotations

import asyncio
import gc
from contextlib import aclosing

import grpc
import pytest
from unit.client.scripted import Fault, Hang, ScriptedGateway, chunk, head, product, tail

import rowgate
from rowgate.v1.query_service_pb2 import StreamQueryResponse
from rowgate.v1.result_pb2 import QueryStats


async def seen(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


async def test_a_stream_gives_its_rows_one_after_the_other(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(
        [head(product(1), product(2)), chunk(), chunk(product(3)), tail(product(4), row_count=4, query_id="q")]
    )
    async with db.stream("select id, name from products where id > :id", id=0) as rows:
        assert [column.name for column in rows.columns] == ["id", "name"]
        early = rows.stats
        assert [row["id"] async for row in rows] == [1, 2, 3, 4]
        assert early is None
        assert rows.stats is not None
        assert (rows.stats.row_count, rows.stats.query_id) == (4, "q")
    assert gateway.request.sql == "select id, name from products where id > :id"
    assert gateway.request.params["id"].int_value == 0


async def test_a_stream_of_one_message_is_a_whole_result(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    only = head(product(1))
    only.stats.CopyFrom(QueryStats(row_count=1))
    gateway.will([only])
    assert [tuple(row) async for row in db.stream("select 1")] == [(1, "Oak table")]


async def test_rows_are_there_before_the_statement_ends(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Hang()])
    async with db.stream("select 1") as rows, asyncio.timeout(10):
        assert await anext(rows) == (1, "Oak table")


async def test_a_failing_statement_fails_where_the_block_begins(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([Fault(grpc.StatusCode.INVALID_ARGUMENT, "INVALID_SQL")])
    stream = db.stream("selct 1")
    with pytest.raises(rowgate.InvalidSql):
        async with stream:
            pytest.fail("the block must not be entered")


async def test_an_error_after_some_rows_is_raised_after_them(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Fault(grpc.StatusCode.DEADLINE_EXCEEDED, "STATEMENT_TIMEOUT")])
    stream = db.stream("select 1")
    assert await anext(stream) == (1, "Oak table")
    with pytest.raises(rowgate.StatementTimeout):
        await anext(stream)
    assert [row async for row in stream] == []
    assert stream.stats is None


async def test_leaving_the_block_early_ends_the_statement(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1), product(2)), Hang()])
    async with db.stream("select 1") as rows:
        async for _ in rows:
            break
        await seen(gateway.under_way)
        assert not gateway.cancelled.is_set()
    await seen(gateway.cancelled)
    assert [row async for row in rows] == []
    assert rows.stats is None


async def test_an_error_in_the_block_ends_the_statement(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Hang()])
    with pytest.raises(ZeroDivisionError):
        async with db.stream("select 1"):
            raise ZeroDivisionError
    await seen(gateway.cancelled)


async def test_leaving_a_bare_loop_ends_the_statement(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Hang()])
    gc.disable()  # not the collector, the loop must let go of it
    try:
        async for _ in db.stream("select 1"):
            break
        await seen(gateway.cancelled)
    finally:
        gc.enable()


async def test_a_stream_can_be_closed_by_hand(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Hang()])
    async with aclosing(db.stream("select 1")) as rows:
        await anext(rows)
    await seen(gateway.cancelled)
    await rows.aclose()
    assert [row async for row in rows] == []


async def test_a_loop_can_be_taken_up_again(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), tail(product(2), product(3))])
    async with db.stream("select 1") as rows:
        async for row in rows:
            if row["id"] == 2:
                break
        assert [row["id"] async for row in rows] == [3]


async def test_figures_are_only_told_of_a_result_that_was_read_to_its_end(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will([head(product(1)), tail(product(2), product(3), row_count=3)])
    async with db.stream("select 1") as rows:
        assert [(await anext(rows))["id"] for _ in range(2)] == [1, 2]
        assert rows.stats is None
    assert rows.stats is None


async def test_cancelling_the_reader_ends_the_statement(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), Hang()])
    stream = db.stream("select 1")

    async def read() -> None:
        async for _ in stream:
            pass

    task = asyncio.create_task(read())
    await seen(gateway.under_way)
    task.cancel()
    await seen(gateway.cancelled)
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [row async for row in stream] == []


async def test_cancelling_before_the_first_message_ends_the_statement(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will([Hang()])
    task = asyncio.create_task(db.stream("select 1").__aenter__())
    await seen(gateway.under_way)
    task.cancel()
    await seen(gateway.cancelled)
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_nothing_runs_before_the_stream_is_read(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    stream = db.stream("select 1")
    with pytest.raises(RuntimeError, match="once the stream is open"):
        assert stream.columns
    await stream.aclose()
    assert [row async for row in stream] == []
    assert gateway.received == []


@pytest.mark.parametrize("script", [[], [head(product(1))]])
async def test_a_stream_that_ends_without_its_figures_is_not_taken_for_whole(
    db: rowgate.Client, gateway: ScriptedGateway, script: list[StreamQueryResponse]
) -> None:
    gateway.will(script)
    with pytest.raises(rowgate.ProtocolError, match="the stream ended"):
        assert [row async for row in db.stream("select 1")]


async def test_a_row_that_makes_no_sense_ends_the_statement(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    bad = product(1)
    del bad.values[1]
    gateway.will([head(bad), Hang()])
    async with db.stream("select 1") as rows:
        with pytest.raises(rowgate.ProtocolError):
            await anext(rows)
        await seen(gateway.cancelled)


async def test_a_slow_reader_holds_back_the_gateway(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    sent = 0

    async def big(_: object) -> StreamQueryResponse:
        nonlocal sent
        sent += 1
        return chunk(product(1, "x" * 1_000_000))

    gateway.will([head(), *[big] * 400, tail()])
    async with db.stream("select 1") as rows:
        for _ in range(20):
            await anext(rows)
        assert sent < 200
