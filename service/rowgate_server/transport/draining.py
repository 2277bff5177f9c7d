"""The end of a server: word that it is over, a pause, no new calls, and time for those under way.

1. Readiness says NOT_SERVING; for a pause everything goes on, until load balancers have heard of it.
2. New connections are refused, and each caller is told to leave its own, or has it closed; until then it is served.
3. Calls under way go on until the grace ends. A moment before, their statements are stopped, in the databases too, and
   callers are told what became of them.
4. Whatever still runs is cancelled, and its handler waited for: only then may the databases be closed.

A second signal skips to the end of the grace.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Collection
from dataclasses import dataclass

import grpc.aio

from rowgate_server.engines import clock
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.logging import get_logger
from rowgate_server.transport import connections
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors.chain import RpcCall
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.transacting import Transacting

_log = get_logger("rowgate.drain")

_LEAVING = 0.5
"""Seconds that callers have to leave one by one, before all are told to."""

_ROUND = 0.05
"""Seconds that a connection must have been without a call: the last answer has been written by then."""

_REFUSING = 0.1
"""Seconds before `stop` in which connections that are never without a call, though each is short, have no new ones:
what arrives while their callers hear of `stop` would end as CANCELLED, which is not made again. This is."""

_REFUSALS = 4096
"""Bytes of them that callers need not have acknowledged."""

_BEFORE_THE_END = 0.5
"""Seconds before the grace ends: time to stop statements, and to tell their callers so."""

_STOPPED = 0.1
"""Seconds after which a stream has told that its statement was stopped, if its caller reads."""

_CLEANING_UP = 0.7
"""Seconds that handlers have to clean up once they are cancelled."""


@dataclass(frozen=True, slots=True)
class DrainTimes:
    """Seconds. `pause` is a part of `grace`, and at most half of it."""

    grace: float
    pause: float


class Draining:
    """Ends one server.

    Args:
        server: the server.
        port: its TCP port; None where it has none.
        health: what it says of itself.
        calls: those under way.
        transacting: its transactions.
        stop_statements: stops every statement that runs; returns how many there were.
        plain: whether nothing encrypts its connections.
    """

    def __init__(
        self,
        server: grpc.aio.Server,
        port: int | None,
        health: Health,
        calls: CallsUnderWay,
        transacting: Transacting,
        stop_statements: Callable[[], int],
        *,
        plain: bool = False,
    ) -> None:
        self._server = server
        self._port = port
        self._health = health
        self._calls = calls
        self._transacting = transacting
        self._stop_statements = stop_statements
        self._plain = plain
        self._told: dict[str, float] = {}

    async def drain(self, times: DrainTimes, hurry: asyncio.Event) -> None:
        """All of it; returns once no handler runs any more, or has been given up."""
        end = clock.now() + times.grace
        self._health.drain()
        _log.info("stopping", pause=times.pause, grace=times.grace, calls=len(self._calls))
        await _wait(hurry, min(times.pause, times.grace / 2))
        self._health.close()
        self._transacting.stop(0.0 if hurry.is_set() else end - clock.now())
        if self._port is not None:
            connections.stop_listening(self._port)
            await self._let_leave(self._port, end, hurry)
        await self._end_by(end, hurry)
        if not await self._calls.ended(_CLEANING_UP):
            _log.error("handlers given up", methods=sorted(call.rpc for call in self._calls))

    async def _let_leave(self, port: int, end: float, hurry: asyncio.Event) -> None:
        """Close the connections on which no call is, and was none in the round before, or have their callers leave."""
        long, until = frozenset(self._calls), min(clock.now() + _LEAVING, end)
        # What is under way to a connection that has been closed is not to run: its caller could not hear of it.
        self._calls.refuse(lambda peer: not self._plain and peer in self._told)
        busy = before = self._peers()
        while connections.hang_up(port, busy | before, self._told, plain=self._plain):
            if clock.now() >= until or hurry.is_set():
                await self._close_short(port, long, end, hurry)
                return
            await _wait(hurry, _ROUND)
            busy, before = self._peers(), busy

    async def _close_short(self, port: int, long: Collection[RpcCall], end: float, hurry: asyncio.Event) -> None:
        """Close the connections that carry none of these long calls, and have those heard who were told last."""
        spared = {call.peer for call in self._calls if call in long} | (set(self._told) if self._plain else set())
        begun, told = frozenset(self._calls), max(self._told.values(), default=0.0)
        self._calls.refuse(lambda peer: peer not in spared)
        await _wait(hurry, max(0.0, min(_REFUSING, end - clock.now())))
        busy = spared | {call.peer for call in self._calls if call in begun}
        connections.hang_up(port, busy, self._told, plain=False, unsent=_REFUSALS)
        if self._plain:
            await _wait(hurry, max(0.0, min(told + connections.HEARD, end) - clock.now()))

    def _peers(self) -> set[str]:
        return {call.peer for call in self._calls}

    async def _end_by(self, end: float, hurry: asyncio.Event) -> None:
        """Let calls under way go on until the grace ends, or somebody hurries; then stop them."""
        stopping = asyncio.ensure_future(self._server.stop(max(0.0, end - clock.now())))
        hurried = asyncio.ensure_future(hurry.wait())
        try:
            patience = max(0.0, end - _BEFORE_THE_END - clock.now())
            await asyncio.wait({stopping, hurried}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                self._calls.close()
                self._transacting.stop(0.0)
                stopped = self._stop_statements()
                _log.warning("calls are cut short", calls=len(self._calls), statements=stopped, hurry=hurry.is_set())
                self._end_streams()
                await asyncio.wait({stopping}, timeout=_BEFORE_THE_END)
            if not stopping.done():
                await self._server.stop(None)
            await stopping
        finally:
            hurried.cancel()

    def _end_streams(self) -> None:
        """End those whose callers read no more, though their statements were stopped: they may yet read why."""
        at = clock.now() + _STOPPED
        for call in self._calls:
            if call.labels.grpc_type == "server_stream":
                call.end_at(at, RowgateError(Reason.SHUTTING_DOWN, "the gateway stopped the stream", retry_after=1.0))


async def _wait(hurry: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await hurry.wait()
