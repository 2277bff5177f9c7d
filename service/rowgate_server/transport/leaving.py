"""Callers leave a server that is to stop, connection by connection, and none of their calls fails for that.

A connection that nothing is on is closed; where nothing encrypts it, its caller is told to leave instead. One that is
never without calls is helped: new ones wait until those under way have ended. Then the caller is told, and they are
served; or, where it cannot be told, they are refused as never run, and the connection is closed. Where a call goes on
for longer, those that waited are served beside it, and the connection stays until it has ended: all that the core's
`stop` could do for such callers is to have some of their calls end as CANCELLED.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Sequence

from rowgate_server.engines import clock
from rowgate_server.transport import connections
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.underway import STREAMS, CallsUnderWay

_ALONE = 0.5
"""Seconds that callers have to leave by themselves, before new calls wait."""

_LONG = 0.3
"""Seconds that a call runs at least, for which others are not to wait."""

_WAITED = 0.5
"""Seconds that a call waits at the longest."""

_LAST_WAIT = 1.0
"""Seconds before what runs is stopped, from which on new calls wait until then."""

_ROUND = 0.05
"""Seconds that a connection must have been without a call: the last answer has been written by then."""

_REFUSALS_SENT = 0.01
"""Seconds in which a refusal is sent."""

_LAST = 0.1
"""Seconds before the end at which everything that waits is refused, whatever else is on its connection."""


class Leaving:
    """Those of one server.

    Args:
        place: where it listens.
        calls: those under way.
        plain: whether nothing encrypts its connections.
    """

    def __init__(self, place: connections.Place, calls: CallsUnderWay, *, plain: bool) -> None:
        self._place = place
        self._calls = calls
        self._reading: set[str] = set()
        """Those that answers were on their way to in the last round: the end of them has been written by the next."""
        self._plain = plain
        self._alike = isinstance(place, str)
        """Callers of a socket file can not be told apart, nor is it known whether their connections rest."""
        self._told: dict[str, float] = {}
        """The connections, and the peers all of whose are, since when."""
        self._refused: set[str] = set()
        self._long: Sequence[RpcCall] | None = None
        """The calls beside which others do not wait; None: nobody waits yet."""
        self._ends = False

    async def all_have_left(self, until: float, hurry: asyncio.Event) -> bool:
        """Have them leave; False if some have not by then, or somebody hurries."""
        connections.stop_listening(self._place)
        self._calls.refuse(self._refuses)
        self._calls.hold(self._holds)
        begun = clock.now()
        await wait(hurry, _ROUND)
        while self._round():
            now = clock.now()
            if now >= until or hurry.is_set():
                return False
            if now >= begun + _ALONE:
                self._help(begun + _ALONE, last=now >= until - _LAST_WAIT)
            await wait(hurry, self._until_the_next())
        self._long = None
        self._calls.let_go()
        return True

    async def end_by(self, end: float) -> None:
        """Have nobody stay any longer: what is under way is about to end, and nothing new is to run."""
        self._long, self._ends = (), True
        while clock.now() < end - _LAST and self._round():
            self._refuse_where_nothing_runs()
            await asyncio.sleep(self._until_the_next())
        self._calls.close()
        await asyncio.sleep(_ROUND)
        told = self._told if self._plain else ()
        connections.cut(self._place, lambda name: name not in told)

    def _round(self) -> int:
        """Close the connections that nothing is on, or have their callers leave; how many are left?"""
        waiting, reading = self._calls.waiting(), set(self._calls.reading)
        self._reading, read = reading, reading | self._reading
        if not self._plain:
            busy = (self._calls.busy(_ROUND) - self._refused) | self._calls.busy(0) | waiting | read
        elif self._alike:
            busy = self._calls.sending(_ROUND) | read
        else:
            busy = self._calls.busy(_ROUND)
        peers = connections.Peers(busy, self._calls.busy(0) | waiting, self._refused)
        left = connections.hang_up(self._place, peers, self._told, plain=self._plain)
        if self._plain:
            self._calls.let_go(self._told.__contains__)
        return left

    def _help(self, since: float, *, last: bool) -> None:
        """Have new calls wait where none is long; beside a long one too for a moment, where that gets callers told.

        The last ones wait beside every long one: it may yet end by itself, and they would be cut with it.
        """
        now = clock.now()
        self._long = ()
        if not last and (now >= since + _LONG or not self._plain):
            self._long = [call for call in self._calls.running if call.started <= now - _LONG and self._keeps(call)]
        if not last:
            stay = {call.peer for call in self._long} | self._calls.waiting(since=now - _WAITED)
            self._calls.let_go(stay.__contains__)
        self._refuse_where_nothing_runs()

    def _keeps(self, call: RpcCall) -> bool:
        """Whether a call keeps its connection until it has ended, or may be about to do so."""
        return not self._plain or not self._alike or call.labels.grpc_type in STREAMS

    def _refuse_where_nothing_runs(self) -> None:
        """Only where the connection can be closed then: whoever is refused is to come by another one."""
        if not self._plain and (waiting := self._calls.waiting() - self._calls.busy(_ROUND) - self._calls.reading):
            self._refused |= waiting - connections.sending(self._place)
            self._calls.let_go(self._refused.__contains__)

    def _until_the_next(self) -> float:
        return _REFUSALS_SENT if self._refused - self._told.keys() else _ROUND

    def _holds(self, peer: str) -> bool:
        if self._long is None or peer in self._told or peer in self._refused:
            return False
        return not any(call.peer == peer and call in self._calls for call in self._long)

    def _refuses(self, peer: str) -> bool:
        """What is under way to a connection that has been closed is not to run: its caller could not hear of it."""
        return self._ends or peer in self._refused or (not self._plain and peer in self._told)


async def wait(hurry: asyncio.Event, seconds: float) -> None:
    """For so long, unless somebody hurries."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hurry.wait()
