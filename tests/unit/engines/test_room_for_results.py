"""A few large results of a caller's wait to be laid out; the next ones wait on their connections, which are few."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest
from unit.engines.clock import settle
from unit.engines.station import Station, a_station, rows

from rowgate_server.engines.beside import beside
from rowgate_server.engines.caller import caller
from rowgate_server.engines.chunks import CHUNK_CELLS


@contextmanager
def as_caller(name: str) -> Iterator[None]:
    token = caller.set(name)
    yield
    caller.reset(token)


@asynccontextmanager
async def much_of(**callers: int) -> AsyncIterator[threading.Event]:
    """So much work of theirs is under way until this is set."""
    go_on, tasks = threading.Event(), []
    for name, pieces in callers.items():
        with as_caller(name):
            tasks += [asyncio.create_task(beside(go_on.wait)) for _ in range(pieces)]
    await settle()
    try:
        yield go_on
    finally:
        go_on.set()
        await asyncio.gather(*tasks)


LARGE, SMALL = CHUNK_CELLS + 1, CHUNK_CELLS


async def answered(station: Station, number: int, seconds: float = 60) -> None:
    station.will_answer(rows(*range(number)))
    assert len((await station.run(seconds=seconds)).rows) == number


@pytest.mark.parametrize("others", [{"much": 4}, {"much": 1, "a": 5, "b": 5, "c": 5}])
async def test_a_large_one_keeps_its_connection_until_some_is_done(others: dict[str, int]) -> None:
    async with a_station() as station, much_of(**others) as go_on:
        with as_caller("much"):
            waiting = asyncio.create_task(answered(station, LARGE))
        await settle()
        assert not waiting.done()
        assert station.pool.numbers().in_use == 1
        assert not station.under_way, "nothing of it runs any more"
        go_on.set()
        await waiting


@pytest.mark.parametrize(
    ("who", "number", "others"),
    [("much", LARGE, {"much": 3}), ("much", SMALL, {"much": 4}), ("little", LARGE, {"much": 40})],
)
async def test_small_ones_and_those_of_others_do_not_wait(who: str, number: int, others: dict[str, int]) -> None:
    async with a_station() as station, much_of(**others):
        with as_caller(who):
            await answered(station, number)


async def test_none_waits_beyond_its_time() -> None:
    async with a_station() as station, much_of(much=4):
        with as_caller("much"):
            await answered(station, LARGE, seconds=0.05)


async def test_who_leaves_gives_the_connection_back() -> None:
    async with a_station() as station, much_of(much=4):
        with as_caller("much"):
            waiting = asyncio.create_task(answered(station, LARGE))
        await settle()
        waiting.cancel()
        await asyncio.wait({waiting})
        await settle()
        assert not station.pool.numbers().in_use
