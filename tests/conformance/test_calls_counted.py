"""Every call that begins is counted as handled once, however it ends: at rest the two are the same."""

from __future__ import annotations

import asyncio
import contextlib
import urllib.request
from collections import Counter

import grpc.aio
import pytest
from prometheus_client.parser import text_string_to_metric_families

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import Engine
from support.eventually import eventually
from support.process import Gateway
from support.transactions import Transact

Ends = Counter[tuple[str, str]]
"""By method and code."""


def counted(gateway: Gateway) -> tuple[Counter[str], Ends]:
    """The calls begun by method, and ended by method and code."""
    with urllib.request.urlopen(f"http://{gateway.admin_address}/metrics", timeout=5) as answer:
        text = answer.read().decode()
    started: Counter[str] = Counter()
    handled: Ends = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            method = sample.labels.get("grpc_method", "")
            if sample.name == "grpc_server_started_total":
                started[method] += int(sample.value)
            elif sample.name == "grpc_server_handled_total":
                handled[method, sample.labels["grpc_code"]] += int(sample.value)
    return started, handled


def at_rest(gateway: Gateway) -> bool:
    started, handled = counted(gateway)
    ended: Counter[str] = Counter()
    for (method, _), count in handled.items():
        ended[method] += count
    return started == ended


@pytest.fixture
async def before(gateway: Gateway) -> Ends:
    await eventually(lambda: at_rest(gateway), 10, "what ran before is over")
    return counted(gateway)[1]


async def added(gateway: Gateway, before: Ends) -> Ends:
    """How calls have ended since, once all have."""
    await eventually(lambda: at_rest(gateway), 10, "every call that began has ended")
    return counted(gateway)[1] - before


async def test_answers_errors_and_deadlines_are_counted_by_their_code(
    gateway: Gateway, before: Ends, db: rowgate.Database, engine: Engine
) -> None:
    await db.query("select 1 as x")
    with pytest.raises(rowgate.InvalidSql):
        await db.query("selec 1")
    with pytest.raises(rowgate.RowgateError):
        await db.with_options(timeout=1).query(engine.endless)
    assert await added(gateway, before) == {
        ("ExecuteQuery", "OK"): 1,
        ("ExecuteQuery", "InvalidArgument"): 1,
        ("ExecuteQuery", "DeadlineExceeded"): 1,
    }


async def test_a_cancelled_call_is_counted_as_cancelled(
    gateway: Gateway, before: Ends, engine: Engine, queries: query_service_pb2_grpc.QueryServiceAsyncStub
) -> None:
    request = query_service_pb2.ExecuteQueryRequest(database=engine.name, sql=engine.endless)
    call = queries.ExecuteQuery(request, timeout=60)
    await eventually(lambda: not at_rest(gateway), 10, "the call has begun")
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, grpc.aio.AioRpcError):
        await call
    assert await added(gateway, before) == {("ExecuteQuery", "Canceled"): 1}


async def test_streams_are_counted_once_whole_failed_or_left(
    gateway: Gateway, before: Ends, db: rowgate.Database, engine: Engine
) -> None:
    async with db.stream(engine.series.format(n=10)) as rows:
        assert len([row async for row in rows]) == 10
    with pytest.raises(rowgate.InvalidSql):
        async with db.stream("selec 1") as rows:
            await anext(aiter(rows))
    async with db.stream(engine.series.format(n=1_000_000)) as rows:
        await anext(aiter(rows))
    assert await added(gateway, before) == {
        ("StreamQuery", "OK"): 1,
        ("StreamQuery", "InvalidArgument"): 1,
        ("StreamQuery", "Canceled"): 1,
    }


async def test_transactions_are_counted_once_committed_or_abandoned(
    gateway: Gateway, before: Ends, channel: grpc.aio.Channel, engine: Engine
) -> None:
    async with Transact(channel) as stream:
        await stream.begin(engine.name)
        await stream.commit()
        assert await stream.half_close() is grpc.StatusCode.OK
    assert await added(gateway, before) == {("Transact", "OK"): 1}
    async with Transact(channel) as stream:
        await stream.begin(engine.name)
    # The end of its requests may come before the word that it was cancelled: then the handler has ended well.
    ends = await added(gateway, before)
    assert ends.total() == 2
    assert set(ends) <= {("Transact", "OK"), ("Transact", "Canceled")}
