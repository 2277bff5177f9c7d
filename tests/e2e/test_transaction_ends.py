"""How transactions end that nobody commits, what is told of it, and what they may take meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import grpc.aio
import pytest

from rowgate._status import error_from_rpc
from rowgate.v1 import transact_pb2
from support.eventually import eventually
from support.locked_row import ENGINES, Databases, holding
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.scraped import total
from support.transactions import Transact

PROMPTLY = 2.0
"""Seconds, on a machine under load; it takes some milliseconds."""


@pytest.fixture(scope="module")
def databases(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    with Databases.with_row(mariadb_server, postgresql_server, tmp_path_factory.mktemp("ends")) as databases:
        yield databases


@pytest.fixture
def start(databases: Databases) -> Callable[..., contextlib.AbstractContextManager[Gateway]]:
    return databases.gateway


@pytest.fixture(scope="module")
def gateway(databases: Databases) -> Iterator[Gateway]:
    """One as it is by itself."""
    with databases.gateway() as gateway:
        yield gateway


@pytest.fixture(scope="module")
def hasty(databases: Databases) -> Iterator[Gateway]:
    """One in which nobody may be idle for long."""
    with databases.gateway(TRANSACTIONS__IDLE_TIMEOUT="500ms") as gateway:
        yield gateway


async def free(databases: Databases, engine: str, number: int, how: str) -> None:
    await eventually(lambda: databases.is_free(engine), PROMPTLY, f"the lock was gone after {how}")
    assert databases.number(engine) == number


async def test_a_client_that_goes_while_a_statement_runs_leaves_no_lock(gateway: Gateway, databases: Databases) -> None:
    slow = {
        "sqlite": "with recursive s(i) as (select 1 union all select i + 1 from s) select count(*) as n from s",
        "mariadb": "select sleep(60) as n",
        "postgresql": "select pg_sleep(60) as n",
    }
    for engine in ENGINES:
        number = databases.number(engine)
        async with holding(gateway.address, engine) as tx:
            await tx.send(execute_query={"sql": slow[engine]})
            await asyncio.sleep(0.2)  # there is no event on this side of it
            tx.call.cancel()
            await free(databases, engine, number, "a cancel while a statement ran")


async def test_a_transaction_under_way_may_be_committed_while_the_gateway_stops(
    start: Any, databases: Databases
) -> None:
    number = databases.number("postgresql")
    with start(SERVER__DRAIN_GRACE="20s") as gateway:
        async with holding(gateway.address, "postgresql") as tx:
            os.kill(gateway.child.pid, signal.SIGTERM)
            assert (await tx.commit()).state == "COMMITTED"
            assert await tx.half_close() is grpc.StatusCode.OK
        await eventually(lambda: gateway.child.exit_code is not None, 15, "the gateway ended")
        assert gateway.child.exit_code == 0
    assert databases.number("postgresql") == number + 1


@pytest.mark.parametrize("engine", ENGINES)
async def test_an_idle_transaction_ends_with_all_that_is_known(
    hasty: Gateway, databases: Databases, engine: str
) -> None:
    number = databases.number(engine)
    async with holding(hasty.address, engine) as tx:
        with pytest.raises(grpc.aio.AioRpcError, match="idle too long") as caught:
            await tx.answer()
        await free(databases, engine, number, "it was idle")
    ended = partial(total, hasty, "rowgate_transactions_ended_total", database=engine, end="expired")
    await eventually(lambda: ended() == 1, 5, "it was counted")
    assert caught.value.code() is grpc.StatusCode.ABORTED
    metadata = _metadata(caught.value)

    def reasons() -> list[str]:
        lines = [json.loads(line) for line in hasty.stderr.splitlines() if "/Transact" in line]
        return [line["reason"] for line in lines if line["request_id"] == metadata["correlation_id"]]

    await eventually(lambda: reasons() == ["TRANSACTION_EXPIRED"], 5, "it was told in the log")
    assert metadata["limit"] == f"databases.{engine}.transactions.idle_timeout 0.5s"
    assert (metadata["last_sequence"], metadata["outcome"]) == ("2", "ROLLED_BACK")
    assert float(metadata["elapsed"].removesuffix("s")) >= 0.5


async def test_a_transaction_ends_when_its_time_is_over_however_busy_it_is(start: Any, databases: Databases) -> None:
    with start(TRANSACTIONS__TIMEOUT="1s") as gateway:

        async def ends(engine: str) -> None:
            number = databases.number(engine)
            ended = await end_of_a_busy_one(gateway.address, engine)
            await free(databases, engine, number, "its time was over")
            assert "took too long" in str(ended.details())
            assert _metadata(ended)["limit"] == f"databases.{engine}.transactions.timeout 1s"

        await asyncio.gather(*map(ends, ENGINES))


async def end_of_a_busy_one(address: str, engine: str) -> grpc.aio.AioRpcError:
    """How the gateway ends it."""
    async with holding(address, engine) as tx:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await keep_busy(tx)
    return caught.value


async def test_a_caller_may_ask_for_less_time(gateway: Gateway, databases: Databases) -> None:
    begin = transact_pb2.BeginTransaction()
    begin.idle_timeout.FromMilliseconds(300)
    async with holding(gateway.address, "sqlite", idle_timeout=begin.idle_timeout) as tx:
        with pytest.raises(grpc.aio.AioRpcError, match=r"begin\.idle_timeout 0\.3s"):
            await tx.answer()
    await free(databases, "sqlite", databases.number("sqlite"), "it was idle")


async def test_a_client_that_reads_nothing_is_ended(start: Any, databases: Databases) -> None:
    """Its answers fill the transport, and then it is idle: it does not read."""
    with start(TRANSACTIONS__IDLE_TIMEOUT="1s") as gateway:
        number = databases.number("postgresql")
        async with holding(gateway.address, "postgresql") as tx:
            for _ in range(40):
                await tx.send(execute_query={"sql": "select repeat('x', 1000000) as x"})
            await eventually(lambda: databases.is_free("postgresql"), 15, "the silent reader was ended")
            assert databases.number("postgresql") == number


async def test_a_client_that_sends_nothing_is_ended(start: Any) -> None:
    with start(SERVER__REQUEST_TIMEOUT="500ms") as gateway:
        async with grpc.aio.insecure_channel(gateway.address) as channel, Transact(channel) as tx:
            with pytest.raises(grpc.aio.AioRpcError, match="no begin came in time") as caught:
                await tx.answer()
            assert caught.value.code() is grpc.StatusCode.ABORTED


async def test_bytes_that_are_no_request_end_the_stream_and_are_the_caller_s_fault(gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        call: Any = channel.stream_stream("/rowgate.v1.QueryService/Transact")()
        await call.write(b"\xff\xff\xff")
        assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_transactions_take_no_more_than_their_share_of_the_pool(start: Any) -> None:
    with start(POOL__SIZE="3", POOL__MAX_OVERFLOW="1", TRANSACTIONS__POOL_SHARE="50") as gateway:
        async with grpc.aio.insecure_channel(gateway.address) as channel:
            async with contextlib.AsyncExitStack() as held:
                for _ in range(2):
                    await (await held.enter_async_context(Transact(channel))).begin("postgresql")
                async with Transact(channel) as refused:
                    with pytest.raises(grpc.aio.AioRpcError, match="as many transactions are open") as caught:
                        await refused.begin("postgresql")
                assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
                assert "pool_share" in _metadata(caught.value)["limit"]
                async with Transact(channel) as elsewhere:
                    await elsewhere.begin("mariadb")
            async with asyncio.timeout(10):
                while not await may_begin(channel):  # the cancelled streams before it are noticed a moment later
                    pass


async def keep_busy(tx: Transact) -> None:
    while True:
        await tx.sql("select 1 as x")


async def may_begin(channel: grpc.aio.Channel) -> bool:
    async with Transact(channel) as tx:
        try:
            await tx.begin("postgresql")
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.RESOURCE_EXHAUSTED:
                raise
            return False
    return True


def _metadata(error: grpc.aio.AioRpcError) -> dict[str, str]:
    return dict(error_from_rpc(error).metadata)
