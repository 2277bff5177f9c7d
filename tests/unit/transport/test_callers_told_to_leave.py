"""A server that ends serves new calls on each connection until its caller was told to leave it, or it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.ending import Ending, ending
from unit.transport.wrapped import request

from rowgate_server.transport import connections
from support.eventually import eventually

_REFUSED = "takes no new calls"


@pytest.fixture
async def served() -> AsyncIterator[Ending]:
    async with ending() as server:
        yield server


async def _told_of(call: Any) -> str:
    """How a call ended; "" for well."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {error.details()}"
    return ""


@pytest.mark.parametrize("plain", [True, False])
async def test_calls_beside_a_long_one_are_served_until_their_caller_was_told(served: Ending, *, plain: bool) -> None:
    long, go_on = await served.held()
    served.draining._plain = plain
    draining = asyncio.create_task(served.drain(60))
    ended = [""]
    while not ended[-1]:
        ended.append(await _told_of(served.brief()))
        await asyncio.sleep(0.03)  # as callers are: the connection rests between
    assert _REFUSED not in ended[-1]
    assert len(ended) > 2 or plain, "some were served, until all were told"
    go_on.set()
    assert not await _told_of(long), "it goes on to its end"
    await draining


async def test_a_connection_that_is_never_without_a_call_is_closed_though_callers_can_not_be_told(
    served: Ending,
) -> None:
    async def short(_: Any) -> None:
        await asyncio.sleep(0.04)

    served.service.behaviours["short"] = short
    calls = [asyncio.create_task(_told_of(served.stub.ExecuteQuery(request("short"))))]
    await served.service.entered.wait()
    (peer,) = served.peers()
    draining = asyncio.create_task(served.drain(60))
    while not draining.done():
        calls.append(asyncio.create_task(_told_of(served.stub.ExecuteQuery(request("short")))))
        await asyncio.sleep(0.01)
    ended = await asyncio.gather(*calls)
    assert peer in served.draining._told, "nothing was left on it for `stop` to drop"
    assert {told.partition(" ")[0] for told in ended} == {"", "UNAVAILABLE"}, "which is made again"
    assert any(_REFUSED in told for told in ended)


@pytest.fixture
def pair() -> Iterator[tuple[int, socket.socket, socket.socket]]:
    """A port, and the two ends of a connection to it, of which the first is the server's."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = int(server.getsockname()[1])
        with socket.create_connection(("127.0.0.1", port)) as caller:
            end, _ = server.accept()
            with end:
                yield port, end, caller


async def test_a_caller_is_not_told_in_the_middle_of_a_frame(pair: tuple[int, socket.socket, socket.socket]) -> None:
    port, end, caller = pair
    busy, told = {connections.peer_of(end)}, dict[str, float]()

    def hang_up() -> bool:
        connections.hang_up(port, busy, told, plain=True)
        return bool(told)

    def just_sent() -> bool:
        """Whether a connection is left alone on which something was sent a moment ago."""
        told.clear()
        caller.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        end.send(b"x")
        caller.recv(1)
        return not connections._unsent(end) and not hang_up()

    await eventually(just_sent, 10, "it was left alone")
    end.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            end.send(bytes(65536))
    await asyncio.sleep(0.05)  # nothing is sent for longer than a connection has to rest
    assert not hang_up(), "the caller has not read all"
    caller.setblocking(False)
    last = b""

    def read() -> bool:
        nonlocal last
        with contextlib.suppress(BlockingIOError):
            while True:
                last = caller.recv(65536)
        return hang_up()

    await eventually(read, 10, "it was told")
    caller.setblocking(True)
    assert caller.recv(17) == connections._GOAWAY
