"""A caller who takes all connections and lets them lie idle does not keep them from others, on all engines at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Any

import grpc.aio
import pytest

import rowgate
from rowgate._status import error_from_rpc
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.engines import ENGINES, Engine
from support.process import Gateway
from support.streams import WINDOW_STAYS
from support.transactions import Transact

_PLACES, _TRANSACTIONS = 4, 2
"""What the gateway's pools have."""

_ROWS = 30_000
_LONG = {
    "sqlite": "with recursive s(i) as (select 1 union all select i + 1 from s where i < {n}) "
    "select hex(zeroblob(500)) from s",
    "mariadb": "select repeat('x', 1000) from seq_1_to_{n}",
    "postgresql": "select repeat('x', 1000) from generate_series(1, {n})",
}
"""More than is sent ahead of its reader."""


@pytest.fixture
async def hog(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    """Another caller: a connection of its own."""
    options = [("grpc.use_local_subchannel_pool", 1), WINDOW_STAYS]
    async with grpc.aio.insecure_channel(gateway.address, options) as channel:
        yield channel


async def unread(hog: grpc.aio.Channel, engine: Engine) -> Any:
    """A stream of 30 MB of which only the beginning is read."""
    stub: Any = query_service_pb2_grpc.QueryServiceStub(hog)
    call = stub.StreamQuery(
        query_service_pb2.StreamQueryRequest(database=engine.name, sql=_LONG[engine.name].format(n=_ROWS))
    )
    assert await call.read() is not grpc.aio.EOF
    return call


async def end(call: Any) -> rowgate.RowgateError | None:
    """What a call ends with, for one who reads on after all."""
    with contextlib.suppress(grpc.aio.AioRpcError):
        while await call.read() is not grpc.aio.EOF:
            pass
    code, metadata = await call.code(), await call.trailing_metadata()
    if code is grpc.StatusCode.OK:
        return None
    return error_from_rpc(grpc.aio.AioRpcError(code, await call.initial_metadata(), metadata, await call.details()))


async def test_others_are_served_and_no_more_is_taken_from_who_does_not_use_it(
    client: rowgate.Client, channel: grpc.aio.Channel, hog: grpc.aio.Channel
) -> None:
    async def on(engine: Engine) -> None:
        async with contextlib.AsyncExitStack() as stack:
            held = [await stack.enter_async_context(Transact(hog)) for _ in range(_TRANSACTIONS)]
            for transaction in held:
                await transaction.begin(engine.name)
            calls = [await unread(hog, engine) for _ in range(_PLACES - _TRANSACTIONS)]
            assert (await client.using(engine.name).query("select 1")).rows == [(1,)]
            mine = await stack.enter_async_context(Transact(channel))
            assert (await mine.begin(engine.name)).state == "ACTIVE"

            error = await end(held[0].call)
            assert error is not None
            assert (error.reason, error.outcome) == ("TRANSACTION_EXPIRED", "ROLLED_BACK")
            assert error.metadata["limit"] == "4s idle while others wait"
            assert (await held[1].sql("select 1")).rows == [(1,)]

            (error,) = [found for call in calls if (found := await end(call)) is not None]
            assert (error.reason, error.outcome) == ("STATEMENT_TIMEOUT", "UNKNOWN")
            assert error.metadata["limit"] == "4s unread while others wait"

    await asyncio.gather(*map(on, ENGINES))
