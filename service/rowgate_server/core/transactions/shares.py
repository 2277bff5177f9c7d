"""Who has how many of the transactions that may be open on one pool, and who makes room for whom.

One more than may be open is refused at once, unless another caller has so many that one fewer would still be as many
as who asks would have. Then that caller makes room: with one that has been idle for 4 s, which ends; or with the next
that is over. Who asks waits for that, for as long as for a connection. So a caller who is alone may have all of them,
and nobody loses what he works in.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from typing import NamedTuple

from rowgate_server.core.transactions.held import HeldTransaction
from rowgate_server.engines import clock
from rowgate_server.engines.pauses import PAUSE

_PATIENCE, _LOOK = 5.0, 0.25
"""Seconds that one waits who is worse off, and from one look at who is idle to the next."""


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
        waiting = _Waiting(caller, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            return None if self._richer(waiting) is None else await self._wait(waiting)
        except BaseException:
            if waiting.granted.done():  # it came as this left
                self.release(waiting.granted.result())
            raise
        finally:
            if waiting in self._waiting:
                self._waiting.remove(waiting)

    def release(self, place: Place) -> None:
        """Its transaction is over: the place goes to who waits for one."""
        self._places.discard(place)
        if self._waiting:
            caller, granted = self._waiting.popleft()
            granted.set_result(self._give(caller))

    def _give(self, caller: str) -> Place:
        place = Place(caller)
        self._places.add(place)
        return place

    def _held_by(self, caller: str) -> int:
        return sum(each.caller == caller and not each.ending for each in self._places)

    def _richer(self, waiting: _Waiting) -> str | None:
        """The caller with the most, if he would still have as many as this one, once he has made room for him."""
        richest = max({each.caller for each in self._places}, key=self._held_by, default="")
        before = itertools.takewhile(lambda each: each is not waiting, self._waiting)
        wanted = 1 + self._held_by(waiting.caller) + sum(each.caller == waiting.caller for each in before)
        return richest if self._held_by(richest) > wanted else None

    async def _wait(self, waiting: _Waiting) -> Place | None:
        until, made_room = clock.now() + _PATIENCE, False
        while clock.now() < until and not waiting.granted.done():
            richer = None if made_room else self._richer(waiting)
            made_room = made_room or (richer is not None and self._end_idle(richer))
            await asyncio.wait({waiting.granted}, timeout=_LOOK)
        return waiting.granted.result() if waiting.granted.done() else None

    def _end_idle(self, caller: str) -> bool:
        """End the one of that caller's that has been idle for the longest, if it has been for long."""
        idle = [(since, each) for each in self._places if each.caller == caller and (since := each.idle_since())]
        since, place = min(idle, key=lambda each: each[0], default=(clock.now(), None))
        if place is None or place.held is None or clock.now() - since < PAUSE:
            return False
        place.ending = True
        place.held.give_way(PAUSE)
        return True
