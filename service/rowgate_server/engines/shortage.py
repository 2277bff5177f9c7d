"""Waits for a connection of the pool's own to come free, where the server has no room for more.

A server allows so many connections, and others use it too. As long as the pool has some in use, or in the making, one
of these is about to come free: whoever was to have a new one waits for it, in order, instead of being told that the
database cannot be reached. The first of them looks now and then whether there is room by now; the others don't ask a
full server again.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, NamedTuple, TypeVar

from rowgate_server.engines import clock
from rowgate_server.engines.admission import Asker

_T = TypeVar("_T")

_AGAIN = 0.25
"""Seconds from one look to the next."""


class _Waiter(NamedTuple, Generic[_T]):
    caller: str
    since: float
    turn: asyncio.Future[_T]


class Shortage(Generic[_T]):
    """Those of one pool.

    Args:
        is_full: whether an error says that the server has no room for more.
        wanted: for how many the pool has a connection, or is to have one.
        spare: one that has come free already, if there is one.
        keep: what to do with one that comes too late.
        short: told of the error that somebody waits for.
        patience: the longest that anyone waits, in seconds.

    Attributes:
        waits: told that somebody begins to wait.
    """

    def __init__(
        self,
        is_full: Callable[[Exception], bool],
        wanted: Callable[[], int],
        spare: Callable[[], _T | None],
        keep: Callable[[_T], None],
        short: Callable[[Exception], None],
        patience: float,
    ) -> None:
        self._is_full = is_full
        self._wanted = wanted
        self._spare = spare
        self._keep = keep
        self._short = short
        self._patience = patience
        self.waits: Callable[[], None] = _nothing
        self._waiting: deque[_Waiter[_T]] = deque()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def waiting_of(self, asker: Asker) -> int:
        """How many of its caller's wait: each has a place of the pool's, and no connection."""
        return sum(each.caller == asker.caller for each in self._waiting)

    def callers(self, seconds: float) -> set[str]:
        """Who has waited for so long."""
        by = clock.now() - seconds
        return {each.caller for each in self._waiting if each.since <= by}

    def others_wait(self, asker: Asker, seconds: float) -> bool:
        """Whether others than its caller have waited for so long."""
        return bool(self.callers(seconds) - {asker.caller})

    def give(self, connection: _T) -> bool:
        """Give one that has come free to who has waited for the longest; False: nobody waits."""
        if not self._waiting:
            return False
        self._waiting.popleft().turn.set_result(connection)
        return True

    async def make(self, asker: Asker, new: Callable[[], Awaitable[_T]]) -> _T:
        """A new connection, or one that has come free, for whom it is.

        Raises:
            Exception: what `new` raises.
        """
        if not self._waiting:
            try:
                return await new()
            except Exception as error:
                found = self._spare()  # while it was asked in vain
                if found is not None:
                    return found
                if not (self._is_full(error) and self._may_come_free(1)):
                    raise
                self._short(error)
        waiter = _Waiter(asker.caller, clock.now(), asyncio.get_running_loop().create_future())
        self._waiting.append(waiter)
        self.waits()
        turn = waiter.turn
        try:
            made = await self._wait(waiter, new)
        except BaseException:
            if turn.done():
                self._keep(turn.result())
            raise
        finally:
            if not turn.done():
                self._waiting.remove(waiter)
        if turn.done() and turn.result() is not made:
            self._keep(turn.result())
        return made

    async def _wait(self, waiter: _Waiter[_T], new: Callable[[], Awaitable[_T]]) -> _T:
        turn, until = waiter.turn, waiter.since + self._patience
        while True:
            await asyncio.wait({turn}, timeout=_AGAIN)
            if turn.done():
                return turn.result()
            last = clock.now() >= until or not self._may_come_free()
            if not last and self._waiting[0] is not waiter:
                continue
            try:
                return await new()
            except Exception as error:
                if turn.done():
                    return turn.result()
                if last or not self._is_full(error):
                    raise

    def _may_come_free(self, newcomers: int = 0) -> bool:
        """Whether any but those who wait, and these, has a connection, or one in the making."""
        return self._wanted() > len(self._waiting) + newcomers


def _nothing() -> None:
    """Nobody is told."""
