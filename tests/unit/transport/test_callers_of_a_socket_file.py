"""To gRPC the callers of a socket file are all alike: none is told, or hung up on, while any of them is sent to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from unit.transport.ending import Ending, ending
from unit.transport.wrapped import request

from rowgate.v1 import query_service_pb2_grpc
from rowgate_server.engines import clock
from rowgate_server.transport import connections
from support.eventually import eventually

ALL = connections.Peers({"unix:"}, {"unix:"})


def opened(path: Path) -> grpc.aio.Channel:
    """A connection of its own."""
    return grpc.aio.insecure_channel(f"unix:{path}", options=[("grpc.use_local_subchannel_pool", 1)])


async def call(channel: grpc.aio.Channel) -> str:
    """Make a call that ends at once; how did it end?"""
    stub: Any = query_service_pb2_grpc.QueryServiceStub(channel)
    try:
        await stub.ExecuteQuery(request("nothing"))
    except grpc.aio.AioRpcError as error:
        return error.code().name
    return "OK"


@asynccontextmanager
async def load(*channels: grpc.aio.Channel) -> AsyncIterator[Counter[str]]:
    """Calls without a pause; how did they end?"""
    ended: Counter[str] = Counter()

    async def make(channel: grpc.aio.Channel) -> None:
        while True:
            ended[await call(channel)] += 1
            await asyncio.sleep(0.002)

    callers = [asyncio.create_task(make(channel)) for channel in channels for _ in range(10)]
    try:
        await eventually(lambda: ended["OK"] > 50, 10, "calls were served")
        yield ended
    finally:
        for caller in callers:
            caller.cancel()
        await asyncio.gather(*callers, return_exceptions=True)


def waits(served: Ending) -> bool:
    """Whether a new call waits, once callers have had time to leave by themselves."""
    served.draining._leaving._help(clock.now() - 60, last=False)
    return served.draining._leaving._holds("unix:")


@pytest.mark.parametrize("plain", [True, False])
async def test_no_call_is_cancelled_by_the_end_of_the_server(tmp_path: Path, *, plain: bool) -> None:
    """Which no caller makes again."""
    path = tmp_path / "socket"
    async with ending(plain=plain, path=str(path)) as served, opened(path) as one, opened(path) as other:
        await served.brief()
        async with load(one, other) as ended:
            await served.drain(60)
            await eventually(lambda: ended["UNAVAILABLE"] > 0, 10, "nobody is there")
    assert ended.keys() == {"OK", "UNAVAILABLE"}


async def test_callers_are_told_though_one_has_a_long_call(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with ending(plain=True, path=str(path)) as served, opened(path) as other:
        await served.brief()
        long, go_on = await served.held()
        await asyncio.sleep(0.35)  # it is long by now
        assert waits(served), "or the others might never be quiet"
        async with load(other) as ended:
            draining = asyncio.create_task(served.drain(60))
            await eventually(lambda: ended["UNAVAILABLE"] > 0, 10, "the others have left")
            assert not draining.done()
            go_on.set()
            assert await long.code() is grpc.StatusCode.OK
            await draining
    assert ended.keys() == {"OK", "UNAVAILABLE"}


async def test_calls_beside_a_stream_are_served_until_it_ends(tmp_path: Path) -> None:
    """Nobody knows where it is in a message."""
    path, go_on = tmp_path / "socket", asyncio.Event()

    async def wait(_: Any) -> None:
        await go_on.wait()

    async with ending(plain=True, path=str(path)) as served, opened(path) as other:
        await served.brief()
        served.service.behaviours["wait"] = wait
        served.service.entered.clear()
        stream = served.stub.StreamQuery(request("wait"))
        await served.service.entered.wait()
        assert await call(other) == "OK"
        draining = asyncio.create_task(served.drain(60))
        await asyncio.sleep(1)  # longer than calls wait
        assert await call(other) == "OK"
        assert not waits(served)
        go_on.set()
        async with asyncio.timeout(10):
            while await stream.read() is not grpc.aio.EOF:
                pass
            await draining


@pytest.mark.parametrize("plain", [True, False])
async def test_all_leave_once_none_has_a_call(tmp_path: Path, *, plain: bool) -> None:
    path = tmp_path / "socket"
    async with ending(plain=plain, path=str(path)) as served, opened(path) as other:
        await served.brief()
        assert await call(other) == "OK"
        told = dict[str, float]()

        def hang_up(peers: connections.Peers) -> int:
            return connections.hang_up(str(path), peers, told, plain=plain)

        assert hang_up(ALL) == 2
        assert not told
        await eventually(lambda: not hang_up(connections.Peers()), 10, "they have heard")
        assert len(told) == 3, "two connections, and the peer that both are"
        assert "unix:" in told


async def test_no_peer_has_left_while_one_of_its_connections_has_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Calls over it would be refused elsewise, or kept waiting for no end."""
    path = tmp_path / "socket"
    async with ending(plain=True, path=str(path)) as served, opened(path) as other:
        await served.brief()
        assert await call(other) == "OK"
        unsent = iter([0, 1])
        monkeypatch.setattr(connections, "_unsent", lambda _: next(unsent))
        told = dict[str, float]()
        assert connections.hang_up(str(path), connections.Peers(), told, plain=True) == 2
        assert len(told) == 1
        assert "unix:" not in told
