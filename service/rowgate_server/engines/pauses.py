"""Streams and transactions of one pool that wait for their callers, and are ended while others wait for a connection.

Nobody is hurried while there is a connection for everyone. Where a line of others has stood for a moment, because the
pool is full or the server has no room for more, a stream is ended whose reader has taken nothing for 4 s, or takes
longer than a second for each message on the whole; one of many MiB has a second for each. So whoever comes is served
before `pool.wait_timeout` is over, at its default of 5 s. One at a time, and of the caller who holds the most: what
comes free may be enough.

Transactions take no more than their part of a pool, and are left alone for its sake. But all the room that the server
has may be less than that part: then one ends that has been idle for 4 s, of a caller who would still have as many
connections as one who waits.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from contextvars import Context
from typing import Protocol

from rowgate_server.engines import clock
from rowgate_server.engines.admission import Admission, Asker
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.pool")

PAUSE = 4.0
"""Seconds that a caller may leave a connection idle while others wait."""

_EACH = 1.0
"""Seconds that it may take for each message, or each MiB of a larger one."""

_MIB = 1024 * 1024

_MOMENT = 0.2
"""Seconds that a line stands before anybody is ended for it, and from one to the next."""

_ROOM = 0.5
"""Seconds from one that is ended to the next, where it is the server that has no room: it is asked now and then."""

_LATE = 1.0
"""Seconds that a look may be late. One that is later tells nothing of readers: the gateway had stood still."""


class Reader:
    """A stream's reader; `end` ends the stream."""

    __slots__ = ("_left", "_of", "_since", "due", "end", "holder")

    def __init__(self, of: Pauses, holder: Asker, end: Callable[[RowgateError], None]) -> None:
        self._of = of
        self._left = PAUSE
        self._since = self.due = 0.0
        self.holder = holder
        self.end = end

    def waits_for(self, octets: int) -> None:
        """So much is sent: it is the reader who is waited for."""
        self._since = clock.now()
        self.due = self._since + self._left + max(0.0, octets / _MIB - 1) * _EACH
        self._of.now.add(self)

    def has_taken(self) -> None:
        """It has that, if anything was sent, and is not waited for."""
        if self in self._of.now:
            self._of.now.discard(self)
            self._left = min(PAUSE, max(0.0, self.due - clock.now()) + _EACH)


class Rest:
    """A transaction's, while it is its caller's turn; `give_way` ends it, told for how long it has been idle."""

    __slots__ = ("_of", "give_way", "holder", "since")

    def __init__(self, of: Pauses, holder: Asker, give_way: Callable[[float], None]) -> None:
        self._of = of
        self.since = 0.0
        self.holder = holder
        self.give_way = give_way

    def begin(self) -> None:
        """It is its caller's turn from now on."""
        self.since = clock.now()
        self._of.resting.add(self)

    def end(self) -> None:
        """It is not any more."""
        self._of.resting.discard(self)


class Short(Protocol):
    """Who waits, with a place of the pool's, for room in the server."""

    @property
    def waiting(self) -> int:
        """How many wait."""

    def waiting_of(self, asker: Asker) -> int:
        """How many of its caller's wait."""

    def callers(self, seconds: float) -> set[str]:
        """Who has waited for so long."""

    def others_wait(self, asker: Asker, seconds: float) -> bool:
        """Whether others than its caller have waited for so long."""


class Pauses:
    """Those of one pool.

    Args:
        places: the pool's, and who waits for them.
        short: who waits for room in the server.
        database: its name, for who is told of an end.
    """

    def __init__(self, places: Admission, short: Short, database: str) -> None:
        self.now: set[Reader] = set()
        self.resting: set[Rest] = set()
        self._places = places
        self._short = short
        self._ended_at = float("-inf")
        self._database = database
        self._timer: asyncio.TimerHandle | None = None

    def look(self) -> None:
        """Somebody waits: look from now on, until nobody does."""
        if self._timer is None:
            loop = asyncio.get_running_loop()
            # What is logged is not about the call that waits.
            self._timer = loop.call_later(_MOMENT, self._look, clock.now() + _MOMENT, context=Context())

    def close(self) -> None:
        """Look no more."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self, planned: float) -> None:
        self._timer = None
        now = clock.now()
        if now - planned < _LATE:
            unread = [each for each in self.now if each.due <= now and self._is_wanted(each, now)]
            if unread:
                self._ended_at = now
                self._end(max(unread, key=lambda each: (self._holds(each.holder), -each.due)))
            elif now - self._ended_at >= _ROOM and (resting := self._too_many_at_rest(now)):
                self._ended_at = now
                self._disturb(max(resting, key=lambda each: (self._holds(each.holder), -each.since)))
        if self._places.waiting or self._short.waiting:
            self.look()

    def _is_wanted(self, reader: Reader, now: float) -> bool:
        """Whether others wait for its connection, or for the room that it takes."""
        return self._places.others_wait(reader.holder, _MOMENT) or (
            now - self._ended_at >= _ROOM and self._short.others_wait(reader.holder, _MOMENT)
        )

    def _too_many_at_rest(self, now: float) -> list[Rest]:
        """Those that have been idle for long, of callers who have more than one who waits for room will have."""
        fewest = min((self._holds(Asker(each)) for each in self._short.callers(_MOMENT)), default=math.inf)
        long = [each for each in self.resting if now - each.since >= PAUSE]
        return [each for each in long if self._holds(each.holder) > fewest + 1]

    def _holds(self, asker: Asker) -> int:
        """How many connections its caller has."""
        return self._places.held(asker) - self._short.waiting_of(asker)

    def _end(self, reader: Reader) -> None:
        self.now.discard(reader)
        error = RowgateError(
            Reason.STATEMENT_TIMEOUT,
            "nothing of the result was read for too long, while others waited for a connection",
            limit=f"{PAUSE:g}s unread while others wait",
            database=self._database,
            outcome=Outcome.UNKNOWN,
        )
        reader.end(error)
        _log.warning("unread stream ended", database=self._database, query_id=error.metadata.get("query_id", ""))

    def _disturb(self, rest: Rest) -> None:
        rest.end()
        rest.give_way(PAUSE)
        _log.warning("idle transaction ended", database=self._database)
