"""Requests that arrive, a few of a caller's at a time: grpc unpacks each as its last octet comes, however large it is.

The others of the caller wait for their turn, in order. What arrives slowly holds up none of them, but there are few of
those as well, as any number might be complete at the same moment. Where they are too many, one of them ends that has
been at it for long: who was frozen while he sent, or sends nothing at all, does not keep the others out. It is none of
the oldest half, so that large ones on a slow link come to their end, one after the other.
"""

from __future__ import annotations

import asyncio
from contextvars import Context

from rowgate_server.engines import clock

_AT_ONCE = 4
"""Requests of one caller that may arrive at the same time."""

_SLOW = 0.02
"""Seconds after which one that still arrives is slow: it holds no others up, and is one of the few that may be."""

_SLOW_OF_ONE = 8
_SLOW_OF_ALL = 24

_LONG = 5.0
"""Seconds after which a slow one ends where others need its place."""

LIMIT = f"{_AT_ONCE + _SLOW_OF_ONE} requests of a caller that arrive at a time, {_SLOW_OF_ALL} slow ones of all callers"


class Arriving:
    """One request.

    Attributes:
        who: whose it is.
        peer: over which connection it comes.
        since: when it began to arrive.
        turn: what it has to wait for first, if anything.
        limit: ends it, once it arrives.
        made_way: it has ended for others.
    """

    __slots__ = ("limit", "made_way", "peer", "since", "turn", "who")

    def __init__(self, who: str, peer: str) -> None:
        self.who = who
        self.peer = peer
        self.since = 0.0
        self.turn: asyncio.Future[None] | None = None
        self.limit: asyncio.Timeout | None = None
        self.made_way = False


class _Caller:
    """Those of one caller, each the longest first; of those that wait, its connections come in turns."""

    __slots__ = ("quick", "slow", "waiting")

    def __init__(self) -> None:
        self.quick: dict[Arriving, None] = {}
        self.slow: dict[Arriving, None] = {}
        self.waiting: dict[str, dict[Arriving, None]] = {}

    def __bool__(self) -> bool:
        return bool(self.quick or self.slow or self.waiting)


class Arrivals:
    """Those of all callers."""

    def __init__(self) -> None:
        self._callers: dict[str, _Caller] = {}
        self._held_up: dict[str, _Caller] = {}
        """Those of them of whom any waits."""
        self._slow: dict[str, _Caller] = {}
        """Those with slow ones."""
        self._slow_ones = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, who: str, peer: str) -> Arriving:
        """A request is to arrive, now or when its turn has come; `end` it."""
        arriving = Arriving(who, peer)
        caller = self._callers.get(who)
        if caller is None:
            caller = self._callers[who] = _Caller()
        if len(caller.quick) < _AT_ONCE and not caller.waiting:
            arriving.since = clock.now()
            caller.quick[arriving] = None
        else:
            arriving.turn = asyncio.get_running_loop().create_future()
            caller.waiting.setdefault(peer, {})[arriving] = None
            self._held_up[who] = caller
            self._serve(who, caller)
        return arriving

    def end(self, arriving: Arriving) -> None:
        """It is there, or will never be."""
        who = arriving.who
        caller = self._callers.get(who)
        if caller is None:  # it has made way
            return
        if arriving in caller.slow:
            self._no_longer_slow(arriving, caller)
            self._serve_all()
        elif arriving in caller.quick:
            del caller.quick[arriving]
            self._serve(who, caller)
        elif arriving in (waiting := caller.waiting.get(arriving.peer, {})):
            del waiting[arriving]
            if not waiting:
                del caller.waiting[arriving.peer]
            if not caller.waiting:
                del self._held_up[who]
        if not caller:
            del self._callers[who]

    def _serve(self, who: str, caller: _Caller) -> None:
        """Give turns to those of a caller who wait, while there is room."""
        while caller.waiting and (len(caller.quick) < _AT_ONCE or self._pass_by(who, caller)):
            arriving = next(iter(next(iter(caller.waiting.values()))))
            self._has_its_turn(arriving, caller)
            if arriving.turn is not None and not arriving.turn.done():
                arriving.since = clock.now()
                caller.quick[arriving] = None
                arriving.turn.set_result(None)
        if caller.waiting:
            self._look_at(self._due(caller))

    def _has_its_turn(self, arriving: Arriving, caller: _Caller) -> None:
        # The connection's next one comes behind those of others.
        left = caller.waiting.pop(arriving.peer)
        del left[arriving]
        if left:
            caller.waiting[arriving.peer] = left
        if not caller.waiting:
            del self._held_up[arriving.who]

    def _pass_by(self, who: str, caller: _Caller) -> bool:
        """Hold up no others for the oldest, if it is slow and may be."""
        oldest = next(iter(caller.quick))
        if oldest.since > clock.now() - _SLOW:
            return False
        crowd = self._crowd(caller)
        if crowd is not None and not self._make_way(crowd):
            return False
        del caller.quick[oldest]
        caller.slow[oldest] = None
        self._slow[who] = caller
        self._slow_ones += 1
        return True

    def _crowd(self, caller: _Caller) -> _Caller | None:
        """Who has too many slow ones for this caller to have another; None: nobody."""
        if len(caller.slow) >= _SLOW_OF_ONE:
            return caller
        if self._slow_ones >= _SLOW_OF_ALL:
            return max(self._slow.values(), key=lambda each: len(each.slow))
        return None

    def _make_way(self, crowd: _Caller) -> bool:
        """End the oldest slow one of a caller's younger half, if it has been at that for long."""
        some = self._may_end(crowd)
        if some is None or some.limit is None or some.since > clock.now() - _LONG:
            return False
        some.made_way = True
        some.limit.reschedule(asyncio.get_running_loop().time())
        self._no_longer_slow(some, crowd)
        return True

    @staticmethod
    def _may_end(crowd: _Caller) -> Arriving | None:
        # One whose time is just over can't be ended once more.
        arriving = [each for each in crowd.slow if each.limit is not None and not each.limit.expired()]
        return arriving[len(arriving) // 2] if arriving else None

    def _no_longer_slow(self, arriving: Arriving, caller: _Caller) -> None:
        del caller.slow[arriving]
        self._slow_ones -= 1
        if not caller.slow:
            del self._slow[arriving.who]

    def _due(self, caller: _Caller) -> float:
        """When there may be room for who waits."""
        due = next(iter(caller.quick)).since + _SLOW
        if due > clock.now():
            return due
        crowd = self._crowd(caller)
        some = None if crowd is None else self._may_end(crowd)
        return due if some is None else some.since + _LONG

    def _look_at(self, due: float) -> None:
        """Look at all who wait at that time, or before it; not over and over."""
        when = max(due, clock.now() + _SLOW)
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        # What ends is not about the call that waits.
        self._timer = asyncio.get_running_loop().call_at(when, self._look, context=Context())

    def _look(self) -> None:
        self._timer = None
        self._serve_all()

    def _serve_all(self) -> None:
        """Who has the fewest slow ones comes first."""
        for who, caller in sorted(self._held_up.items(), key=lambda each: len(each[1].slow)):
            self._serve(who, caller)
