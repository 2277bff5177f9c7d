"""Looks at a file on a thread that is kept for that.

A new thread for each look would first have to be given its time: beside sixteen statements on two cores that took up to
half a second, and a kept one some milliseconds. While a look takes long, nobody begins another: a file that does not
answer costs one thread.

What a look still waits for is the interpreter, and the locks that SQLite has for all connections of a process: up to
0.8 s beside 128 statements on two cores. The header itself would be there at once; but whoever closes a file that
SQLite has locked drops these locks (section 2.2 of https://www.sqlite.org/howtocorrupt.html).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from queue import SimpleQueue
from threading import Thread

_Asked = SimpleQueue[asyncio.Future[None] | None]


class Probing:
    """Has the thread look, one look at a time.

    Args:
        look: whatever it raises is why the file can't be used.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._asked: _Asked | None = None
        self._looking: asyncio.Future[None] | None = None

    async def ask(self) -> None:
        """Look, or wait for the look that somebody began and then gave up."""
        if self._looking is None or self._looking.done():
            if self._asked is None:
                self._asked = SimpleQueue()
                # The interpreter does not wait for it at its end.
                Thread(target=_answer, args=(self._asked, self._look), name="rowgate-probe", daemon=True).start()
            self._looking = asyncio.get_running_loop().create_future()
            self._asked.put(self._looking)
        await asyncio.shield(self._looking)

    def drop(self) -> None:
        """Let the thread end when it comes to that."""
        if self._looking is not None:
            self._looking.cancel()
        if self._asked is not None:
            self._asked.put(None)
        self._asked = None


def _answer(asked: _Asked, look: Callable[[], None]) -> None:
    """What the thread does."""
    while (looking := asked.get()) is not None:
        error: Exception | None = None
        try:
            look()
        except Exception as raised:  # noqa: BLE001 - whoever asked is told
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop has ended
            looking.get_loop().call_soon_threadsafe(_tell, looking, error)


def _tell(looking: asyncio.Future[None], error: Exception | None) -> None:
    if looking.done():
        return
    if error is None:
        looking.set_result(None)
    else:
        looking.set_exception(error)
