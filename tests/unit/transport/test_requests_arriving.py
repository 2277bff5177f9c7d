"""Few requests of a caller arrive at a time; those sent slowly hold no others up, and there are few of them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from rowgate_server.transport.interceptors import requests
from rowgate_server.transport.interceptors.requests import Arriving, Slow

CALLS: list[Any] = [f"call {number}" for number in range(20)]


def arriving(slow: Slow | None = None) -> Arriving:
    found = Arriving(slow or Slow())
    assert all(found.begin(call) for call in CALLS[: requests._AT_ONCE])
    return found


@pytest.fixture
def _soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_SLOW", 0.01)


async def test_a_few_arrive_at_a_time_and_the_others_in_order() -> None:
    found = arriving()
    assert not found.begin(CALLS[8])
    waits = [asyncio.create_task(found.wait(call)) for call in CALLS[4:7]]
    await asyncio.sleep(0)
    waits[0].cancel()
    found.end(CALLS[2])
    await waits[1]
    assert not waits[2].done()
    found.end(CALLS[5])
    await waits[2]
    for call in CALLS:
        found.end(call)
    assert not found


async def test_one_that_leaves_as_its_turn_comes_gives_it_to_the_next() -> None:
    found = arriving()
    waits = [asyncio.create_task(found.wait(call)) for call in CALLS[4:6]]
    await asyncio.sleep(0)
    found.end(CALLS[0])
    waits[0].cancel()
    await waits[1]


@pytest.mark.usefixtures("_soon")
async def test_there_are_so_many_slow_ones_of_a_caller() -> None:
    slow = Slow()
    found = arriving(slow)
    may = requests._AT_ONCE + requests._SLOW_OF_ONE
    waits = [asyncio.create_task(found.wait(call)) for call in CALLS[4 : may + 1]]
    async with asyncio.timeout(5):
        await asyncio.gather(*waits[:-1])
    await asyncio.sleep(0.05)
    assert not waits[-1].done()
    assert slow.number == requests._SLOW_OF_ONE
    found.end(CALLS[0])
    async with asyncio.timeout(5):
        await waits[-1]
    for call in CALLS:
        found.end(call)
    assert (bool(found), slow.number) == (False, 0)


@pytest.mark.usefixtures("_soon")
async def test_there_are_so_many_slow_ones_of_all_callers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(requests, "_SLOW_OF_ALL", 3)
    slow = Slow()
    one, other = arriving(slow), arriving(slow)
    waits = [asyncio.create_task(one.wait(call)) for call in CALLS[4:7]]
    async with asyncio.timeout(5):
        await asyncio.gather(*waits)
    await asyncio.sleep(0.02)
    late = asyncio.create_task(other.wait(CALLS[4]))
    await asyncio.sleep(0.05)
    assert not late.done()
    one.end(CALLS[0])
    async with asyncio.timeout(5):
        await late
