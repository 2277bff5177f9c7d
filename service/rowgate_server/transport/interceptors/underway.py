"""Which calls are under way, and whose answers; and no new ones once the gateway stops."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import math
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet

import grpc

from rowgate_server.engines import clock
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import RpcCall, time_left, when_sent
from rowgate_server.transport.interceptors.facts import HEALTH

_RETRY_AFTER = 0.1
"""Seconds in which a refused caller's connection is closed, so that the next one leads elsewhere."""

_ANSWERED = HEALTH
"""Asked until the end: that the gateway is not serving is what it has to say."""

STREAMS = ("server_stream", "bidi_stream")
"""Calls whose answers come one by one."""

_Peers = Callable[[str], bool]
"""For which peers, as gRPC names them, something holds."""


def _all(_: str) -> bool:
    return True


class CallsUnderWay:
    """Counts handlers, since grpc.aio's `stop` returns while some are still cleaning up; and refuses new calls."""

    def __init__(self) -> None:
        self._open: set[RpcCall] = set()
        self._ended = asyncio.Event()
        self._refused: _Peers | None = None
        self._held: _Peers | None = None
        self._waiting: dict[RpcCall, asyncio.Event] = {}
        self._ended_at: dict[str, float] = {}
        self._answers: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[RpcCall]:
        return iter(tuple(self._open))

    def __contains__(self, call: RpcCall) -> bool:
        return call in self._open

    @property
    def running(self) -> Sequence[RpcCall]:
        """Those that do not wait."""
        return [call for call in self._open if call not in self._waiting]

    def waiting(self, since: float = math.inf) -> set[str]:
        """The peers whose calls wait, and have been there since then."""
        return {call.peer for call in self._waiting if call.started <= since}

    def busy(self, within: float) -> set[str]:
        """The peers with calls that run, or have ended within so many seconds, once some are refused."""
        since = clock.now() - within
        return {call.peer for call in self.running} | {peer for peer, at in self._ended_at.items() if at > since}

    def sending(self, within: float) -> set[str]:
        """The peers that something may be on its way to; while a call runs that is answered whole, nothing is."""
        since = clock.now() - within
        streams = {call.peer for call in self.running if call.labels.grpc_type in STREAMS}
        return streams | {peer for peer, at in self._ended_at.items() if at > since} | self.reading

    @property
    def reading(self) -> AbstractSet[str]:
        """The peers that answers are on their way to, of calls whose handlers have ended: they have yet to read."""
        return self._answers.keys()

    def refuse(self, peers: _Peers) -> None:
        """From now on, refuse new calls of these."""
        self._refused = peers

    def hold(self, peers: _Peers) -> None:
        """From now on, have new calls of these wait, until they are let go."""
        self._held = peers

    def let_go(self, peers: _Peers = _all) -> None:
        """Have the calls of these, or of all, that wait go on: they are served, unless they are refused by now."""
        for call in [call for call in self._waiting if peers(call.peer)]:
            self._waiting.pop(call).set()

    def close(self) -> None:
        """From now on, refuse all, those that wait too."""
        self._held = None
        self.refuse(_all)
        self.let_go()

    def begin(self, call: RpcCall) -> None:
        """A handler begins: outside of all interceptors."""
        self._open.add(call)

    def end(self, call: RpcCall) -> None:
        """It has ended: nothing of it runs any more."""
        self._open.discard(call)
        self._ended.set()
        if self._refused is not None:
            self._ended_at[call.peer] = clock.now()
        # An error is small, and has been sent; but a stream's stands behind what has not been read.
        if call.code is grpc.StatusCode.OK or call.labels.grpc_type in STREAMS:
            self._answers[call.peer] = self._answers.get(call.peer, 0) + 1
            when_sent(functools.partial(self._sent, call.peer))

    async def ended(self, within: float) -> bool:
        """Wait until every handler has ended; False if some have not after so many seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within):
                while self._open:
                    self._ended.clear()
                    await self._ended.wait()
        return not self._open

    async def over(self, calls: Iterable[RpcCall]) -> None:
        """Wait until these have ended."""
        left = self._open & set(calls)
        while left:
            self._ended.clear()
            await self._ended.wait()
            left &= self._open

    def _sent(self, peer: str, _: asyncio.Future[object]) -> None:
        left = self._answers[peer] - 1
        if left:
            self._answers[peer] = left
        else:
            del self._answers[peer]

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> Awaitable[None] | None:
        """Refuse whom it holds for, or have them wait."""
        if self._refused is None or call.labels.grpc_service == _ANSWERED:
            return None
        if self._held is not None and self._held(call.peer):
            return self._wait(call)
        self._admit(call.peer)
        return None

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Nothing to do."""
        del call
        return error

    async def _wait(self, call: RpcCall) -> None:
        """Until it is let go, but for no more than half of the time that its caller gives it."""
        go_on = self._waiting[call] = asyncio.Event()
        try:
            async with asyncio.timeout(time_left(call.context, math.inf) / 2):
                await go_on.wait()
        except TimeoutError:
            pass
        finally:
            self._waiting.pop(call, None)
        self._admit(call.peer)

    def _admit(self, peer: str) -> None:
        if self._refused is not None and self._refused(peer):
            raise RowgateError(
                Reason.SHUTTING_DOWN,
                "the gateway is stopping, and takes no new calls",
                retry_after=_RETRY_AFTER,
                outcome=Outcome.NOT_RUN,
            )
