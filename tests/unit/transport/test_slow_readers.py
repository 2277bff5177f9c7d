"""A connection that does not read is cut, where others wait for the room that its answers take; else it is left alone.

The clock is the tests' own here, and so is what the kernel says.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from rowgate_server.engines import clock
from rowgate_server.transport import connections
from rowgate_server.transport.interceptors.unread import Unread

MIB = 1024 * 1024
MOST = 8 * MIB
HALF = MOST // 2
PORT = 1


@dataclass
class World:
    """The answers that a gateway sends to `a1` and `a2`, connections of the same caller, to `b1`, `c1` and so on.

    Attributes:
        time: by the clock.
        sent: when something was sent last, by connection.
        cut: those that were cut, in order.
        looked: how often the sockets were looked at for that.
    """

    time: float = 1e9
    sent: dict[str, float] = field(default_factory=dict)
    cut: list[str] = field(default_factory=list)
    counted: int = 0
    looked: int = 0

    def __post_init__(self) -> None:
        self.unread = Unread(MOST, self._count)
        self.unread.serve(PORT)

    def _count(self) -> None:
        self.counted += 1

    def silences(self, _: int) -> dict[str, float]:
        return {peer: self.time - at for peer, at in self.sent.items()}

    def close(self, _: int, peers: Callable[[str], bool]) -> set[str]:
        self.looked += 1
        found = [peer for peer in self.sent if peers(peer)]
        self.cut += found
        return set(found)

    async def send(self, peer: str, octets: int, *, known: bool = True) -> None:
        if known:
            self.sent[peer] = self.time
        assert await self.unread.take(peer[0], peer, octets)

    async def behind(self, peer: str, octets: int) -> asyncio.Task[bool]:
        waiting = asyncio.create_task(self.unread.take(peer[0], peer, octets))
        await asyncio.sleep(0)
        assert not waiting.done()
        return waiting

    def gone(self, peer: str, octets: int) -> None:
        self.unread.release(peer[0], peer, octets)

    def after(self, seconds: float, *reading: str) -> list[str]:
        """Who has been cut so long after, while these are sent something all the time?"""
        end = self.time + seconds
        while self.unread._timer is not None and (at := self.unread._timer.when()) <= end:
            self.time = at
            self.sent.update(dict.fromkeys(reading, at))
            self.unread._timer.cancel()
            self.unread._look(at)
        self.time = end
        return self.cut


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    world = World()
    monkeypatch.setattr(clock, "now", lambda: world.time)
    monkeypatch.setattr(connections, "silences", world.silences)
    monkeypatch.setattr(connections, "cut", world.close)
    yield world
    if world.unread._timer is not None:
        world.unread._timer.cancel()


async def test_who_reads_nothing_is_cut_for_an_answer_of_the_same_caller_soon_enough(world: World) -> None:
    await world.send("a1", HALF)
    waiting = await world.behind("a2", MIB)
    assert world.after(4.9) == []
    assert world.after(0.2) == ["a1"]
    assert world.counted == 1
    world.gone("a1", HALF)
    assert await waiting


async def test_who_stopped_long_ago_is_cut_a_moment_after_others_begin_to_wait(world: World) -> None:
    await world.send("b1", HALF)
    await world.send("c1", HALF)
    assert world.after(3600) == []
    waiting = await world.behind("a1", MIB)
    assert world.after(0.9) == []
    assert world.after(0.2) == ["b1"]
    world.gone("b1", HALF)
    assert await waiting
    assert world.after(3600) == ["b1"], "nobody waits"


async def test_nobody_is_cut_for_answers_that_would_go_with_it(world: World) -> None:
    await world.send("a1", HALF)
    waiting = await world.behind("a1", MIB)
    assert world.after(3600) == []
    waiting.cancel()


async def test_who_reads_nothing_is_cut_for_answers_behind_more_of_its_own(world: World) -> None:
    await world.send("a1", HALF)
    own, waiting = await world.behind("a1", MIB), await world.behind("a2", MIB)
    assert world.after(5.1) == ["a1"]
    own.cancel()
    world.gone("a1", HALF)
    assert await waiting


async def test_whose_room_would_not_help_is_left_alone(world: World) -> None:
    await world.send("b1", MIB)
    await world.send("a1", HALF)
    waiting = await world.behind("a2", MIB)
    assert world.after(6, "a1") == []
    assert world.after(6) == ["a1"]
    world.gone("a1", HALF)
    assert await waiting


async def test_who_is_slow_has_a_second_for_each_mebibyte(world: World) -> None:
    await world.send("a1", MIB)
    await world.send("a1", HALF - MIB)
    world.gone("a1", MIB)
    waiting = await world.behind("a2", 2 * MIB)
    assert world.after(4, "a1") == []
    assert world.after(4.9, "a1") == []
    assert world.after(0.2, "a1") == ["a1"]
    waiting.cancel()


async def test_who_reads_small_answers_has_no_more_time_for_the_large_one_beside_them(world: World) -> None:
    await world.send("a1", HALF - MIB)
    await world.send("c1", HALF)
    waiting = await world.behind("b1", 2 * MIB)
    for _ in range(9):
        await world.send("a1", MIB // 2)
        assert world.after(0.88, "a1", "c1") == []
        world.gone("a1", MIB // 2)
    assert world.after(0.2, "a1", "c1") == ["a1"]
    waiting.cancel()


async def test_who_read_fast_has_no_more_time_for_the_next_answer(world: World) -> None:
    await world.send("a1", MIB)
    for _ in range(10):
        await world.send("a1", 2 * MIB)
        world.gone("a1", 2 * MIB)
    waiting = await world.behind("a2", HALF)
    assert world.after(5.9, "a1") == []
    assert world.after(0.2, "a1") == ["a1"]
    waiting.cancel()


async def test_as_many_are_cut_as_make_the_room_that_is_missing(world: World) -> None:
    await world.send("a1", 2 * MIB)
    await world.send("a2", MIB)
    await world.send("a3", MIB)
    waiting = await world.behind("a4", 3 * MIB)
    assert world.after(60) == ["a1", "a2"]
    next_one = await world.behind("b1", MOST - 3 * MIB)
    assert world.after(60) == ["a1", "a2"], "their room is about to come"
    last = await world.behind("c1", MOST)
    assert world.after(60) == ["a1", "a2", "a3"]
    next_one.cancel()
    last.cancel()
    world.gone("a1", 2 * MIB)
    world.gone("a2", MIB)
    assert await waiting


async def test_more_are_cut_where_their_room_was_another_s(world: World) -> None:
    await world.send("a1", 2 * MIB)
    await world.send("a2", 2 * MIB)
    first, second = await world.behind("a3", 2 * MIB), await world.behind("a4", 2 * MIB)
    assert world.after(60) == ["a1"]
    world.gone("a1", 2 * MIB)
    assert await first
    assert world.after(0) == ["a1", "a2"]
    world.gone("a2", 2 * MIB)
    assert await second


async def test_the_sockets_are_looked_at_once_though_many_have_gone(world: World) -> None:
    for number in range(64):
        await world.send(f"b{number}", HALF // 64, known=False)
    await world.send("a1", HALF)
    world.after(60)
    waiting = await world.behind("c1", HALF)
    world.after(2)
    assert world.looked == 2, "at all that have gone, and at those in their place"
    assert world.cut == ["a1"]
    waiting.cancel()


async def test_only_those_are_cut_that_hold_up_the_first_answer_of_a_caller(world: World) -> None:
    await world.send("b1", HALF)
    await world.send("c1", HALF - MIB)
    await world.send("a1", MIB)
    waits = [await world.behind("a2", MIB), await world.behind("a3", HALF)]
    assert world.after(5.1) == ["b1"], "its caller has room"
    for waiting in waits:
        waiting.cancel()


async def test_who_could_not_read_as_the_gateway_stood_still_is_not_cut(world: World) -> None:
    await world.send("a1", HALF)
    waiting = await world.behind("a2", MIB)
    assert world.unread._timer is not None
    planned = world.unread._timer.when()
    world.time += 60
    world.unread._timer.cancel()
    world.unread._look(planned)
    assert world.after(0.9) == []
    assert world.after(4, "a1") == []
    assert world.after(6) == ["a1"]
    waiting.cancel()


async def test_whose_connection_is_not_known_is_left_alone_and_others_are_not(world: World) -> None:
    await world.send("a1", 2 * MIB, known=False)
    await world.send("a2", 2 * MIB)
    waiting = await world.behind("a3", MIB)
    assert world.after(60) == ["a2"]
    waiting.cancel()


async def test_without_a_port_nobody_is_cut(world: World) -> None:
    world.unread.serve(None)
    await world.send("a1", HALF)
    waiting = await world.behind("a2", MIB)
    assert world.after(60) == []
    waiting.cancel()
