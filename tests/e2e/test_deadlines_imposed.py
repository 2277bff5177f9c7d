"""A caller that sets no deadline has one all the same, whatever it calls; the error says whose."""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from rowgate._status import error_from_rpc
from rowgate.v1 import query_service_pb2_grpc, table_service_pb2_grpc
from rowgate.v1.batch_pb2 import BatchStep
from rowgate.v1.query_service_pb2 import (
    ExecuteBatchRequest,
    ExecuteQueryRequest,
    StreamQueryRequest,
)
from rowgate.v1.table_service_pb2 import CountRowsRequest, ListRowsRequest
from support.eventually import eventually
from support.process import Gateway
from support.streams import WINDOW_STAYS
from support.transactions import Transact

ENDLESS = "with recursive s(i) as (select 1 union all select i + 1 from s) select count(*) as n from s"
IMPOSED = "server.request_timeout 0.4s"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    file = tmp_path_factory.mktemp("imposed") / "test.db"
    with contextlib.closing(sqlite3.connect(file)) as connection:
        connection.execute(f"create view endless as {ENDLESS}")
    environment = {
        "ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{Path(file)}",
        "ROWGATE_DATABASES__MAIN__TIMEOUTS__STREAM": "500ms",
        "ROWGATE_DATABASES__MAIN__TRANSACTIONS__TIMEOUT": "600ms",
        "ROWGATE_SERVER__REQUEST_TIMEOUT": "400ms",
    }
    with Gateway.start(environment=environment) as gateway:
        yield gateway


UNARY: dict[str, Callable[[Any, Any], Any]] = {
    "ExecuteQuery": lambda queries, _: queries.ExecuteQuery(ExecuteQueryRequest(sql=ENDLESS)),
    "CountRows": lambda _, tables: tables.CountRows(CountRowsRequest(table="endless")),
    "ListRows": lambda _, tables: tables.ListRows(ListRowsRequest(table="endless")),
}


@pytest.mark.parametrize("rpc", UNARY)
async def test_a_unary_call_has_the_servers(gateway: Gateway, rpc: str) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stubs: Any = query_service_pb2_grpc.QueryServiceStub(channel), table_service_pb2_grpc.TableServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await UNARY[rpc](*stubs)
    assert error_from_rpc(caught.value).metadata["limit"] == IMPOSED
    assert "outcome" in error_from_rpc(caught.value).metadata


async def test_a_batch_has_the_servers_and_says_that_it_was_rolled_back(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        answer = await stub.ExecuteBatch(ExecuteBatchRequest(steps=[BatchStep(sql=ENDLESS)]))
    told = answer.steps[0].error
    assert (told.reason, told.metadata["limit"], told.metadata["outcome"]) == (
        "STATEMENT_TIMEOUT",
        IMPOSED,
        "ROLLED_BACK",
    )


async def test_a_stream_has_the_databases(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.StreamQuery(StreamQueryRequest(sql=ENDLESS)).read()
    assert error_from_rpc(caught.value).metadata["limit"] == "databases.main.timeouts.stream 0.5s"


async def test_who_reads_nothing_of_a_stream_finds_that_out_later(gateway: Gateway) -> None:
    wide = "with recursive s(i) as (select 1 union all select i + 1 from s) select hex(zeroblob(100000)) from s"
    async with grpc.aio.insecure_channel(gateway.address, [WINDOW_STAYS]) as channel:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        call = stub.StreamQuery(StreamQueryRequest(sql=wide))
        ended = '"code": "DEADLINE_EXCEEDED", "ms": '
        before = gateway.stderr.count(ended)
        await eventually(lambda: gateway.stderr.count(ended) > before, 10, "it was ended")
        async with asyncio.timeout(10):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                _ = [answer async for answer in call]
    assert error_from_rpc(caught.value).metadata["limit"] == "databases.main.timeouts.stream 0.5s"


async def test_a_statement_of_a_transaction_has_the_transactions(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel, Transact(channel) as tx:
        await tx.begin("main")
        answer = await tx.sql(ENDLESS)
        assert answer.error.metadata["outcome"] == "ROLLED_BACK"
        assert answer.state == "ROLLED_BACK"
