"""A database that answered is not called down because the event loop was not there to hear it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from unit.engines.clock import ClockLoop, now, on_the_clock
from unit.engines.scripted_driver import ScriptedDriver, Step, never

from rowgate_server.engines.attended import Attended
from rowgate_server.engines.availability import Availability


class Probed:
    """A scripted database whose probe may take 2 s, and the changes that were told."""

    def __init__(self, probing: Step) -> None:
        driver = ScriptedDriver()
        driver.probing = probing
        self.availability = Availability("db", driver, interval=10, timeout=2)
        self.changes: list[bool] = []
        self.availability.listen(self.changes.append)


def hold(seconds: float) -> None:
    """Time passes while the loop does nothing else."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, ClockLoop)
    loop.move(seconds)


def in_rounds(rounds: int, seconds: float, each: Callable[[], None] = lambda: None) -> Step:
    """An answer that takes several rounds, each of so many seconds; something is done at the beginning of each."""

    async def answer() -> None:
        for _ in range(rounds):
            asyncio.get_running_loop().call_soon(each)
            await asyncio.sleep(seconds)

    return answer


@pytest.mark.parametrize("begins", [0.0, 0.1, 0.52])
@on_the_clock
async def test_a_probe_outlasts_a_loop_that_was_held_for_longer_than_it_may_take(begins: float) -> None:
    probed = Probed(in_rounds(6, 0.1))
    probe = asyncio.create_task(probed.availability.probe())
    await asyncio.sleep(begins)
    hold(5)
    assert await probe is None
    assert probed.changes == [True]


@on_the_clock
async def test_an_answer_that_comes_in_the_last_moment_is_heard_though_the_loop_was_held_then() -> None:
    probed = Probed(in_rounds(2, 0.99))
    probe = asyncio.create_task(probed.availability.probe())
    await asyncio.sleep(1.96)
    hold(5)
    assert await probe is None


@on_the_clock
async def test_a_probe_each_of_whose_rounds_is_late_is_heard_out() -> None:
    """As on a machine with far too much to do."""
    probed = Probed(in_rounds(8, 0.001, each=lambda: hold(0.7)))
    assert await probed.availability.probe() is None
    assert probed.changes == [True]


@on_the_clock
async def test_a_silent_database_is_found_down_in_time_however_the_loop_was_held() -> None:
    probed = Probed(never)
    began = now()
    probe = asyncio.create_task(probed.availability.probe())
    await asyncio.sleep(0.5)
    hold(5)
    assert isinstance(await probe, TimeoutError)
    assert now() - began == pytest.approx(2 + 5, abs=0.07)
    assert probed.changes == [False]


@on_the_clock
async def test_a_silent_database_is_found_down_by_a_loop_that_is_always_late() -> None:
    async def again_and_again() -> None:
        while True:
            hold(0.2)
            await asyncio.sleep(0.001)

    probed, began = Probed(never), now()
    busy = asyncio.create_task(again_and_again())
    assert isinstance(await probed.availability.probe(), TimeoutError)
    assert now() - began < 2 * 2 * 0.2 * 16 + 1
    busy.cancel()


@pytest.mark.parametrize("seconds", [0.01, 0.05, 0.13, 2.0])
@on_the_clock
async def test_while_nothing_holds_the_loop_it_is_an_ordinary_timeout(seconds: float) -> None:
    began = now()
    with pytest.raises(TimeoutError):
        async with Attended(seconds):
            await never()
    assert now() - began == pytest.approx(seconds)


@on_the_clock
async def test_what_ends_in_time_leaves_no_timer_behind() -> None:
    async with Attended(1):
        await asyncio.sleep(0.3)
    await asyncio.sleep(5)
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


@on_the_clock
async def test_a_cancellation_from_elsewhere_is_no_timeout() -> None:
    async def wait() -> None:
        async with Attended(1):
            await never()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0.5)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()
