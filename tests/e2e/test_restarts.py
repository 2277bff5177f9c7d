"""Two gateways on one port, restarted in turn under load."""

from __future__ import annotations

import asyncio
import os
import socket
from collections import Counter, deque
from functools import partial
from pathlib import Path
from typing import Any

import grpc.aio
import pytest

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc
from support.certificates import Authority
from support.postgresql import PostgreSQL
from support.process import Gateway

_LONG = "select 1 as one from pg_sleep(0.8)"
_SEVERAL = [(False, 2), (True, 2)] if os.environ.get("LONG_RUN") else []


@pytest.mark.parametrize(("encrypted", "workers"), [(False, 1), (True, 1), *_SEVERAL])
async def test_no_call_fails_through_restarts_of_two_gateways_on_one_port(
    postgresql_server: PostgreSQL, tmp_path: Path, *, encrypted: bool, workers: int
) -> None:
    """For a client that tries again after UNAVAILABLE, whatever it is that it calls."""
    restarts = 20 if os.environ.get("LONG_RUN") else 1
    environment = {
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
        # Where there are too few cores, calls come together, and would be refused as too many.
        "ROWGATE_DATABASES__POSTGRESQL__POOL__SIZE": "20",
        "ROWGATE_SERVER__REUSE_PORT": "true",
        "ROWGATE_LISTEN": f"127.0.0.1:{_free_port()}",
    }
    credentials = None
    if encrypted:
        authority = Authority.make()
        certificate, key = authority.issue().write(tmp_path)
        environment |= {"ROWGATE_TLS__CERTIFICATE": str(certificate), "ROWGATE_TLS__KEY": str(key)}
        credentials = grpc.ssl_channel_credentials(authority.pem)
    start = partial(Gateway.start, "--workers", str(workers), environment=environment)
    ended: Counter[str] = Counter()
    stop = asyncio.Event()
    gateways = deque(await asyncio.gather(asyncio.to_thread(start), asyncio.to_thread(start)))
    try:
        load = asyncio.create_task(_load(gateways[0].address, credentials, ended, stop))
        for _ in range(restarts):
            await asyncio.sleep(0.5)  # calls as usual, before and between
            assert await asyncio.to_thread(gateways.popleft().terminate) == 0
            gateways.append(await asyncio.to_thread(start))
        stop.set()
        await load
    finally:
        for gateway in gateways:
            gateway.kill()
    assert set(ended) == {"OK"}, ended
    assert ended["OK"] > 100 * restarts


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _load(
    address: str, credentials: grpc.ChannelCredentials | None, ended: Counter[str], stop: asyncio.Event
) -> None:
    """200 calls a second over 4 connections, each of which has a long call on it at all times."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.secure_channel(address, credentials, options)
        if credentials
        else grpc.aio.insecure_channel(address, options)
        for _ in range(4)
    ]
    calls: set[asyncio.Task[None]] = {asyncio.create_task(_hold(channel, ended, stop)) for channel in channels}
    number = 0
    while not stop.is_set():
        calls.add(asyncio.create_task(_call(channels[number % len(channels)], "select 1 as one", ended)))
        number += 1
        await asyncio.sleep(1 / 200)
    await asyncio.gather(*calls)
    for channel in channels:
        await channel.close()


async def _hold(channel: grpc.aio.Channel, ended: Counter[str], stop: asyncio.Event) -> None:
    while not stop.is_set():
        await _call(channel, _LONG, ended)


async def _call(channel: grpc.aio.Channel, sql: str, ended: Counter[str]) -> None:
    """Make a call, and make it again 3 times, 50 ms apart."""
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    request = query_service_pb2.ExecuteQueryRequest(database="postgresql", sql=sql)
    code = "not tried"
    for _ in range(1 + 3):
        try:
            await stub.ExecuteQuery(request, timeout=10)
            code = "OK"
        except grpc.aio.AioRpcError as error:
            code = f"{error.code().name} {error.details()}"
        if not code.startswith("UNAVAILABLE"):
            break
        await asyncio.sleep(0.05)
    ended[code] += 1
