"""Warns where the pools of all gateways, and all their processes, together are larger than what a server allows.

It is asked through the pool when the server is found up, until it has answered once. Nothing waits for the answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial

from rowgate_server.engines.connections import Connections
from rowgate_server.engines.database import Database, Server
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.running import Call
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import RowgateError
from rowgate_server.observability.ids import new_id
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.pool")

_PATIENCE = 5.0
"""Seconds."""

_QUESTIONS = {
    Dialect.MYSQL: "SELECT CASE WHEN @@max_user_connections BETWEEN 1 AND @@max_connections"
    " THEN @@max_user_connections ELSE @@max_connections END",
    # LEAST passes over NULLs.
    Dialect.POSTGRESQL: "SELECT least("
    "current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int"
    " - coalesce(current_setting('reserved_connections', true), '0')::int,"
    " nullif((SELECT rolconnlimit FROM pg_roles WHERE rolname = current_user), -1),"
    " nullif((SELECT datconnlimit FROM pg_database WHERE datname = current_database()), -1))",
}


class CapacityCheck:
    """Looks at each server of one database when it first comes up, and again when there are to be more processes.

    Pools to one server are counted together where they lead to the same `host:port`: those of all logins, and those of
    a replica that is also a host, or another replica. What other names lead there nobody tells. Beside the pools there
    is a connection that probes each server, and one for each pool to end statements by, from its first one on.

    Args:
        database: which.
        logins: the same one, with other logins; each has pools too.
        processes: how many have pools like these.
    """

    def __init__(self, database: Database, logins: Sequence[Database], processes: int) -> None:
        self._database = database
        self._processes = processes
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._servers = database.servers() if database.dialect in _QUESTIONS else ()
        self._pools: dict[str, list[Connections]] = {}
        self._beside = Counter(server.address for server in self._servers)
        for each in (database, *logins):
            for server in each.servers():
                self._pools.setdefault(server.address, []).append(server.executor.pool)
                self._beside[server.address] += 1
        for server in self._servers:
            server.availability.listen(partial(self._look, server))

    def start(self) -> None:
        """Look at once at those that are up already."""
        for server in self._servers:
            self._look(server, bool(server.availability.up))

    def recount(self, processes: int) -> None:
        """There are so many from now on: look again at those that are up."""
        if processes == self._processes:
            return
        self._processes = processes
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()
        self.start()

    @property
    def database(self) -> Database:
        """Which it looks at."""
        return self._database

    async def stop(self) -> None:
        """Look no more."""
        unfinished = [task for task in self._tasks.values() if not task.done()]
        for task in unfinished:
            task.cancel()
        if unfinished:
            await asyncio.wait(unfinished)

    def _look(self, server: Server, up: bool) -> None:
        if up and server.address not in self._tasks:
            self._tasks[server.address] = asyncio.create_task(self._compare(server), name="rowgate-capacity")

    async def _compare(self, server: Server) -> None:
        try:
            allowed = await self._allowed(server)
        except RowgateError as error:
            _log.info("the database does not say how many connections it allows", cause=error.message)
            if self._tasks.get(server.address) is asyncio.current_task():
                del self._tasks[server.address]
            return
        most = sum(pool.numbers().maximum for pool in self._pools[server.address])
        beside = self._beside[server.address]
        figures = {
            "database": self._database.name,
            **({"host": server.address} if server.address else {}),
            "allowed": allowed,
            "pool_max": most,
            "beside_pools": beside,
            "processes": self._processes,
        }
        if self._processes * (most + beside) <= allowed:
            _log.debug("pools within what the database allows", **figures)
            return
        remedy = "lower pool.size and pool.max_overflow, or raise the database's limit"
        _log.warning("pools larger than the database allows", **figures, remedy=remedy)

    async def _allowed(self, server: Server) -> int:
        question = BoundStatement((_QUESTIONS[self._database.dialect],), ())
        deadline = Deadline.soonest((_PATIENCE, "the gateway's own patience"))
        result = await server.executor.run(Call(question, deadline, ResultLimits(), new_id(), reads=True))
        return int(result.rows[0][0])
