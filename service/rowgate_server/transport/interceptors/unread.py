"""Answers that are sent whole, and that their callers have not read: so much in all, half of it for one caller.

An answer that is large waits for room before it is handed to grpc, which copies it and keeps it until its caller has
read it, however long that takes. The connection of the database has been given back by then; so while many answers
wait, their caller has nothing more run, over whatever connection; one that reads nothing would fill the memory. Nor may
it hold up others: where answers wait, connections that read nothing, or too slowly, are cut.
"""

from __future__ import annotations

import asyncio
import math
from collections import Counter, defaultdict
from collections.abc import Callable
from contextvars import Context
from typing import NamedTuple

from rowgate_server.engines import clock
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.interceptors.held import COUNTED
from rowgate_server.transport.interceptors.readers import Held, Readers, less

_PATIENCE = 10.0
"""Seconds that an answer waits for room."""

_WAITING = 4
"""Times as many bytes may wait as may be unread: they are held once, and have been made already."""

_RETRY_AFTER = 1.0

_MOMENT = 1.0
"""Seconds that an answer waits before anybody is cut for it; and how late a look at readers may come. One that comes
later tells nothing of them: the gateway had stood still."""


class _Waiting(NamedTuple):
    who: str
    peer: str
    octets: int


def _ignore() -> None:
    pass


class Unread:
    """Counts them.

    Args:
        most: bytes that may be unread; four times as many may wait.
        cut: called for each connection that is cut, as it held up others.
    """

    def __init__(self, most: int, cut: Callable[[], None] = _ignore) -> None:
        self._most = most
        self._held: Counter[str] = Counter()
        self._total = 0
        self._waiting: dict[asyncio.Future[None], _Waiting] = {}
        self._behind: Counter[str] = Counter()
        self._readers = Readers(cut)
        self._timer: asyncio.TimerHandle | None = None

    def serve(self, port: int | None) -> None:
        """Callers are connected to this TCP port; None: they cannot be cut."""
        self._readers.port = port

    def check(self, who: str) -> None:
        """See whether a caller may have something run that will be answered whole.

        Raises:
            RowgateError: QUOTA_EXCEEDED: half of all that may wait are answers for it to read others.
        """
        if self._behind and self._behind.get(who, 0) > _WAITING * self._most // 2:
            raise self._exceeded(Outcome.NOT_RUN)

    async def take(self, who: str, peer: str, octets: int) -> bool:
        """Wait for room for an answer; False for one that is not counted, else `release` it once it has been read.

        Raises:
            RowgateError: QUOTA_EXCEEDED: there is none, nor will be soon.
        """
        if octets < COUNTED:
            return False
        if who in self._behind or not self._fits(who, octets):
            await self._wait(who, peer, octets)
        else:
            self._hold(who, peer, octets)
        return True

    def release(self, who: str, peer: str, octets: int) -> None:
        """It has been read, or its caller has gone."""
        cut = self._let_go(who, peer, octets)
        self._go_on()
        if cut:
            self._look_at(clock.now())  # for whom its room was not enough

    async def _wait(self, who: str, peer: str, octets: int) -> None:
        wanted = self._behind.total()
        if wanted and wanted + octets > _WAITING * self._most:
            raise self._exceeded(Outcome.UNKNOWN)
        turn = asyncio.get_running_loop().create_future()
        self._waiting[turn] = _Waiting(who, peer, octets)
        self._behind[who] += octets
        self._look_at(clock.now() + _MOMENT)
        try:
            async with asyncio.timeout(_PATIENCE):
                await turn
        except BaseException as error:
            if not turn.cancelled():
                self._let_go(who, peer, octets)  # its turn came as it left
            self._go_on()
            if isinstance(error, TimeoutError):
                raise self._exceeded(Outcome.UNKNOWN) from None
            raise
        finally:
            del self._waiting[turn]
            less(self._behind, who, octets)

    def _go_on(self) -> None:
        """Those that there is room for, each caller's in order: small ones would hold a large one up for good."""
        passed = set[str]()
        for turn, (who, peer, octets) in self._waiting.items():
            if turn.done():
                continue
            if who not in passed and self._fits(who, octets):
                self._hold(who, peer, octets)
                turn.set_result(None)
            else:
                passed.add(who)

    def _fits(self, who: str, octets: int) -> bool:
        """One that is alone fits in any case."""
        return self._half_fits(who, octets) and (not self._total or self._total + octets <= self._most)

    def _half_fits(self, who: str, octets: int) -> bool:
        of_caller = self._held.get(who, 0)
        return not of_caller or of_caller + octets <= self._most // 2

    def _look_at(self, when: float) -> None:
        """Look at the readers at that time, unless that is to be sooner."""
        if self._timer is not None:
            if self._timer.when() <= when:
                return
            self._timer.cancel()
        # What is logged is not about the call that waits.
        self._timer = asyncio.get_running_loop().call_at(when, self._look, when, context=Context())

    def _look(self, planned: float) -> None:
        """Cut who holds up those that wait. What helps the first of a caller's helps those behind it."""
        self._timer = None
        held_up = self._held_up()
        if not held_up:
            return
        late = clock.now() - planned
        if late > _MOMENT:
            self._readers.excuse(late)
            self._look_at(clock.now() + _MOMENT)
            return
        next_one = self._readers.cut(held_up)
        if next_one < math.inf:
            self._look_at(next_one)

    def _held_up(self) -> dict[str | None, Held]:
        """What waits, by the caller whose answers take its room, None where everybody's do."""
        room, peers, missing = dict[str, str | None](), defaultdict[str | None, set[str]](set), Counter[str | None]()
        for turn, (who, peer, octets) in self._waiting.items():
            if turn.done():
                continue
            if who not in room:
                taken = room[who] = None if self._half_fits(who, octets) else who
                missing[taken] = max(missing[taken], self._missing(taken, octets))
            peers[room[who]].add(peer)
        return {taken: Held(found, missing[taken]) for taken, found in peers.items()}

    def _missing(self, taken: str | None, octets: int) -> int:
        """Room for an answer, in all or in a caller's half; one that is alone fits in any case."""
        held, most = (self._total, self._most) if taken is None else (self._held[taken], self._most // 2)
        return min(held, held + octets - most)

    def _hold(self, who: str, peer: str, octets: int) -> None:
        self._total += octets
        self._held[who] += octets
        self._readers.hold(who, peer, octets)

    def _let_go(self, who: str, peer: str, octets: int) -> bool:
        """Was it the last one of a connection that has been cut?"""
        self._total -= octets
        less(self._held, who, octets)
        return self._readers.let_go(who, peer, octets)

    def _exceeded(self, outcome: Outcome) -> RowgateError:
        return RowgateError(
            Reason.QUOTA_EXCEEDED,
            "answers that have not been read take all the room that there is for them",
            retry_after=_RETRY_AFTER,
            limit=f"{self._most} bytes for all callers, half of it for one",
            hint="read answers as they come, or use StreamQuery",
            outcome=outcome,
        )
