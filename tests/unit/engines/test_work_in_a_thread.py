"""What is much work is done in one thread: of each caller's in order, and of all callers' by turns."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Coroutine
from contextvars import ContextVar, copy_context
from typing import TypeVar

import pytest

from rowgate_server.engines.beside import Slices, beside, slices_beside
from rowgate_server.engines.caller import caller

who: ContextVar[str] = ContextVar("who")
_T = TypeVar("_T")


def task_of(name: str, work: Coroutine[None, None, _T]) -> asyncio.Task[_T]:
    """Work that is done for a caller."""
    context = copy_context()
    context.run(caller.set, name)
    return context.run(asyncio.create_task, work)


async def test_pieces_wait_for_each_other_in_order() -> None:
    order: list[int] = []
    first, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(number: int) -> int:
        if number == 0:
            loop.call_soon_threadsafe(begun.set)
            first.wait()
        order.append(number)
        return threading.get_ident()

    pieces = [asyncio.create_task(beside(work, number)) for number in range(4)]
    await begun.wait()
    pieces[2].cancel()
    await asyncio.sleep(0)
    assert order == []
    first.set()
    threads = await asyncio.gather(*pieces, return_exceptions=True)
    assert order == [0, 1, 3], "what its caller no longer waits for is not begun"
    assert isinstance(threads.pop(2), asyncio.CancelledError)
    assert len(set(threads)) == 1
    assert threading.get_ident() not in threads


async def test_it_knows_whose_it_is_and_tells_what_went_wrong() -> None:
    who.set("its caller")
    assert await beside(who.get) == "its caller"
    with pytest.raises(ZeroDivisionError):
        await beside(lambda: 1 / 0)


async def test_who_has_little_work_waits_for_one_piece_of_who_has_much() -> None:
    order: list[str] = []
    others_wait, begun = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def work(name: str) -> None:
        if not order:
            loop.call_soon_threadsafe(begun.set)
            others_wait.wait()
            until = time.thread_time() + 0.02
            while time.thread_time() < until:
                pass
        order.append(name)

    much = [task_of("much", beside(work, name)) for name in ("first", "second", "third")]
    await begun.wait()
    little = [task_of("little", beside(work, "little")) for _ in range(2)]
    await asyncio.sleep(0)
    others_wait.set()
    await asyncio.gather(*much, *little)
    assert order == ["first", "little", "little", "second", "third"]


async def test_what_is_long_is_interrupted_for_others() -> None:
    done = threading.Event()

    def long() -> Slices[bool]:
        until = time.monotonic() + 5
        while not done.is_set() and time.monotonic() < until:
            yield
        return done.is_set()

    first = task_of("much", slices_beside(long()))
    await asyncio.sleep(0)
    await task_of("little", beside(done.set))
    assert await first


async def test_what_nobody_waits_for_is_not_gone_on_with() -> None:
    begun = asyncio.Event()
    loop = asyncio.get_running_loop()

    def endless() -> Slices[None]:
        loop.call_soon_threadsafe(begun.set)
        while True:
            yield

    task = asyncio.create_task(slices_beside(endless()))
    await begun.wait()
    task.cancel()
    assert await beside(lambda: "the next of the same caller") == "the next of the same caller"
