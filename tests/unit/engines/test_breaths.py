"""Work that never waits by itself leaves every other turn to everybody else."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest

from rowgate_server.engines.breaths import TURN, Breaths, Receiving
from rowgate_server.engines.dialects.mysql.cursor import TextCursor
from rowgate_server.engines.dialects.postgresql import meter
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter

RESULTS = 50


def work(seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
    until = clock() + seconds
    while clock() < until:
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
        work(self.seconds * len(data), time.thread_time)  # as the meter tells it: the machine may be busy with others


def received(protocol: Reading, octets: int) -> ReceiveMeter:
    """What has come all at once, received as asyncio does."""
    idle = dict.fromkeys(("set_protocol", "pause_reading", "resume_reading", "is_closing"), lambda *_: None)
    transport = SimpleNamespace(**idle)
    found = ReceiveMeter(SimpleNamespace(_transport=transport, _protocol=cast("Any", protocol)), 1 << 30)
    while octets:
        size = min(octets, len(found.get_buffer(-1)))
        found.get_buffer(-1)[:size] = b"N\0\0\0\4".ljust(size, b"\0") if not protocol.received else bytes(size)
        found.buffer_updated(size)
        octets -= size
    return found


async def test_what_takes_long_to_read_is_received_in_small_pieces() -> None:
    protocol = Reading(seconds=TURN / 16_384)
    received(protocol, meter._MOST + 8 * 16_384)
    first, *others = protocol.received
    assert first == meter._MOST
    assert all(size <= 2 * 16_384 for size in others)


@pytest.mark.parametrize("slow", [0, TURN / 16_384])
async def test_what_is_read_quickly_is_received_in_large_pieces(slow: float) -> None:
    protocol = Reading(slow)
    found = received(protocol, 2 * meter._MOST)
    protocol.seconds = 0
    for _ in range(200):  # the machine may be busy
        if len(found.get_buffer(-1)) == meter._MOST:
            return
        found.buffer_updated(len(found.get_buffer(-1)))
    pytest.fail("it is received in small pieces for good")


class Transport:
    """One that receives whenever it may."""

    def __init__(self, rounds: Rounds, *, closing: bool) -> None:
        self._rounds = rounds
        self._closing = closing
        self.paused = 0
        self.went_on_in: list[int] = []

    def pause_reading(self) -> None:
        """Note it."""
        self.paused += 1

    def resume_reading(self) -> None:
        """Note in which round."""
        self.went_on_in.append(self._rounds.count)

    def is_closing(self) -> bool:
        """Whether nothing more is received."""
        return self._closing


async def test_of_those_that_receive_much_one_goes_on_in_each_round() -> None:
    async with Rounds() as rounds:
        transports = [Transport(rounds, closing=number == 2) for number in range(5)]
        receiving = Receiving(asyncio.get_running_loop())
        for transport in transports:
            receiving.rest(transport)
        assert not any(transport.went_on_in for transport in transports)
        for _ in range(10):
            await asyncio.sleep(0)
    went_on = [number for transport in transports for number in transport.went_on_in]
    assert all(transport.paused == 1 for transport in transports)
    assert len(went_on) == len(set(went_on)) == 4
