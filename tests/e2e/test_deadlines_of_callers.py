"""A caller with nothing but gRPC's own deadline is told whose limit decided, and what became of its statement."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from typing import Any

import grpc.aio
import pytest

from rowgate._status import error_from_rpc
from rowgate.v1 import query_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, StreamQueryRequest
from support.mariadb import MariaDB
from support.process import Gateway
from support.transactions import Transact

LASTING = "select sleep(60)"
AT_ONCE = 4
"""Some answers may come too late, on a machine that others use as well."""


@pytest.fixture(scope="module")
def gateway(mariadb_server: MariaDB) -> Iterator[Gateway]:
    with Gateway.start(environment={"ROWGATE_DATABASES__MAIN__URL": mariadb_server.url}) as gateway:
        yield gateway


@pytest.fixture
async def channel(gateway: Gateway) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        yield channel


async def unary(channel: grpc.aio.Channel) -> Mapping[str, str]:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ExecuteQuery(ExecuteQueryRequest(sql=LASTING), timeout=1)
    return told(caught.value)


async def streaming(channel: grpc.aio.Channel) -> Mapping[str, str]:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.StreamQuery(StreamQueryRequest(sql=LASTING), timeout=1).read()
    return told(caught.value)


async def in_a_transaction(channel: grpc.aio.Channel) -> Mapping[str, str]:
    try:
        async with Transact(channel, timeout=1) as tx:
            await tx.begin("main")
            error = (await tx.sql(LASTING)).error
            return {"reason": error.reason, **error.metadata}
    except grpc.aio.AioRpcError as error:
        return told(error)


def told(error: grpc.aio.AioRpcError) -> Mapping[str, str]:
    assert error.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    typed = error_from_rpc(error)
    return {"reason": typed.reason or "", **typed.metadata}


@pytest.mark.parametrize("call", [unary, streaming, in_a_transaction])
async def test_the_answer_comes_before_grpc_ends_the_call(
    channel: grpc.aio.Channel, call: Callable[[grpc.aio.Channel], Awaitable[Mapping[str, str]]]
) -> None:
    answers = await asyncio.gather(*(call(channel) for _ in range(AT_ONCE)))
    answer = next(answer for answer in answers if "limit" in answer)
    assert answer["reason"] == "STATEMENT_TIMEOUT"
    whose, _, seconds = answer["limit"].rpartition(" ")
    assert whose == "the call's deadline"
    assert float(seconds.removesuffix("s")) <= 1  # no more than was asked for
    assert answer["outcome"] in {"UNKNOWN", "ROLLED_BACK"}
