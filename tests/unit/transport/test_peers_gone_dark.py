"""A server that ends does not wait until a caller has acknowledged its answer whose machine or link is gone."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import socket
from typing import Any

import pytest
from unit.transport.ending import ending
from unit.transport.wrapped import bare

from rowgate_server.transport import connections
from support import bare_http2
from support.eventually import eventually

_SO_ATTACH_FILTER = 26
_NOTHING = (ctypes.c_uint64 * 1)(0x06)
"""A filter of one instruction: return 0, of no packet anything."""


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


def go_dark(end: socket.socket) -> None:
    """Have every packet to this end dropped, and so not acknowledged."""
    program = _Program(1, ctypes.addressof(_NOTHING))
    end.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, bytes(program))


@pytest.fixture(autouse=True)
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "_DARK", 300)
    monkeypatch.setattr(connections, "_IN_VAIN", 2)


@pytest.mark.parametrize("plain", [True, False])
async def test_a_drain_ends_though_a_caller_has_gone_dark(*, plain: bool) -> None:
    async with ending(plain=plain) as served, bare_http2.connected(f"127.0.0.1:{served.port}") as (_, writer):
        await served.brief()
        go_on = asyncio.Event()

        async def wait(_: Any) -> None:
            await go_on.wait()

        served.service.behaviours["wait"] = wait
        served.service.entered.clear()
        writer.write(bare("ExecuteQuery", 0, "wait"))
        await served.service.entered.wait()
        go_dark(writer.get_extra_info("socket"))
        go_on.set()
        async with asyncio.timeout(20):
            await served.drain(60)


async def test_a_connection_is_closed_whose_last_answer_nobody_acknowledges(
    pair: tuple[int, socket.socket, socket.socket],
) -> None:
    port, end, caller = pair
    peer, told = connections.peer_of(end), dict[str, float]()
    go_dark(caller)
    end.send(b"an answer")
    assert connections.hang_up(port, connections.Peers(), told, plain=False) == 1
    assert not told, "it may yet be acknowledged"
    await eventually(lambda: connections._dark(end), 10, "it was sent in vain")
    assert connections.hang_up(port, connections.Peers({peer}, {peer}), told, plain=False) == 1
    assert not told, "what runs is not cut short for that"
    assert connections.hang_up(port, connections.Peers({peer}), told, plain=False) == 0
    assert set(told) == {peer}


async def test_a_caller_that_does_not_read_has_not_gone_dark(pair: tuple[int, socket.socket, socket.socket]) -> None:
    port, end, _ = pair
    told = dict[str, float]()
    end.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            end.send(bytes(65536))
    await eventually(lambda: connections._info(end).last_sent > 300, 10, "nothing more can be sent")
    await asyncio.sleep(0.6)  # nor does it say a word: Linux asks whether there is room, after longer and longer pauses
    assert connections.hang_up(port, connections.Peers(), told, plain=True) == 1
    assert not told, "its kernel answers"
