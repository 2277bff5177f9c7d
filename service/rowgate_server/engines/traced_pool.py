"""Spans around the waits for a connection: a pool where traces are switched on. A warm connection has none."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import TypeVar

from rowgate_server.engines.admission import Asker
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.errors import RowgateError
from rowgate_server.observability.metrics import DatabaseMetrics
from rowgate_server.observability.tracing import Place, Tracing

_T = TypeVar("_T")


class TracedPool(Pool):
    """A pool that tells how long callers wait for a place in it, and then for an open connection.

    Args:
        driver: as for a pool.
        settings: as for a pool.
        metrics: as for a pool.
        replica: as for a pool.
        tracing: makes the spans.
        place: where the connections lead to.
    """

    def __init__(
        self,
        driver: Driver,
        settings: PoolSettings,
        metrics: DatabaseMetrics,
        replica: str,
        tracing: Tracing,
        place: Place,
    ) -> None:
        super().__init__(driver, settings, metrics, replica)
        self._tracing = tracing
        self._place = place
        self._name = metrics.name

    async def _wait_for_place(self, deadline: Deadline, holder: Asker) -> None:
        await self._told("wait for connection", super()._wait_for_place(deadline, holder))

    async def _open(self, deadline: Deadline, holder: Asker) -> Lease:
        return await self._told("open connection", super()._open(deadline, holder))

    async def _told(self, what: str, awaited: Awaitable[_T]) -> _T:
        span = self._tracing.wait(self._place, what, self._name)
        if span is None:
            return await awaited
        try:
            got = await awaited
        except BaseException as error:
            span.fail(error.reason.value if isinstance(error, RowgateError) else type(error).__qualname__)
            raise
        span.end()
        return got
