"""Whose transaction makes room for whose, where as many are open as may be."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
from unit.engines.clock import now, on_the_clock, settle

from rowgate_server.core.transactions.held import HeldTransaction
from rowgate_server.core.transactions.shares import Place, Share
from rowgate_server.engines.deadline import Deadline

MOST = 5


class Begun:
    """Transactions of `a`, `b` and so on."""

    def __init__(self) -> None:
        self.share = Share()
        self.ended: list[Place] = []

    async def begin(self, caller: str, *, idle: bool = True, seconds: float = 3600) -> Place | None:
        """One more; it is idle at once."""
        place = await self.share.take(caller, MOST, Deadline.soonest((seconds, "begin.timeout")))
        if place is not None:

            def give_way(_: float) -> None:
                self.ended.append(place)
                asyncio.get_running_loop().call_later(0.01, self.share.release, place)

            held: Any = SimpleNamespace(idle_since=now() if idle else None, give_way=give_way)
            place.held = cast("HeldTransaction", held)
        return place

    async def all_of(self, caller: str, *, idle: bool = True) -> list[Place]:
        found = []
        for _ in range(MOST):
            found.append(await self.begin(caller, idle=idle))
            await asyncio.sleep(0.1)
        return [place for place in found if place is not None]


@pytest.mark.parametrize("begun_by", ["a", "b"])
@on_the_clock
async def test_one_caller_may_have_all_and_one_more_is_refused_at_once(begun_by: str) -> None:
    begun = Begun()
    places = await begun.all_of("a")
    assert len(places) == MOST
    await asyncio.sleep(100)
    if begun_by == "a":
        began = now()
        assert await begun.begin("a") is None
        assert (now(), begun.ended) == (began, [])
    else:
        assert await begun.begin("b") is not None
        assert begun.ended == places[:1], "the one that was idle for the longest"


@on_the_clock
async def test_the_others_get_as_many_and_no_more() -> None:
    begun = Begun()
    await begun.all_of("a")
    await asyncio.sleep(10)
    first = await asyncio.gather(*(begun.begin("b") for _ in range(4)))
    assert [place is not None for place in first] == [True, True, False, False]
    assert await begun.begin("c") is not None
    assert [place.caller for place in begun.ended] == ["a", "a", "a"]
    await asyncio.sleep(10)
    assert [await begun.begin(caller) for caller in "abc"] == [None] * 3, "2, 2 and 1"


@pytest.mark.parametrize("idle", [True, False])
@on_the_clock
async def test_one_that_works_or_has_been_idle_for_a_moment_only_does_not_end(idle: bool) -> None:
    begun = Begun()
    await begun.all_of("a", idle=idle)
    await asyncio.sleep(100)
    for place in begun.share._places:
        assert place.held is not None
        cast("Any", place.held).idle_since = now() + 2 if idle else None
    began = now()
    assert await begun.begin("b") is None
    assert (now() - began, begun.ended) == (5, [])
    assert len(begun.share) == MOST


@pytest.mark.parametrize("seconds", [0.1, 2.6])
@on_the_clock
async def test_nobody_waits_for_longer_than_the_deadline_says_and_nobody_makes_room_for_that(seconds: float) -> None:
    begun = Begun()
    await begun.all_of("a")
    began = now()
    assert await begun.begin("b", seconds=seconds) is None
    assert now() - began == pytest.approx(seconds)
    await asyncio.sleep(100)
    assert begun.ended == []


@on_the_clock
async def test_one_that_becomes_idle_for_long_meanwhile_ends() -> None:
    begun = Begun()
    places = await begun.all_of("a")
    began = now()
    assert await begun.begin("b") is not None
    assert 3 < now() - began < 4.3
    assert begun.ended == [places[0]]


@on_the_clock
async def test_who_has_fewer_gets_the_next_place_that_comes_free_before_who_has_more() -> None:
    begun = Begun()
    places = await begun.all_of("a", idle=False)
    waiting = asyncio.create_task(begun.begin("b"))
    await settle()
    begun.share.release(places.pop())
    assert await begun.begin("a") is None
    got = await waiting
    assert got is not None
    assert got.caller == "b"


@on_the_clock
async def test_a_place_that_comes_as_its_waiter_leaves_is_not_lost() -> None:
    begun = Begun()
    places = await begun.all_of("a", idle=False)
    waiting = asyncio.create_task(begun.begin("b"))
    await settle()
    begun.share.release(places.pop())
    waiting.cancel()
    await asyncio.wait({waiting})
    assert len(begun.share) == MOST - 1
    assert await begun.begin("a") is not None


@on_the_clock
async def test_those_who_wait_look_together_and_not_each_by_itself() -> None:
    begun = Begun()
    await begun.all_of("a", idle=False)
    looks = []

    class Looked(set[Place]):
        """Places that note when they are looked through."""

        def __iter__(self) -> Iterator[Place]:
            looks.append(now())
            return super().__iter__()

    waiting = [asyncio.create_task(begun.begin(f"w{number}")) for number in range(100)]
    await settle()
    begun.share._places = Looked(begun.share._places)
    assert await asyncio.gather(*waiting) == [None] * 100
    assert 10 < len(looks) < 30, "four times a second, for 5 s"
