"""Who has how many of the transactions that may be open on one pool, and who makes room for whom.

One more than may be open is refused at once, unless another caller has so many that one fewer would still be as many
as who asks would have. Then that caller makes room: with one that has been idle for 4 s, which ends; or with the next
that is over, which who asks waits for, for a second. So a caller who is alone may have all of them, and nobody loses
what he works in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from rowgate_server.core.transactions.held import HeldTransaction
from rowgate_server.engines import clock
from rowgate_server.engines.pauses import PAUSE

_PATIENCE = 1.0
"""Seconds that one waits who is worse off."""


class Place:
    """One of a pool's open transactions; `held` once it has begun."""

    __slots__ = ("caller", "ending", "held")

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.held: HeldTransaction | None = None
        self.ending = False

    def idle_since(self) -> float | None:
        """Since when it waits for its caller, if it does, and can be ended."""
        return None if self.held is None or self.ending else self.held.idle_since


class _Waiting(NamedTuple):
    caller: str
    granted: asyncio.Future[Place]


class Share:
    """Those of one pool."""

    def __init__(self) -> None:
        self._places: set[Place] = set()
        self._waiting: deque[_Waiting] = deque()

    def __len__(self) -> int:
        return len(self._places)

    async def take(self, caller: str, most: int) -> Place | None:
        """A place for a caller, where so many may be open; None: there is none."""
        if len(self._places) < most:
            return self._give(caller)
        wanted = 1 + self._held_by(caller) + sum(each.caller == caller for each in self._waiting)
        richest = max({each.caller for each in self._places}, key=self._held_by, default=caller)
        if self._held_by(richest) <= wanted:
            return None
        self._end_idle(richest)
        waiting = _Waiting(caller, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            async with asyncio.timeout(_PATIENCE):
                return await waiting.granted
        except BaseException as error:
            if waiting.granted.done() and not waiting.granted.cancelled():  # it came as this left
                self.release(waiting.granted.result())
            if isinstance(error, TimeoutError):
                return None
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def release(self, place: Place) -> None:
        """Its transaction is over: the place goes to who waits for one."""
        self._places.discard(place)
        while self._waiting:
            caller, granted = self._waiting.popleft()
            if not granted.done():
                granted.set_result(self._give(caller))
                return

    def _give(self, caller: str) -> Place:
        place = Place(caller)
        self._places.add(place)
        return place

    def _held_by(self, caller: str) -> int:
        return sum(each.caller == caller and not each.ending for each in self._places)

    def _end_idle(self, caller: str) -> None:
        """The one of that caller's that has been idle for the longest."""
        idle = [(since, each) for each in self._places if each.caller == caller and (since := each.idle_since())]
        since, place = min(idle, key=lambda each: each[0], default=(clock.now(), None))
        if place is not None and place.held is not None and clock.now() - since >= PAUSE:
            place.ending = True
            place.held.give_way(PAUSE)
