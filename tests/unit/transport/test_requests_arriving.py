"""Few requests of a caller arrive at a time; those sent slowly hold no others up, and make way where they are many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from unit.transport.test_requests_received import ONE, Silent, made

from rowgate_server.engines import clock
from rowgate_server.engines.caller import caller
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors import arriving, requests
from rowgate_server.transport.interceptors.arriving import Arrivals, Arriving

AT_ONCE, SLOW_OF_ONE = arriving._AT_ONCE, arriving._SLOW_OF_ONE
MOST = AT_ONCE + SLOW_OF_ONE


@pytest.fixture
def arrivals() -> Arrivals:
    return Arrivals()


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "_SLOW", 0.01)


def some(arrivals: Arrivals, number: int, who: str = "one", peer: str = "peer") -> list[Arriving]:
    return [arrivals.begin(who, peer) for _ in range(number)]


async def turn_of(request: Arriving) -> None:
    if request.turn is not None:
        async with asyncio.timeout(5):
            await request.turn


def waits(request: Arriving) -> bool:
    return request.turn is not None and not request.turn.done()


async def test_a_few_arrive_at_a_time_and_the_others_in_order(arrivals: Arrivals) -> None:
    found = some(arrivals, 7)
    assert [waits(each) for each in found] == [False] * 4 + [True] * 3
    arrivals.end(found[4])  # it has left
    arrivals.end(found[2])
    assert [waits(each) for each in found[5:]] == [False, True]
    arrivals.end(found[5])
    assert not waits(found[6])
    for each in found:
        arrivals.end(each)
    assert not arrivals._callers


async def test_one_that_leaves_as_its_turn_comes_gives_it_to_the_next(arrivals: Arrivals) -> None:
    found = some(arrivals, 6)
    arrivals.end(found[0])
    arrivals.end(found[4])
    assert not waits(found[5])


@pytest.mark.usefixtures("_soon")
async def test_there_are_so_many_slow_ones_of_a_caller(arrivals: Arrivals) -> None:
    found = some(arrivals, MOST + 1)
    for each in found[:-1]:
        await turn_of(each)
    await asyncio.sleep(0.05)
    assert waits(found[-1])
    arrivals.end(found[0])
    await turn_of(found[-1])
    for each in found:
        arrivals.end(each)
    assert (arrivals._callers, arrivals._slow, arrivals._slow_ones) == ({}, {}, 0)


@pytest.mark.usefixtures("_soon")
async def test_there_are_so_many_slow_ones_of_all_callers(arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "_SLOW_OF_ALL", 3)
    one, other = some(arrivals, AT_ONCE + 3), some(arrivals, AT_ONCE, "other")
    for each in one:
        await turn_of(each)
    late = arrivals.begin("other", "peer")
    await asyncio.sleep(0.05)
    assert waits(late)
    arrivals.end(one[0])
    await turn_of(late)
    assert not any(waits(each) for each in other)


@pytest.mark.usefixtures("_soon")
async def test_the_caller_with_the_fewest_slow_ones_comes_first(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "_SLOW_OF_ALL", 3)
    many = some(arrivals, AT_ONCE + 3, "many")
    for each in many:
        await turn_of(each)
    more = arrivals.begin("many", "peer")
    few = some(arrivals, AT_ONCE + 1, "few")
    await asyncio.sleep(0.05)
    assert [waits(more), waits(few[-1])] == [True, True]
    arrivals.end(many[0])
    assert [waits(more), waits(few[-1])] == [True, False]


async def test_connections_of_a_caller_come_in_turns(arrivals: Arrivals) -> None:
    first = some(arrivals, AT_ONCE)
    many, few = some(arrivals, 3, peer="many"), some(arrivals, 2, peer="few")
    for each in first:
        arrivals.end(each)
    assert [waits(each) for each in (*many, *few)] == [False, False, True, False, False]


async def test_those_who_leave_while_nothing_ends_are_forgotten(arrivals: Arrivals) -> None:
    found = some(arrivals, MOST)
    for each in some(arrivals, 100):
        arrivals.end(each)
    assert len(arrivals._callers["one"].waiting["peer"]) == len(found) - AT_ONCE


async def test_nobody_looks_over_and_over_while_only_time_can_help(
    arrivals: Arrivals, monkeypatch: pytest.MonkeyPatch
) -> None:
    some(arrivals, AT_ONCE)
    monkeypatch.setattr(arriving, "_SLOW_OF_ALL", 0)
    monkeypatch.setattr(arrivals, "_slow", {"one": arrivals._callers["one"]})
    monkeypatch.setattr(arrivals._callers["one"], "slow", dict.fromkeys([found := Arriving("one", "peer")]))
    found.since, found.limit = clock.now(), asyncio.timeout(None)
    monkeypatch.setattr(clock, "now", lambda now=clock.now: now() + arriving._SLOW)  # the four are slow
    arrivals.begin("one", "peer")
    assert arrivals._timer is not None
    assert arrivals._timer.when() - asyncio.get_running_loop().time() > arriving._LONG / 2


class Reading:
    """Calls whose requests do not come, and some whose request has come."""

    def __init__(self) -> None:
        self._requests = requests.Requests(1 << 20)
        self.silent: list[asyncio.Task[bytes]] = []

    def _begin(self, context: Silent, who: str) -> asyncio.Task[bytes]:
        token = caller.set(who)
        task = asyncio.ensure_future(self._requests.receiver(ONE)(made(context)))
        caller.reset(token)
        return task

    async def sent(self, who: str = "one") -> bytes:
        async with asyncio.timeout(5):
            return await self._begin(Silent(b"sent"), who)

    def begin(self, number: int, who: str = "one") -> None:
        self.silent += [self._begin(Silent(), who) for _ in range(number)]

    def ended(self) -> list[int]:
        return [index for index, each in enumerate(self.silent) if each.done()]


@pytest.fixture
async def reading() -> AsyncIterator[Reading]:
    found = Reading()
    yield found
    for each in found.silent:
        each.cancel()
    await asyncio.wait(found.silent)


@pytest.mark.usefixtures("_soon")
async def test_the_oldest_ends_where_silent_ones_take_all_places_for_long(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "_LONG", 0.2)
    reading.begin(MOST)
    assert await reading.sent() == b"sent"
    await asyncio.sleep(0)
    assert reading.ended() == [SLOW_OF_ONE // 2], "none of the oldest half"
    with pytest.raises(RowgateError, match="others waited for its place") as caught:
        await reading.silent[SLOW_OF_ONE // 2]
    assert caught.value.reason == Reason.QUOTA_EXCEEDED
    assert caught.value.metadata["outcome"] == "NOT_RUN"


@pytest.mark.usefixtures("_soon")
async def test_silent_ones_that_hold_up_nobody_are_left_alone(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "_LONG", 0.02)
    reading.begin(MOST - 1)
    await asyncio.sleep(0.1)
    assert await reading.sent() == b"sent"
    assert not reading.ended()


@pytest.mark.usefixtures("_soon")
async def test_who_has_the_most_slow_ones_makes_way_for_others(
    reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arriving, "_SLOW_OF_ALL", 3)
    monkeypatch.setattr(arriving, "_LONG", 0.2)
    reading.begin(AT_ONCE + 3, "many")
    await asyncio.sleep(0.05)
    reading.begin(AT_ONCE, "few")
    assert await reading.sent("few") == b"sent"
    await asyncio.sleep(0)
    assert reading.ended() == [1]
