"""What is under way when the word to stop comes: it is given up, unless it is over."""

from __future__ import annotations

import asyncio
import signal

import pytest

from rowgate_server.workers.told import Told


async def _five() -> int:
    await asyncio.sleep(0)
    return 5


async def test_work_that_ends_first_is_what_it_came_to() -> None:
    assert await Told().unless_stopped(_five()) == 5


async def test_work_that_fails_fails() -> None:
    async def failing() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        await Told().unless_stopped(failing())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_the_word_to_stop_cancels_it(number: signal.Signals) -> None:
    told, ended = Told(), asyncio.Event()

    async def lasting() -> int:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return 5

    waiting = asyncio.create_task(told.unless_stopped(lasting()))
    await asyncio.sleep(0)
    signal.raise_signal(number)
    assert await waiting is None
    assert ended.is_set()


async def test_work_that_does_not_end_when_cancelled_is_waited_for_no_longer() -> None:
    told, over = Told(), asyncio.Event()

    async def refusing() -> int:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            await over.wait()
        return 5

    told.tell(signal.SIGTERM)
    assert await told.unless_stopped(refusing()) is None
    over.set()
