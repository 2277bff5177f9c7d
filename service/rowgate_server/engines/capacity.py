"""Warns where the pools of all gateways, and of all their processes, together are larger than what a database allows.

It is asked through the pool, once, when the database is first found up. Nothing waits for the answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rowgate_server.engines.database import Database
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
    """Looks at one database when it first comes up.

    Args:
        database: which.
        logins: the same one, with other logins; each has a pool too.
        processes: how many have pools like these.
    """

    def __init__(self, database: Database, logins: Sequence[Database], processes: int) -> None:
        self._database = database
        self._pools = (database, *logins)
        self._processes = processes
        self._task: asyncio.Task[None] | None = None
        if database.dialect in _QUESTIONS:
            database.availability.listen(self._look)

    def start(self) -> None:
        """Look at once, if it is up already."""
        if self._database.dialect in _QUESTIONS:
            self._look(bool(self._database.availability.up))

    @property
    def database(self) -> Database:
        """Which it looks at."""
        return self._database

    async def stop(self) -> None:
        """Look no more."""
        if self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task})

    def _look(self, up: bool) -> None:
        if up and self._task is None:
            self._task = asyncio.create_task(self._compare(), name="rowgate-capacity")

    async def _compare(self) -> None:
        try:
            allowed = await self._allowed()
        except RowgateError as error:
            _log.info("the database does not say how many connections it allows", cause=error.message)
            return
        most = sum(each.pool_numbers().maximum for each in self._pools)
        figures = {
            "database": self._database.name,
            "allowed": allowed,
            "pool_max": most,
            "processes": self._processes,
        }
        if self._processes * most <= allowed:
            _log.debug("pools within what the database allows", **figures)
            return
        remedy = "lower pool.size and pool.max_overflow, or raise the database's limit"
        _log.warning("pools larger than the database allows", **figures, remedy=remedy)

    async def _allowed(self) -> int:
        question = BoundStatement((_QUESTIONS[self._database.dialect],), ())
        deadline = Deadline.soonest((_PATIENCE, "the gateway's own patience"))
        result = await self._database.executor.run(Call(question, deadline, ResultLimits(), new_id(), reads=True))
        return int(result.rows[0][0])
