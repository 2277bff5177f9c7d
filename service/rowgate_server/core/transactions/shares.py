"""Who has how many of the transactions that may be open on one pool, and who makes room for whom.

One more than may be open is refused at once, unless another caller has so many that one fewer would still be as many
as who asks would have. Then that caller makes room: with one that has been idle for 4 s, which ends; or with the next
that is over. Who asks waits for that, for 5 s, and no longer than the deadline says. So a caller who is alone may have
all of them, and nobody loses what he works in.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import NamedTuple

from rowgate_server.core.transactions.held import HeldTransaction
from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.pauses import PAUSE

_PATIENCE, _LOOK = 5.0, 0.25
"""Seconds that one waits who is worse off, and from one look at who is idle to the next."""


class Place:
    """One of a pool's open transactions.

    Attributes:
        held: the transaction, once it has begun.
        ends_for: the caller for whom it ends.
    """

    __slots__ = ("caller", "ends_for", "held")

    def __init__(self, caller: str) -> None:
        self.caller = caller
        self.held: HeldTransaction | None = None
        self.ends_for: str | None = None


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

    async def take(self, caller: str, most: int, deadline: Deadline) -> Place | None:
        """A place for a caller, where so many may be open; None: there is none, or none came free in time."""
        if len(self._places) < most:
            return self._give(caller)
        if self._richer(caller, self._waiting_for(caller)) is None:
            return None
        waiting = _Waiting(caller, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        try:
            return await self._wait(waiting, min(clock.now() + _PATIENCE, deadline.at))
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

    async def _wait(self, waiting: _Waiting, until: float) -> Place | None:
        while clock.now() < until and not waiting.granted.done():
            # First: where the gateway has stood still, who seems to be idle may have been heard of by then.
            await asyncio.wait({waiting.granted}, timeout=min(_LOOK, until - clock.now()))
            if clock.now() < until and not waiting.granted.done():
                self._make_room(waiting.caller)
        return waiting.granted.result() if waiting.granted.done() else None

    def _make_room(self, caller: str) -> None:
        """End the one that has been idle for the longest, if it has been for long, of the caller with the most."""
        promised = sum(each.ends_for == caller for each in self._places)
        if promised >= self._waiting_for(caller) or (richer := self._richer(caller, promised)) is None:
            return
        idle = [(each.held, each) for each in self._places if each.caller == richer and each.ends_for is None]
        since = [(held.idle_since, held, place) for held, place in idle if held is not None and held.idle_since]
        at, held, place = min(since, key=lambda each: each[0], default=(clock.now(), None, None))
        if held is not None and place is not None and clock.now() - at >= PAUSE:
            place.ends_for = caller
            held.give_way(PAUSE)

    def _richer(self, caller: str, besides: int) -> str | None:
        """The caller with the most, if he would still have as many as this one, who is to have so many and another."""
        richest = max({each.caller for each in self._places}, key=self._held_by, default="")
        return richest if self._held_by(richest) > self._held_by(caller) + besides + 1 else None

    def _held_by(self, caller: str) -> int:
        return sum(each.caller == caller and each.ends_for is None for each in self._places)

    def _waiting_for(self, caller: str) -> int:
        return sum(each.caller == caller for each in self._waiting)
