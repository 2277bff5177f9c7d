"""Work that never waits by itself leaves every other turn to everybody else."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rowgate_server.engines.breaths import TURN, Breaths
from rowgate_server.engines.dialects.mysql.cursor import TextCursor
from rowgate_server.engines.dialects.postgresql import meter
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter

RESULTS = 50


def work(seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        pass


class Rounds:
    """Counts the rounds of the event loop, while it is entered."""

    def __init__(self) -> None:
        self.count = 0
        self._counting: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Rounds:
        self._counting = asyncio.create_task(self._go_on())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._counting is not None
        self._counting.cancel()

    async def _go_on(self) -> None:
        while True:
            self.count += 1
            await asyncio.sleep(0)


async def test_others_have_a_turn_once_it_is_over_and_not_before() -> None:
    breaths = Breaths()
    async with Rounds() as rounds:
        before = rounds.count
        await breaths.take()
        assert rounds.count == before
        work(TURN)
        await breaths.take()
        assert rounds.count > before + 1


class ManyResults:
    """What `_drain` touches of a connection that answers with one result after another, all of which have come."""

    def __init__(self) -> None:
        self.left = RESULTS
        self._result = SimpleNamespace(field_count=0, unbuffered_active=False, server_status=0, has_next=True)

    async def next_result(self, *, unbuffered: bool) -> None:
        assert unbuffered
        self.left -= 1
        self._result.has_next = self.left > 0
        work(TURN)


async def test_results_without_end_hold_nobody_up() -> None:
    cursor: Any = object.__new__(TextCursor)
    cursor._link, cursor._flags = SimpleNamespace(connection=ManyResults()), 0
    async with Rounds() as rounds:
        await cursor._drain()
        assert rounds.count > RESULTS


class Reading:
    """A protocol that takes so long for a byte."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.received: list[int] = []
        self.pause_writing = self.resume_writing = self.eof_received = self.connection_lost = lambda *_: None

    def data_received(self, data: bytes) -> None:
        """Read it."""
        self.received.append(len(data))
        work(self.seconds * len(data))


def received(protocol: Reading, octets: int) -> ReceiveMeter:
    """What has come all at once, received as asyncio does."""
    transport = SimpleNamespace(set_protocol=lambda _: None)
    found = ReceiveMeter(SimpleNamespace(_transport=transport, _protocol=cast("Any", protocol)), 1 << 30)
    while octets:
        size = min(octets, len(found.get_buffer(-1)))
        found.get_buffer(-1)[:size] = b"N\0\0\0\4".ljust(size, b"\0") if not protocol.received else bytes(size)
        found.buffer_updated(size)
        octets -= size
    return found


def test_what_takes_long_to_read_is_received_in_small_pieces() -> None:
    protocol = Reading(seconds=TURN / 16_384)
    received(protocol, meter._MOST + 8 * 16_384)
    first, *others = protocol.received
    assert first == meter._MOST
    assert all(size <= 2 * 16_384 for size in others)


@pytest.mark.parametrize("slow", [0, TURN / 16_384])
def test_what_is_read_quickly_is_received_in_large_pieces(slow: float) -> None:
    protocol = Reading(slow)
    found = received(protocol, 2 * meter._MOST)
    protocol.seconds = 0
    sizes = []
    for _ in range(200):  # the machine may be busy
        found.buffer_updated(len(found.get_buffer(-1)))
        sizes.append(len(found.get_buffer(-1)))
    assert max(sizes) == meter._MOST
