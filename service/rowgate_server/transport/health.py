"""Health by the standard service: `""`, `readiness`, `liveness` and `database/<name>`."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from rowgate_server.engines.database import Database, Databases
from rowgate_server.transport.admin import State
from rowgate_server.transport.interceptors.call import Context

_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


class HealthServicer(health_pb2_grpc.HealthServicer):
    """Serves the statuses that it was given.

    grpcio-health-checking's own writes to a watcher while it holds the lock that a change waits for: one watcher that
    reads no more would keep everyone at the old status, and the gateway from stopping.
    """

    def __init__(self) -> None:
        self._statuses: dict[str, int] = {}
        self._changed = asyncio.Event()
        self._closed = False

    def set(self, statuses: dict[str, int]) -> None:
        """Answer so from now on, and know no other name."""
        self._statuses = statuses
        self._wake()

    def close(self) -> None:
        """End every Watch, once it has told the last statuses."""
        self._closed = True
        self._wake()

    async def Check(self, request: health_pb2.HealthCheckRequest, context: Context) -> health_pb2.HealthCheckResponse:
        """The status of one name."""
        if request.service not in self._statuses:
            await context.abort(grpc.StatusCode.NOT_FOUND, "the gateway has no service of that name")
        return health_pb2.HealthCheckResponse(status=self._statuses[request.service])

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Context
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        """The status of one name, and every other that it comes to have."""
        del context
        told = None
        while True:
            changed, status = self._changed, self._statuses.get(request.service, _UNKNOWN)
            if status != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
            elif self._closed:
                return
            else:
                await changed.wait()

    def _wake(self) -> None:
        """Each change has an event of its own: a watcher that was busy finds the one that it looked at set."""
        self._changed.set()
        self._changed = asyncio.Event()


class Health:
    """What the health service answers, kept up to date by the databases' probes.

    `liveness` says that the process is well; no database touches it, since a restart mends no database. `readiness`,
    and the empty name, say that calls are welcome: a server of at least one database answers, if only a replica, and
    the gateway is not stopping. `database/<name>` says that calls to that database which set no route are answered.
    """

    def __init__(self, databases: Databases) -> None:
        self.servicer = HealthServicer()
        self._databases = databases
        self._draining = False
        self._listeners: list[Callable[[State], None]] = []
        self.follow(databases)

    @property
    def ready(self) -> bool:
        """Whether calls are welcome."""
        return not self._draining and any(database.reachable for database in self._databases)

    def state(self) -> State:
        """For the admin port."""
        return State(self.ready, {database.name: bool(database.availability.up) for database in self._databases})

    def listen(self, told: Callable[[State], None]) -> None:
        """Be told of every change from now on, and how it is now."""
        self._listeners.append(told)
        told(self.state())

    def follow(self, databases: Iterable[Database]) -> None:
        """Be told of these too: they are new among those that are served."""
        for database in databases:
            database.listen(self._publish)
        self._publish()

    def drain(self) -> None:
        """Say that no more calls are welcome."""
        self._draining = True
        self._publish()

    def close(self) -> None:
        """End every Watch: the server's stop waits for calls under way."""
        self.servicer.close()

    def _publish(self) -> None:
        databases = {
            f"database/{database.name}": _status(up=bool(database.availability.up)) for database in self._databases
        }
        self.servicer.set(
            {**databases, "": _status(up=self.ready), "readiness": _status(up=self.ready), "liveness": _SERVING}
        )
        for told in self._listeners:
            told(self.state())


def _status(*, up: bool) -> int:
    return _SERVING if up else _NOT_SERVING
