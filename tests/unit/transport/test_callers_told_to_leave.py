"""A server that ends serves new calls on each connection until its caller was told to leave it, or it is closed."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
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
async def plain() -> AsyncIterator[Ending]:
    """A server whose callers can be told."""
    async with ending(plain=True) as server:
        yield server


@pytest.fixture
async def encrypted() -> AsyncIterator[Ending]:
    """One whose callers can not be told, as if its connections were encrypted."""
    async with ending() as server:
        yield server


async def _nothing(_: Any) -> None:
    pass


async def _short(_: Any) -> None:
    await asyncio.sleep(0.15)


async def _told_of(call: Any) -> str:
    """How a call ended; "" for well."""
    try:
        await call
    except grpc.aio.AioRpcError as error:
        return f"{error.code().name} {error.details()}"
    return ""


async def _without_a_pause(served: Ending, behaviour: str, until: asyncio.Task[None]) -> set[str]:
    """Make calls, each two milliseconds after the one before; how did they end?"""
    calls: list[asyncio.Task[str]] = []
    while not until.done():
        calls.append(asyncio.create_task(_told_of(served.stub.ExecuteQuery(request(behaviour)))))
        await asyncio.sleep(0.002)
    return set(await asyncio.gather(*calls))


async def test_calls_beside_a_long_one_are_served_until_their_caller_was_told(plain: Ending) -> None:
    long, go_on = await plain.held()
    draining = asyncio.create_task(plain.drain(60))
    ended = ""
    while not ended:
        ended = await _told_of(plain.brief())
        await asyncio.sleep(0.03)  # as callers are: the connection rests between
    assert _REFUSED not in ended
    go_on.set()
    assert not await _told_of(long), "it goes on to its end"
    await draining


async def test_a_connection_that_never_rests_is_made_to_and_its_caller_told(
    plain: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connections, "_RESTS", 60_000)  # a busy machine has pauses of its own
    plain.service.behaviours["short"] = _short

    async def drain_later() -> None:
        await asyncio.sleep(0.3)  # calls are under way all the time by then
        await plain.drain(2)

    ended = await _without_a_pause(plain, "short", asyncio.create_task(drain_later()))
    assert "" in ended
    assert all("refused" in told for told in ended - {""}), "all are served, until nobody listens any more"


async def test_no_long_call_is_cut_that_ends_soon_though_there_is_always_one(encrypted: Ending) -> None:
    cut = 0

    async def long(_: Any) -> None:
        nonlocal cut
        cut += 1
        await asyncio.sleep(0.5)
        cut -= 1

    encrypted.service.behaviours["long"] = long

    async def drain_later() -> None:
        await asyncio.sleep(0.5)
        await encrypted.drain(2.3)

    ended = await _without_a_pause(encrypted, "long", asyncio.create_task(drain_later()))
    assert {told.partition(" ")[0] for told in ended} == {"", "UNAVAILABLE"}, "which is made again"
    assert not cut


async def test_calls_beside_a_long_one_are_served_to_its_end_where_their_caller_can_not_be_told(
    encrypted: Ending,
) -> None:
    encrypted.service.behaviours["nothing"] = _nothing
    long, go_on = await encrypted.held()
    draining = asyncio.create_task(encrypted.drain(60))
    load = asyncio.create_task(_without_a_pause(encrypted, "nothing", draining))
    await asyncio.sleep(1)  # longer than any of them waits
    assert not await _told_of(encrypted.stub.ExecuteQuery(request("nothing")))
    go_on.set()
    assert not await _told_of(long), "it goes on to its end"
    ended = await load
    assert {told.partition(" ")[0] for told in ended} == {"", "UNAVAILABLE"}, "which is made again"
    assert any(_REFUSED in told for told in ended)


async def test_the_next_long_call_on_a_connection_is_not_begun(encrypted: Ending) -> None:
    go_on, begun = asyncio.Event(), 0

    async def wait(_: Any) -> None:
        nonlocal begun
        begun += 1
        await go_on.wait()

    encrypted.service.behaviours["wait"] = wait
    long = encrypted.stub.ExecuteQuery(request("wait"))
    await encrypted.service.entered.wait()
    draining = asyncio.create_task(encrypted.drain(60))
    await asyncio.sleep(0.8)  # so long that calls would wait if it were not there
    go_on.set()
    assert not await _told_of(long)
    go_on.clear()
    assert _REFUSED in await _told_of(encrypted.stub.ExecuteQuery(request("wait")))
    await draining
    assert begun == 1


@pytest.mark.parametrize("deadline", [None, 0.4])
async def test_calls_wait_no_longer_where_an_answer_does_not_get_through(
    encrypted: Ending, monkeypatch: pytest.MonkeyPatch, deadline: float | None
) -> None:
    """Refused, they would come by the same connection again: it can not be closed."""
    monkeypatch.setattr(connections, "_unsent", lambda _: 1)
    encrypted.service.behaviours["nothing"] = _nothing
    await encrypted.stub.ExecuteQuery(request("nothing"))
    draining = asyncio.create_task(encrypted.drain(3))
    await asyncio.sleep(0.8)  # so long that calls wait
    assert not await _told_of(encrypted.stub.ExecuteQuery(request("nothing"), timeout=deadline))
    monkeypatch.undo()
    await draining


@pytest.mark.parametrize("grace", [0.0, 1.2])
async def test_what_is_under_way_when_the_grace_ends_may_be_made_again(encrypted: Ending, grace: float) -> None:
    cleaned_up = False

    async def wait(_: Any) -> None:
        nonlocal cleaned_up
        try:
            await asyncio.Event().wait()
        finally:
            cleaned_up = True

    encrypted.service.behaviours |= {"wait": wait, "nothing": _nothing}
    long = encrypted.stub.ExecuteQuery(request("wait"))
    await encrypted.service.entered.wait()
    load = await _without_a_pause(encrypted, "nothing", asyncio.create_task(encrypted.drain(grace)))
    assert {told.partition(" ")[0] for told in load} <= {"", "UNAVAILABLE"}
    assert (await _told_of(long)).startswith("UNAVAILABLE")
    assert cleaned_up
    assert all(call.code is grpc.StatusCode.UNAVAILABLE for call in encrypted.calls), "refused, as late as they came"


async def test_a_connection_that_is_never_without_a_call_is_closed_though_callers_can_not_be_told(
    encrypted: Ending,
) -> None:
    encrypted.service.behaviours["short"] = _short
    calls = [asyncio.create_task(_told_of(encrypted.stub.ExecuteQuery(request("short"))))]
    await encrypted.service.entered.wait()
    draining = asyncio.create_task(encrypted.drain(60))
    while not draining.done():
        calls.append(asyncio.create_task(_told_of(encrypted.stub.ExecuteQuery(request("short")))))
        await asyncio.sleep(0.01)
    ended = await asyncio.gather(*calls)
    assert {told.partition(" ")[0] for told in ended} == {"", "UNAVAILABLE"}, "which is made again"
    assert any(_REFUSED in told for told in ended)


async def test_a_caller_is_not_told_in_the_middle_of_a_frame(pair: tuple[int, socket.socket, socket.socket]) -> None:
    port, end, caller = pair
    peers, told = connections.Peers({connections.peer_of(end)}), dict[str, float]()

    def hang_up() -> bool:
        connections.hang_up(port, peers, told, plain=True)
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
