"""Which calls are under way; and no new ones once the gateway stops."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator

from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.chain import RpcCall
from rowgate_server.transport.interceptors.facts import HEALTH

_RETRY_AFTER = 0.1
"""Seconds in which a refused caller's connection is closed, so that the next one leads elsewhere."""

_ANSWERED = HEALTH
"""Asked until the end: that the gateway is not serving is what it has to say."""


class CallsUnderWay:
    """Counts handlers, since grpc.aio's `stop` returns while some are still cleaning up; and refuses new calls."""

    def __init__(self) -> None:
        self._open: set[RpcCall] = set()
        self._ended = asyncio.Event()
        self._refused: Callable[[str], bool] | None = None

    def __len__(self) -> int:
        return len(self._open)

    def __iter__(self) -> Iterator[RpcCall]:
        return iter(tuple(self._open))

    def refuse(self, peers: Callable[[str], bool]) -> None:
        """From now on, refuse new calls of the peers, as gRPC names them, that this holds for."""
        self._refused = peers

    def close(self) -> None:
        """From now on, refuse all."""
        self.refuse(lambda _: True)

    def begin(self, call: RpcCall) -> None:
        """A handler begins: outside of all interceptors."""
        self._open.add(call)

    def end(self, call: RpcCall) -> None:
        """It has ended: nothing of it runs any more."""
        self._open.discard(call)
        self._ended.set()

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

    def register(self, labels: MethodLabels) -> None:
        """Nothing to do."""

    def enter(self, call: RpcCall) -> None:
        """Refuse whom it holds for."""
        if self._refused is not None and call.labels.grpc_service != _ANSWERED and self._refused(call.peer):
            raise RowgateError(
                Reason.SHUTTING_DOWN,
                "the gateway is stopping, and takes no new calls",
                retry_after=_RETRY_AFTER,
                outcome=Outcome.NOT_RUN,
            )

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """Nothing to do."""
        del call
        return error
