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
from collections.abc import Callable
from dataclasses import dataclass

import grpc.aio

from rowgate_server.engines import clock
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.logging import get_logger
from rowgate_server.transport.connections import Place
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.leaving import Leaving, wait
from rowgate_server.transport.transacting import Transacting

_log = get_logger("rowgate.drain")

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
        place: where it listens.
        health: what it says of itself.
        calls: those under way.
        transacting: its transactions.
        stop_statements: stops every statement that runs; returns how many there were.
        plain: whether nothing encrypts its connections.
    """

    def __init__(
        self,
        server: grpc.aio.Server,
        place: Place,
        health: Health,
        calls: CallsUnderWay,
        transacting: Transacting,
        stop_statements: Callable[[], int],
        *,
        plain: bool = False,
    ) -> None:
        self._server = server
        self._health = health
        self._calls = calls
        self._transacting = transacting
        self._stop_statements = stop_statements
        self._leaving = Leaving(place, calls, plain=plain)

    async def drain(self, times: DrainTimes, hurry: asyncio.Event) -> None:
        """All of it; returns once every handler has ended, or has been given up; who comes even later is refused."""
        end = clock.now() + times.grace
        self._health.drain()
        _log.info("stopping", pause=times.pause, grace=times.grace, calls=len(self._calls))
        await wait(hurry, min(times.pause, times.grace / 2))
        self._health.close()
        self._transacting.stop(0.0 if hurry.is_set() else end - clock.now())
        await self._end_by(end, hurry)
        if not await self._calls.ended(_CLEANING_UP):
            _log.error("handlers given up", methods=sorted(call.rpc for call in self._calls))

    async def _end_by(self, end: float, hurry: asyncio.Event) -> None:
        """Let calls under way go on until the grace ends, or somebody hurries; then stop them."""
        leaving = self._leaving
        if not await leaving.all_have_left(end - _BEFORE_THE_END, hurry):
            end = min(end, self._cut_short(hurry))
            await leaving.end_by(end)
            await self._server.stop(max(0.0, end - clock.now()))
            return
        stopping = asyncio.ensure_future(self._server.stop(max(0.0, end - clock.now())))
        hurried = asyncio.ensure_future(hurry.wait())
        try:
            patience = max(0.0, end - _BEFORE_THE_END - clock.now())
            await asyncio.wait({stopping, hurried}, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
            if not stopping.done():
                self._calls.close()
                self._cut_short(hurry)
                await asyncio.wait({stopping}, timeout=_BEFORE_THE_END)
            if not stopping.done():
                await self._server.stop(None)
            await stopping
        finally:
            hurried.cancel()

    def _cut_short(self, hurry: asyncio.Event) -> float:
        """Stop all that runs, and have its callers told so; until when they have time to read that."""
        self._transacting.stop(0.0)
        stopped = self._stop_statements()
        _log.warning("calls are cut short", calls=len(self._calls), statements=stopped, hurry=hurry.is_set())
        self._end_streams()
        return clock.now() + _BEFORE_THE_END

    def _end_streams(self) -> None:
        """End those whose callers read no more, though their statements were stopped: they may yet read why."""
        at = clock.now() + _STOPPED
        for call in self._calls:
            if call.labels.grpc_type == "server_stream":
                call.end_at(at, RowgateError(Reason.SHUTTING_DOWN, "the gateway stopped the stream", retry_after=1.0))
