from __future__ import annotations

import asyncio
import gc

import grpc
import pytest
from unit.client.packed import message_of, packed
from unit.client.scripted import PRODUCTS, Fault, Hang, ScriptedGateway, head, product, tail

import rowgate
from rowgate.v1.result_pb2 import ColumnBatch, ResultSet


async def seen(event: asyncio.Event) -> None:
    async with asyncio.timeout(10):
        await event.wait()


def first(*numbers: int) -> ResultSet:
    return packed(PRODUCTS, [product(number) for number in numbers])


def further(*numbers: int) -> ResultSet:
    return packed(PRODUCTS, [product(number) for number in numbers], described=False)


async def test_a_stream_by_column_gives_its_rows_one_after_the_other(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will([message_of(first(1, 2)), message_of(further(3)), message_of(last=True)])
    async with db.stream("select 1") as rows:
        assert [row["id"] async for row in rows] == [1, 2, 3]
        assert rows.stats is not None


async def test_batches_come_as_they_arrive(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([message_of(first(1, 2)), message_of(further(3)), message_of(last=True)])
    async with db.stream("select 1") as stream:
        batches = [batch async for batch in stream.batches()]
        assert [batch.scalars("id") for batch in batches] == [[1, 2], [3]]
        assert [len(batch) for batch in batches] == [2, 1]
        assert batches[1].rows == [(3, "Oak table")]
        assert [column.name for column in batches[1].columns] == ["id", "name"]
        assert stream.stats is not None


async def test_rows_laid_out_one_by_one_come_in_batches_too(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(product(1)), tail(product(2))])
    assert [batch.scalars("id") async for batch in db.stream("select 1").batches()] == [[1], [2]]


async def test_an_empty_result_is_one_empty_batch(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([head(), message_of(last=True)])
    async with db.stream("select 1") as stream:
        (batch,) = [batch async for batch in stream.batches()]
    assert (batch.rows, [column.name for column in batch.columns]) == ([], ["id", "name"])


async def test_a_statement_without_a_result_has_no_batch(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([message_of(last=True)])
    async with db.stream("create table t (i int)") as stream:
        assert [batch async for batch in stream.batches()] == []
        assert stream.stats is not None


async def test_leaving_a_loop_over_batches_ends_the_statement(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([message_of(first(1)), Hang()])
    async with db.stream("select 1") as stream:
        async for _ in stream.batches():
            break
    await seen(gateway.cancelled)
    assert [batch async for batch in stream.batches()] == []


async def test_leaving_a_bare_loop_over_batches_ends_the_statement(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will([message_of(first(1)), Hang()])
    gc.disable()  # not the collector, the loop must let go of it
    try:
        async for _ in db.stream("select 1").batches():
            break
        await seen(gateway.cancelled)
    finally:
        gc.enable()


async def test_an_error_after_some_batches_is_raised_after_them(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([message_of(first(1)), Fault(grpc.StatusCode.DEADLINE_EXCEEDED, "STATEMENT_TIMEOUT")])
    batches = db.stream("select 1").batches()
    assert (await anext(batches)).scalars("id") == [1]
    with pytest.raises(rowgate.StatementTimeout):
        await anext(batches)


async def test_rows_can_be_read_after_whole_batches(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([message_of(first(1)), message_of(further(2, 3)), message_of(last=True)])
    async with db.stream("select 1") as stream:
        async for batch in stream.batches():
            assert batch.scalars("id") == [1]
            break
        assert [row["id"] async for row in stream] == [2, 3]


async def test_batches_do_not_lose_the_rest_of_one(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([message_of(first(1, 2)), message_of(further(3)), message_of(last=True)])
    async with db.stream("select 1") as stream:
        assert (await anext(stream))["id"] == 1
        with pytest.raises(RuntimeError, match="rows or batches"):
            await anext(stream.batches())
        assert (await anext(stream))["id"] == 2
        assert [batch.scalars("id") async for batch in stream.batches()] == [[3]]


async def test_a_first_batch_that_makes_no_sense_ends_the_statement(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will([message_of(ResultSet(columns=PRODUCTS, column_batch=ColumnBatch(row_count=1))), Hang()])
    stream = db.stream("select 1")
    with pytest.raises(rowgate.ProtocolError):
        async with stream:
            pytest.fail("the block must not be entered")
    await seen(gateway.cancelled)
    assert [row async for row in stream] == []


@pytest.mark.parametrize("by_batch", [False, True])
async def test_a_later_batch_that_makes_no_sense_ends_the_statement(
    db: rowgate.Client, gateway: ScriptedGateway, *, by_batch: bool
) -> None:
    gateway.will([message_of(first(1)), message_of(ResultSet(column_batch=ColumnBatch(row_count=1))), Hang()])
    async with db.stream("select 1") as stream:
        batches = stream.batches()
        assert await anext(batches if by_batch else stream)
        with pytest.raises(rowgate.ProtocolError):
            await anext(batches if by_batch else stream)
        await seen(gateway.cancelled)
        assert [row async for row in stream] == []
    assert stream.stats is None
