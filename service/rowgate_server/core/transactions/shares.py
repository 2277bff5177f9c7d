"""Who has how many of the transactions that may be open on one pool, and who makes room for whom.

One more than may be open is refused at once, unless another caller has so many that one fewer would still be as many
as who asks would have. Then that caller makes room: with one that has been idle for 4 s, which ends; or with the next
that is over. Who asks waits for that, for 5 s, and no longer than the deadline says. So a caller who is alone may have
all of them, and nobody loses what he works in.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict, deque
from contextvars import Context
from typing import NamedTuple

from rowgate_server.core.transactions.held import HeldTransaction
from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.pauses import PAUSE

_PATIENCE, _LOOK = 5.0, 0.25
"""Seconds that one waits who is worse off, and from one look at who is idle, for all who wait, to the next."""


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
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._places)

    async def take(self, caller: str, most: int, deadline: Deadline) -> Place | None:
        """A place for a caller, where so many may be open; None: there is none, or none came free in time."""
        if len(self._places) < most:
            return self._give(caller)
        if _richer(self._held(), caller, self._waiting_for(caller)) is None:
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
        self._look_later()
        await asyncio.wait({waiting.granted}, timeout=max(0.0, until - clock.now()))
        return waiting.granted.result() if waiting.granted.done() else None

    def _look_later(self) -> None:
        """Look at who is idle, for all who wait, as long as anybody does."""
        if self._timer is None and self._waiting:
            loop = asyncio.get_running_loop()
            # What comes of it is not about the call that waits.
            self._timer = loop.call_later(_LOOK, self._look, loop.time() + _LOOK, context=Context())

    def _look(self, due: float) -> None:
        self._timer = None
        # Where the gateway has stood still, who seems to be idle may have been heard of by the next look.
        if asyncio.get_running_loop().time() - due < _LOOK:
            self._make_room()
        self._look_later()

    def _make_room(self) -> None:
        """For each who waits: end the one that has been idle for the longest, if for long, of the caller with the most.

        One goes for each of a caller's, and none for those for whom one has gone already.
        """
        idle = self._idle_for_long()
        if not idle:
            return
        waiting = Counter(each.caller for each in self._waiting)
        promised = Counter(each.ends_for for each in self._places if each.ends_for is not None)
        held = self._held()
        for caller, _ in self._waiting:
            if promised[caller] >= waiting[caller]:
                continue
            richer = _richer(held, caller, promised[caller])
            if richer is not None and idle.get(richer):
                place, transaction = idle[richer].popleft()
                place.ends_for = caller
                promised[caller] += 1
                held[richer] -= 1
                transaction.give_way(PAUSE)

    def _idle_for_long(self) -> dict[str, deque[tuple[Place, HeldTransaction]]]:
        """By caller, the longest first."""
        before = clock.now() - PAUSE
        found = [
            (held.idle_since, place, held)
            for place in self._places
            if (held := place.held) is not None and held.idle_since and place.ends_for is None
        ]
        by_caller = defaultdict[str, deque[tuple[Place, HeldTransaction]]](deque)
        for since, place, held in sorted(found, key=lambda each: each[0]):
            if since <= before:
                by_caller[place.caller].append((place, held))
        return by_caller

    def _held(self) -> Counter[str]:
        """How many each caller has, without those that end."""
        return Counter(each.caller for each in self._places if each.ends_for is None)

    def _waiting_for(self, caller: str) -> int:
        return sum(each.caller == caller for each in self._waiting)


def _richer(held: Counter[str], caller: str, besides: int) -> str | None:
    """The caller with the most, if he would still have as many as this one, who is to have so many and another."""
    richest = max(held, key=held.__getitem__, default=None)
    return richest if richest is not None and held[richest] > held[caller] + besides + 1 else None
