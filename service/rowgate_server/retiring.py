"""The end of what is served no more: closed once no call uses it, or can come back to it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

from rowgate_server.engines.capacity import CapacityCheck
from rowgate_server.engines.database import Database
from rowgate_server.identity.authenticator import Authenticator
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.facts import QUIET
from rowgate_server.transport.interceptors.underway import CallsUnderWay

_STREAMS_BEGIN_WITHIN = 10.0
"""Seconds after which a stream that had begun has its connection, whatever it waited for."""


class Retiring:
    """Sees to it, behind the calls.

    Args:
        ended: told of databases that are closed.
    """

    def __init__(self, ended: Callable[[Sequence[Database]], None]) -> None:
        self._ended = ended
        self._tasks: set[asyncio.Task[None]] = set()
        self.databases: list[Database] = []
        """Those that are not closed yet."""

    def databases_of(self, gone: Sequence[Database], checks: Sequence[CapacityCheck], calls: CallsUnderWay) -> None:
        """Retire these, and what looks at them."""
        self.databases += gone
        self._start(self._end(gone, checks, calls, _begun(calls)))

    def authenticator(self, known_by: Authenticator, calls: CallsUnderWay) -> None:
        """Retire what knew the callers."""
        self._start(self._end_of(known_by, calls, _begun(calls)))

    async def stop(self) -> None:
        """Wait for nobody any more; `databases` are closed by who stops."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work, name="rowgate-retiring")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _end(
        self,
        gone: Sequence[Database],
        checks: Sequence[CapacityCheck],
        calls: CallsUnderWay,
        begun: Sequence[RpcCall],
    ) -> None:
        """Close them, once nobody uses them.

        A stream that has begun has its connection, or will have soon; a call of one answer may ask for several, one
        after the other. Their idle connections are closed meanwhile.
        """
        await asyncio.gather(*(check.stop() for check in checks))
        async with asyncio.TaskGroup() as group:
            for database in gone:
                group.create_task(database.retire())
            await calls.over(call for call in begun if call.labels.grpc_type == "unary")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STREAMS_BEGIN_WITHIN):
                    await calls.over(begun)
        # Whoever came back meanwhile has its connections.
        await asyncio.gather(*(database.retire() for database in gone))
        await asyncio.gather(*(database.close() for database in gone))
        self.databases = [database for database in self.databases if database not in gone]
        self._ended(gone)

    @staticmethod
    async def _end_of(known_by: Authenticator, calls: CallsUnderWay, begun: Sequence[RpcCall]) -> None:
        try:
            await calls.over(begun)
        finally:
            await known_by.stop()


def _begun(calls: CallsUnderWay) -> Sequence[RpcCall]:
    """Those under way; a Watch of the health service has no end, and touches nothing that is retired."""
    return [call for call in calls if call.labels.grpc_service not in QUIET]
