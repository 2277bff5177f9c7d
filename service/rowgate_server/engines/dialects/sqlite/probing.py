"""Looks at a file on a thread that is kept for that.

A new thread for each look would first have to be given its time: beside sixteen statements on two cores that took up to
half a second, and a kept one some milliseconds. While a look takes long, nobody begins another: a file that does not
answer costs one thread.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any

from rowgate_server.engines.dialects.sqlite.connection import Connection


class Probing:
    """Has the thread look, one look at a time.

    Args:
        look: whatever it raises is why the file can't be used.
    """

    def __init__(self, look: Callable[[], None]) -> None:
        self._look = look
        self._thread: Any = None
        self._looking: asyncio.Future[None] | None = None

    async def ask(self) -> None:
        """Look, or wait for the look that somebody began and then gave up."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.ensure_future(self._begin())
        await asyncio.shield(self._looking)

    def drop(self) -> None:
        """Let the thread end when it comes to that."""
        if self._looking is not None:
            self._looking.cancel()
        if self._thread is not None:
            self._thread.stop()
        self._thread = None

    async def _begin(self) -> None:
        if self._thread is None:
            # The connection has a thread, and no file: the look opens that anew.
            self._thread = await Connection(lambda: sqlite3.connect(":memory:", check_same_thread=False))
        await self._thread._execute(self._look)
