"""Results wait to be laid out: a few of a caller's; what would bring more waits before it runs."""

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
from rowgate_server.errors import Outcome, Reason, RowgateError


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


async def begun(station: Station, kind: str) -> None:
    """Something that is answered whole, or as a stream."""
    if kind == "stream":
        await station.collect(seconds=60)
    elif kind == "transaction":
        async with station.transaction(seconds=60):
            pass
    else:
        station.will_answer(rows(1))
        await station.run(seconds=60)


@pytest.mark.parametrize("kind", ["statement", "transaction"])
@pytest.mark.parametrize("others", [{"much": 4}, {"much": 1, "a": 5, "b": 5, "c": 5}])
async def test_what_brings_more_waits_until_some_is_done(kind: str, others: dict[str, int]) -> None:
    async with a_station() as station, much_of(**others) as go_on:
        with as_caller("much"):
            waiting = asyncio.create_task(begun(station, kind))
        await settle()
        assert not waiting.done()
        assert station.pool.numbers().in_use == 1
        assert not any(line.startswith("execute") for line in station.driver.log)
        go_on.set()
        await waiting


@pytest.mark.parametrize(
    ("who", "kind", "others"),
    [
        ("much", "statement", {"much": 3}),
        ("little", "statement", {"much": 40}),
        ("little", "transaction", {"much": 40}),
        ("much", "stream", {"much": 4}),  # which keeps its connection while a chunk is laid out
    ],
)
async def test_others_and_streams_do_not_wait(who: str, kind: str, others: dict[str, int]) -> None:
    async with a_station() as station, much_of(**others):
        if kind == "stream":
            station.will_answer(rows(1))
        with as_caller(who):
            await begun(station, kind)


@pytest.mark.parametrize("cancelled", [True, False])
async def test_who_leaves_or_has_no_more_time_gives_the_connection_back(cancelled: bool) -> None:
    async with a_station() as station, much_of(much=4):
        with as_caller("much"):
            waiting = asyncio.create_task(station.run(seconds=60 if cancelled else 0.05))
        await settle()
        if cancelled:
            waiting.cancel()
        await asyncio.wait({waiting})
        if cancelled:
            assert waiting.cancelled()
        else:
            error = waiting.exception()
            assert isinstance(error, RowgateError)
            assert (error.reason, error.outcome) == (Reason.STATEMENT_TIMEOUT, Outcome.NOT_RUN)
        assert not station.under_way
        assert not station.pool.numbers().in_use
        with as_caller("little"):
            await begun(station, "statement")
