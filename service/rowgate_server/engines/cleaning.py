"""Wipes sessions clean, and ends what still runs on those that are dropped; within a bound, as their places wait.

A kill that is not acknowledged within it costs the connection, and is tried again behind that: a statement that nobody
waits for must not run on because the database, or the way to it, was silent for a while.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from rowgate_server.engines.driver import Session
from rowgate_server.observability.metrics import DatabaseMetrics

_AGAIN, _TRIES, _PER_TRY = 0.5, 20, 2.0
"""Seconds between kills behind the first, how many, and seconds for each."""


class Cleaner:
    """Cleans the sessions of one database.

    Args:
        bound: seconds for one session.
        metrics: count what fails.
    """

    def __init__(self, bound: float, metrics: DatabaseMetrics) -> None:
        self._bound = bound
        self._metrics = metrics
        self._behind: set[asyncio.Task[None]] = set()

    async def clean(self, session: Session, *, kill: bool) -> str:
        """Reset a session; or kill what runs in it.

        Returns:
            Why its connection can't be used again, as one of `INVALIDATED`; empty where it can.
        """
        unfit = "reset_failed" if not kill else "dead" if session.lost() else "killed"
        try:
            async with asyncio.timeout(self._bound):
                if kill:
                    await session.kill()
                else:
                    await session.reset()
                    self._metrics.connections.resets += 1
                    return ""
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it was, it is not to be used again
            self._metrics.cleanup_failed(error, kill=kill)
            if kill:
                task = asyncio.create_task(self._kill_behind(session), name="rowgate-kill")
                self._behind.add(task)
                task.add_done_callback(self._behind.discard)
        return unfit

    @staticmethod
    def once_free(session: Session, free: Callable[[], None]) -> None:
        """Free the place of a session that was closed: at once, unless something of it still runs in this process.

        Callers could pile up any number of busy threads otherwise, each of them with a core and a gigabyte.
        """
        occupied = session.occupies()
        if occupied is None:
            free()
        else:
            occupied.add_done_callback(lambda _: free())

    async def close(self) -> None:
        """Leave what does not answer to the server's own limits."""
        for task in self._behind:
            task.cancel()
        if self._behind:
            await asyncio.wait(self._behind)

    @staticmethod
    async def _kill_behind(session: Session) -> None:
        for _ in range(_TRIES):
            await asyncio.sleep(_AGAIN)
            try:
                async with asyncio.timeout(_PER_TRY):
                    await session.kill()
            except Exception:  # noqa: BLE001, S112 - it was logged and counted when it failed first
                continue
            return
