"""What is much work is done in one thread, in order, whoever asks."""

from __future__ import annotations

import asyncio
import threading
from contextvars import ContextVar

import pytest

from rowgate_server.engines.beside import beside

who: ContextVar[str] = ContextVar("who")


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
