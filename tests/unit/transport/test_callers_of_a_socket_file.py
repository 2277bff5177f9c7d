"""To gRPC the callers of a socket file are all alike: none is told, or hung up on, while any of them has a call."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from unit.transport.ending import ending
from unit.transport.wrapped import request

from rowgate.v1 import query_service_pb2_grpc
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


@pytest.mark.parametrize("plain", [True, False])
async def test_no_call_is_cancelled_by_the_end_of_the_server(tmp_path: Path, *, plain: bool) -> None:
    """Which no caller makes again."""
    ended: Counter[str] = Counter()
    path = tmp_path / "socket"
    async with ending(plain=plain, path=str(path)) as served, opened(path) as one, opened(path) as other:
        await served.brief()

        async def load(channel: grpc.aio.Channel, until: asyncio.Event) -> None:
            while not until.is_set():
                ended[await call(channel)] += 1
                await asyncio.sleep(0.002)

        over = asyncio.Event()
        callers = [asyncio.create_task(load(channel, over)) for channel in (one, other) for _ in range(10)]
        await eventually(lambda: ended["OK"] > 50, 10, "calls were served")
        await served.drain(60)
        over.set()
        await asyncio.gather(*callers)
    assert ended.keys() == {"OK", "UNAVAILABLE"}


async def test_a_long_call_is_waited_for_and_those_beside_it_are_served(tmp_path: Path) -> None:
    path = tmp_path / "socket"
    async with ending(plain=True, path=str(path)) as served, opened(path) as other:
        await served.brief()
        assert await call(other) == "OK"
        long, go_on = await served.held()
        draining = asyncio.create_task(served.drain(60))
        await asyncio.sleep(1)  # longer than calls wait
        assert await call(other) == "OK"
        go_on.set()
        assert await long.code() is grpc.StatusCode.OK
        await draining
        assert await call(other) == "UNAVAILABLE"


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
