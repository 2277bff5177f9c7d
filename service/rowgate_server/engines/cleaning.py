"""Wipes sessions clean, and ends what still runs on those that are dropped; within a bound, as their places wait.

A statement that has not ended within it costs the connection, and is killed again behind that: what nobody waits for
must not run on because the database, or the way to it, was silent for a while. A server that is silent holds no place.
One that answers, and cannot stop the statement, does: callers could pile up any number of them otherwise.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from rowgate_server.engines import clock
from rowgate_server.engines.driver import Session
from rowgate_server.observability.metrics import DatabaseMetrics

_LOOK = 0.01
"""Seconds until the first look whether a statement has ended."""
_AGAIN, _TRIES, _PER_TRY = 0.5, 20, 2.0
"""Seconds between kills behind the bound, how many may fail, and seconds for each."""


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
        self._running_on: dict[Session, asyncio.Future[None]] = {}
        self._closed = False

    async def clean(self, session: Session, *, kill: bool) -> str:
        """Reset a session; or kill what runs in it.

        Returns:
            Why its connection can't be used again, as one of `INVALIDATED`; empty where it can.
        """
        if kill:
            unfit = "dead" if session.lost() else "killed"
            await self._kill(session)
            return unfit
        error = await self._failure(session.reset())
        if error is not None:
            self._metrics.cleanup_failed(error, kill=False)
            return "reset_failed"
        self._metrics.connections.resets += 1
        return ""

    def once_free(self, session: Session, free: Callable[[], None]) -> None:
        """Free the place of a session that was closed: at once, unless what ran on it still runs.

        Callers could pile up any number of statements otherwise, each of them with a core and a gigabyte.
        """
        occupied = self._running_on.pop(session, None) or session.occupies()
        if occupied is None:
            free()
        else:
            occupied.add_done_callback(lambda _: free())

    async def close(self) -> None:
        """Leave what does not answer to the server's own limits."""
        self._closed = True  # a driver may make an error of its own of a cancellation
        for task in self._behind:
            task.cancel()
        if self._behind:
            await asyncio.wait(self._behind)

    async def _failure(self, work: Awaitable[None]) -> BaseException | None:
        """What kept it from being done within the bound."""
        try:
            async with asyncio.timeout(self._bound):
                await work
        except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001 - whatever it was, it is not to be used again
            return error
        return None

    async def _kill(self, session: Session) -> None:
        """Kill what runs, and wait until it is gone; behind the bound, in a task."""
        heard = False

        async def until_gone() -> None:
            nonlocal heard
            pause = _LOOK
            while not await session.kill():
                heard = True
                await asyncio.sleep(pause)
                pause = min(2 * pause, _AGAIN)

        error = await self._failure(until_gone())
        if error is not None:
            told = TimeoutError("the database knows that it is to end, and it still runs") if heard else error
            self._metrics.cleanup_failed(told, kill=True)
            over = asyncio.get_running_loop().create_future()
            if heard:
                self._running_on[session] = over
            task = asyncio.create_task(self._kill_behind(session, over), name="rowgate-kill")
            self._behind.add(task)
            task.add_done_callback(self._behind.discard)

    async def _kill_behind(self, session: Session, over: asyncio.Future[None]) -> None:
        """Kill it again for as long as the server answers that it still runs; `over` once that can't be said."""
        tries, since = _TRIES, clock.now()
        try:
            while tries and not self._closed:
                await asyncio.sleep(_AGAIN)
                gone: bool | None = None
                with contextlib.suppress(Exception):  # it was logged and counted when it failed first
                    async with asyncio.timeout(_PER_TRY):
                        gone = await session.kill()
                if gone:
                    self._metrics.killed_late(clock.now() - since)
                    return
                if gone is None:
                    tries -= 1
                    _settle(over)
        finally:
            _settle(over)


def _settle(over: asyncio.Future[None]) -> None:
    if not over.done():
        over.set_result(None)
