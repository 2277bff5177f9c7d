"""Clients that freeze, die, flood, or ask for too much: each is bounded, and the others go on."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest

import rowgate
from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from rowgate_server.transport.server import ServerOptions, _channel_arguments
from support import bare_http2
from support.available import ROOT
from support.child import Child
from support.eventually import eventually
from support.mariadb import MariaDB
from support.process import Gateway
from support.tools import grpcurl

MOST_STREAMS = 5
LARGEST = 8 * 1024 * 1024
FLOOD = 200_000 if os.environ.get("LONG_RUN") else 20_000
IDLE = 1_000
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def gateway(mariadb_server: MariaDB) -> Iterator[Gateway]:
    environment = {
        "ROWGATE_DATABASES__MAIN__URL": mariadb_server.url,
        "ROWGATE_DATABASES__MAIN__POOL__SIZE": "10",
        "ROWGATE_DATABASES__MAIN__LIMITS__UNARY_BYTES": "4MiB",
        "ROWGATE_DATABASES__MAIN__LIMITS__SQL_BYTES": "4MiB",
        "ROWGATE_SERVER__MAX_REQUEST_BYTES": str(LARGEST),
        "ROWGATE_SERVER__MAX_CONCURRENT_STREAMS": str(MOST_STREAMS),
        "ROWGATE_SERVER__KEEPALIVE_TIME": "1s",
        "ROWGATE_SERVER__KEEPALIVE_TIMEOUT": "1s",
        "ROWGATE_ADMIN__ALL_QUERIES": "true",
    }
    with Gateway.start(environment=environment) as gateway:
        yield gateway
        assert gateway.terminate() == 0
        assert "Traceback" not in gateway.stderr


def resident(gateway: Gateway) -> int:
    """Bytes of memory."""
    found = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{gateway.child.pid}/status").read_text())
    assert found
    return int(found[1]) * 1024


async def answers(gateway: Gateway) -> None:
    async with rowgate.connect(gateway.address, timeout=20) as db:
        assert (await db.query("select 1")).scalar() == 1


async def test_what_a_client_ran_that_is_frozen_is_ended(gateway: Gateway, mariadb_server: MariaDB) -> None:
    """It holds its connection open, and says nothing: its pings go unanswered."""
    name = "left_by_one_that_is_frozen"
    request = json.dumps({"sql": f"select sleep(60) as {name}"})
    command: list[str | Path] = [
        grpcurl(),
        "-plaintext",
        "-d",
        request,
        gateway.address,
        "rowgate.v1.QueryService/ExecuteQuery",
    ]
    client = Child(command, folder=ROOT, environment={})
    running = f"select count(*) from information_schema.processlist where info like 'select sleep%{name}%'"
    try:
        await eventually(lambda: mariadb_server.execute(running) == [(1,)], 10, "it ran")
        client.freeze()
        await eventually(lambda: mariadb_server.execute(running) == [(0,)], 15, "it was ended")
    finally:
        client.kill()


async def test_one_connection_has_so_many_calls_and_the_others_wait(gateway: Gateway) -> None:
    async with rowgate.connect(gateway.address) as greedy, rowgate.connect(gateway.address) as other:
        await greedy.query("select 1")  # it knows the bound from then on; what comes sooner is refused
        calls = [asyncio.create_task(greedy.with_options(tag="greedy").query("select sleep(1)")) for _ in range(8)]
        most = 0
        while not all(call.done() for call in calls):
            most = max(most, len(await other.running(tag="greedy")))
        assert most == MOST_STREAMS
        assert len(await asyncio.gather(*calls)) == len(calls), "all had their turn"


async def test_calls_beyond_the_bound_wait_for_their_turn(gateway: Gateway) -> None:
    """Those of a client that keeps to the bound are not refused, however fast they come."""
    async with rowgate.connect(gateway.address, retry=None) as client:
        await client.running()
        for _ in range(3):
            await asyncio.gather(*(client.running() for _ in range(200)))


async def test_calls_that_are_taken_back_at_once_cost_no_memory(gateway: Gateway) -> None:
    headers = bare_http2.call_headers("/rowgate.v1.QueryService/ExecuteQuery")
    before = resident(gateway)
    async with bare_http2.connected(gateway.address) as (_, writer):
        with contextlib.suppress(ConnectionError):  # it may have had enough
            for number in range(FLOOD):
                writer.write(bare_http2.begun_and_reset(number, headers))
                if number % 100 == 0:
                    await writer.drain()
        await answers(gateway)
    assert resident(gateway) - before < 15 * MEBIBYTE


async def test_what_unpacks_to_more_than_a_message_may_have_is_refused(gateway: Gateway) -> None:
    before = resident(gateway)
    options = [("grpc.max_send_message_length", -1)]
    async with grpc.aio.insecure_channel(gateway.address, options, compression=grpc.Compression.Gzip) as channel:
        stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
        request = query_service_pb2.ExecuteQueryRequest(sql="select 1 /*" + " " * 10 * LARGEST + "*/")
        for _ in range(3):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.ExecuteQuery(request, timeout=30)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    await answers(gateway)
    assert resident(gateway) - before < 3 * LARGEST


async def test_a_thousand_idle_connections_are_no_burden(gateway: Gateway) -> None:
    before = resident(gateway)
    async with contextlib.AsyncExitStack() as opened:
        for _ in range(IDLE):
            await opened.enter_async_context(bare_http2.connected(gateway.address))
        await answers(gateway)
        assert resident(gateway) - before < 100 * MEBIBYTE


async def test_an_old_connection_is_asked_to_be_opened_anew() -> None:
    """So that callers spread over new replicas."""
    options = ServerOptions(
        max_message_bytes=LARGEST,
        max_request_bytes=LARGEST,
        max_concurrent_streams=MOST_STREAMS,
        keepalive_time=30,
        keepalive_timeout=10,
        max_connection_age=0.5,
        max_connection_age_grace=1,
        reflection=False,
    )
    server = grpc.aio.server(options=_channel_arguments(options))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    async with asyncio.timeout(30), bare_http2.connected(f"127.0.0.1:{port}") as (reader, _):
        kind, content = 0, b""
        while kind != bare_http2.GOAWAY:
            kind, content = await bare_http2.next_frame(reader)
    assert content[8:] == b"max_age"
    await server.stop(None)
