"""Deadlines under one timer: what asyncio.timeout_at promises, kept for many at once."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import now, on_the_clock

from rowgate_server.engines.watch import Watch


def _watch() -> Watch:
    return Watch(asyncio.get_running_loop())


@on_the_clock
async def test_work_ends_at_its_deadline() -> None:
    began = now()
    with pytest.raises(TimeoutError), _watch().until(began + 2):
        await asyncio.sleep(10)
    assert now() == began + 2
    await asyncio.sleep(10)  # the cancellation that ended it is gone


@on_the_clock
async def test_work_that_is_over_in_time_is_left_alone() -> None:
    with _watch().until(now() + 2):
        await asyncio.sleep(1)
    await asyncio.sleep(10)


@on_the_clock
async def test_each_ends_at_its_own_deadline_whatever_the_order() -> None:
    watch, began = _watch(), now()

    async def work(seconds: float) -> float:
        with pytest.raises(TimeoutError), watch.until(began + seconds):
            await asyncio.sleep(100)
        return now() - began

    assert await asyncio.gather(*(work(seconds) for seconds in (3, 1, 2, 1))) == [3, 1, 2, 1]


@on_the_clock
async def test_the_timer_goes_on_for_those_that_are_left() -> None:
    watch, began = _watch(), now()
    with watch.until(began + 1):
        pass
    with pytest.raises(TimeoutError), watch.until(began + 5):
        await asyncio.sleep(100)
    assert now() == began + 5


@on_the_clock
async def test_only_what_stands_within_is_timed() -> None:
    timed = _watch().until(now() + 2)
    with timed:
        await asyncio.sleep(1)
    await asyncio.sleep(5)
    with pytest.raises(TimeoutError), timed:
        await asyncio.sleep(1)


@on_the_clock
async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    async def work() -> None:
        with _watch().until(now() + 2):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@on_the_clock
async def test_a_cancellation_that_comes_with_the_deadline_stays_one() -> None:
    async def work() -> None:
        with _watch().until(now() + 2):
            await asyncio.sleep(10)

    task = asyncio.create_task(work())
    asyncio.get_running_loop().call_later(2, task.cancel)
    with pytest.raises(asyncio.CancelledError):
        await task


@on_the_clock
async def test_an_error_of_the_works_own_is_told_as_it_is() -> None:
    with pytest.raises(KeyError), _watch().until(now() + 2):
        raise KeyError


@on_the_clock
async def test_the_innermost_deadline_decides() -> None:
    watch, began = _watch(), now()
    with watch.until(began + 5):
        with pytest.raises(TimeoutError), watch.until(began + 1):
            await asyncio.sleep(10)
        await asyncio.sleep(1)
    assert now() == began + 2
