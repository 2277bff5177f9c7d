"""The load generator's loops, on callers without a server."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import Awaitable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest

from bench import load
from bench.caller import Caller, NotServedError
from bench.commands import Calls, Command, Ping, Pinged, Row, Scan, Stop, Timed
from bench.load import answer, as_text, call_in_a_loop, ping_until
from bench.work import MANY_ROWS, Encoding, Kind, many_orders
from support.eventually import eventually


class _Caller(Caller):
    """Takes a turn of the loop for each call, and remembers what it was asked."""

    def __init__(self) -> None:
        self.under_way = 0
        self.most = 0
        self.keys: list[int] = []
        self.inserts = 0
        self.error: Exception | None = None
        self.pings = 0

    async def open(self) -> None:
        pass

    async def close(self) -> None:
        pass

    async def row(self, key: int) -> Sequence[Any]:
        return [key, Decimal("1.50")]

    async def point(self, key: int) -> None:
        self.under_way += 1
        self.most = max(self.most, self.under_way)
        self.keys.append(key)
        await asyncio.sleep(0)
        self.under_way -= 1
        if self.error:
            raise self.error

    async def page(self, after: int) -> None:
        await self.point(after)

    async def insert(self) -> None:
        self.inserts += 1
        await asyncio.sleep(0)

    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        if encoding is Encoding.ARROW:
            raise NotServedError
        return rows

    async def ping(self) -> None:
        self.pings += 1
        await asyncio.sleep(0)


@pytest.fixture
def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that goes on by a tenth of a millisecond each time it is looked at, however busy the machine is."""
    ticks = itertools.count()
    monkeypatch.setattr(load, "perf_counter", lambda: next(ticks) / 10_000)


async def _no_command() -> Command:
    raise AssertionError("nothing more was to be asked")


async def _ask(command: Command, caller: Caller) -> Any:
    return await answer(command, caller, _no_command)


@pytest.mark.usefixtures("ticking")
@pytest.mark.parametrize("concurrency", [1, 7])
async def test_so_many_calls_are_under_way_at_any_time(concurrency: int) -> None:
    caller = _Caller()
    timed = await call_in_a_loop(Calls(Kind.POINT, concurrency, 0.05, 1000), caller)
    assert caller.most == concurrency
    assert timed.count == len(caller.keys) > concurrency
    assert timed.elapsed >= 0.05
    assert 0 < timed.p50 <= timed.p99 <= timed.elapsed


@pytest.mark.usefixtures("ticking")
async def test_every_contender_is_asked_for_the_same_keys() -> None:
    first, second = _Caller(), _Caller()
    for caller in (first, second):
        await call_in_a_loop(Calls(Kind.POINT, 1, 0.02, 1000), caller)
    shared = min(len(first.keys), len(second.keys))
    assert first.keys[:shared] == second.keys[:shared]
    assert set(first.keys) <= set(range(1, 1001))
    assert len(set(first.keys[:50])) > 25


@pytest.mark.usefixtures("ticking")
async def test_every_page_is_full() -> None:
    caller = _Caller()
    await call_in_a_loop(Calls(Kind.PAGE, 1, 0.02, 102), caller)
    assert set(caller.keys) <= {0, 1, 2}


@pytest.mark.usefixtures("ticking")
async def test_inserts_are_inserts() -> None:
    caller = _Caller()
    timed = await _ask(Calls(Kind.INSERT, 2, 0.01, 1), caller)
    assert isinstance(timed, Timed)
    assert (timed.count, caller.keys) == (caller.inserts, [])


async def test_everybody_calls_once_however_short_the_time_is() -> None:
    timed = await call_in_a_loop(Calls(Kind.POINT, 3, 0.0, 10), _Caller())
    assert timed.count == 3


async def test_a_call_that_fails_ends_the_loop() -> None:
    caller = _Caller()
    caller.error = RuntimeError("planted")
    with pytest.raises(ExceptionGroup, match="unhandled errors") as raised:
        await call_in_a_loop(Calls(Kind.POINT, 3, 60.0, 10), caller)
    assert raised.group_contains(RuntimeError, match="planted")


async def test_a_scan_tells_its_rows() -> None:
    timed = await _ask(Scan(5, None), _Caller())
    assert (timed.count, timed.p50) == (5, timed.elapsed)
    with pytest.raises(NotServedError):
        await _ask(Scan(5, Encoding.ARROW), _Caller())


async def test_a_row_is_told_as_text() -> None:
    assert await _ask(Row(7), _Caller()) == ["7", "1.50"]
    assert as_text(datetime(2024, 1, 1, 0, 0, 37)) == "2024-01-01T00:00:37.000000"


async def test_pings_go_on_until_the_next_command() -> None:
    stop: asyncio.Future[Command] = asyncio.get_running_loop().create_future()

    def next_command() -> Awaitable[Command]:
        return stop

    caller = _Caller()
    pinging = asyncio.create_task(answer(Ping(0.001), caller, next_command))
    await eventually(lambda: caller.pings > 2, 10, "it pings")
    stop.set_result(Stop())
    pinged = await pinging
    assert isinstance(pinged, Pinged)
    assert len(pinged.seconds) > 1
    assert min(pinged.seconds) > 0


async def test_a_ping_that_could_not_start_in_time_counts_as_late() -> None:
    """Or a loop that is held for a second would show as one slow ping among fast ones."""

    async def hold_the_loop() -> None:
        await asyncio.sleep(0.01)
        time.sleep(0.2)  # noqa: ASYNC251 - that is what is to be seen
        await asyncio.sleep(0.01)

    pinged = await ping_until(hold_the_loop(), _Caller(), 0.01)
    assert sum(seconds > 0.05 for seconds in pinged.seconds) >= 10


async def test_a_ping_that_fails_is_not_lost() -> None:
    class Broken(_Caller):
        async def ping(self) -> None:
            raise RuntimeError("planted")

    with pytest.raises(ExceptionGroup) as raised:
        await ping_until(asyncio.sleep(60), Broken(), 0.001)
    assert raised.group_contains(RuntimeError, match="planted")


@pytest.mark.usefixtures("ticking")
async def test_the_first_and_the_last_page_are_where_they_are() -> None:
    for kind, key in ((Kind.FIRST_PAGE, 0), (Kind.LAST_PAGE, 900)):
        caller = _Caller()
        await call_in_a_loop(Calls(kind, 1, 0.02, 1000), caller)
        assert set(caller.keys) == {key}


async def test_who_inserts_many_rows_at_once_does_so_in_one_call() -> None:
    with pytest.raises(ExceptionGroup) as raised:
        await call_in_a_loop(Calls(Kind.MANY, 1, 0.01, 1), _Caller())
    assert raised.group_contains(NotServedError)
    assert len({order.name for order in many_orders()}) == MANY_ROWS
