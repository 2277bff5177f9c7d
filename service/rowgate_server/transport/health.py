"""Health by the standard service: `""`, `readiness`, `liveness` and `database/<name>`."""

from __future__ import annotations

import asyncio

from grpc_health.v1 import health, health_pb2

from rowgate_server.engines.database import Databases

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class Health:
    """What the health service answers, kept up to date by the databases' probes.

    `liveness` says that the process is well; no database touches it, since a restart mends no database. `readiness`,
    and the empty name, say that calls are welcome: at least one database answers, and the gateway is not stopping.
    """

    def __init__(self, databases: Databases) -> None:
        self.servicer = health.aio.HealthServicer()
        self._databases = databases
        self._draining = False
        self._updates: asyncio.Queue[None] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        for database in databases:
            database.availability.listen(self._changed)

    @property
    def ready(self) -> bool:
        """Whether calls are welcome."""
        return not self._draining and any(database.availability.up for database in self._databases)

    async def start(self) -> None:
        """Answer from now on."""
        await self.servicer.set("liveness", _SERVING)
        await self._publish()
        self._task = asyncio.create_task(self._follow(), name="rowgate-health")

    async def drain(self) -> None:
        """Say that no more calls are welcome."""
        self._draining = True
        await self._publish()

    async def stop(self) -> None:
        """Publish no more."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    def _changed(self, up: bool) -> None:
        del up  # all are published anew
        self._updates.put_nowait(None)

    async def _follow(self) -> None:
        while True:
            await self._updates.get()
            await self._publish()

    async def _publish(self) -> None:
        for database in self._databases:
            await self.servicer.set(f"database/{database.name}", _status(up=bool(database.availability.up)))
        for name in ("", "readiness"):
            await self.servicer.set(name, _status(up=self.ready))


def _status(*, up: bool) -> int:
    return _SERVING if up else _NOT_SERVING
