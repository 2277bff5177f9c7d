"""Ends the process of a session from another connection, whatever its statement does with requests to cancel it."""

from __future__ import annotations

import asyncio
from typing import Any

from rowgate_server.engines.dialects import control

# Numbers are given again, also by a server that was started anew; with the time that it began, one is one process.
STARTED = """
SELECT pg_catalog.date_part('epoch', backend_start)
FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS backends
"""
_TERMINATE = """
SELECT pg_catalog.pg_terminate_backend($1) FROM pg_catalog.pg_stat_get_activity($1) AS backends
WHERE pg_catalog.date_part('epoch', backend_start) OPERATOR(pg_catalog.=) $2
"""


class Control(control.Control):
    """Asked on asyncpg's, of the same login: a role may end its own processes.

    It is opened before there is anything to end: when there is, the login may have no connection left.
    """

    wanted = False
    """Whether there may be something to end."""

    async def ready(self) -> None:
        """Have it open, unless it is."""
        self.wanted = True
        if self._connection is not None and not self._connection.is_closed():
            return
        async with self._lock, asyncio.timeout(self._timeout):
            if self._connection is None or self._connection.is_closed():
                self._connection = await self._open()

    async def end(self, number: int, started: float) -> bool:
        """End a process: whether it is gone.

        Raises:
            asyncpg.PostgresError: it is not permitted.
        """

        async def terminate(connection: Any) -> bool:
            return await connection.fetchval(_TERMINATE, number, started) is None

        return await self.ask(terminate)

    @staticmethod
    def _close(connection: Any) -> None:
        connection.terminate()
