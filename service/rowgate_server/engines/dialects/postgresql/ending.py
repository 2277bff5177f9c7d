"""Ends the process of a session from another connection, whatever its statement does with requests to cancel it."""

from __future__ import annotations

from typing import Any, NamedTuple

from rowgate_server.engines.dialects import control
from rowgate_server.engines.dialects.control import Server

_SERVER = """
  COALESCE(pg_catalog.host(pg_catalog.inet_server_addr()), ''), COALESCE(pg_catalog.inet_server_port(), 0),
  pg_catalog.date_part('epoch', pg_catalog.pg_postmaster_start_time())
"""
_BEGUN = """
SELECT pg_catalog.date_part('epoch', backend_start), {server}
FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid()) AS backends
"""
_TERMINATE = """
SELECT (
  SELECT pg_catalog.pg_terminate_backend($1) FROM pg_catalog.pg_stat_get_activity($1) AS backends
  WHERE pg_catalog.date_part('epoch', backend_start) OPERATOR(pg_catalog.=) $2
), {server}
"""


class Begun(NamedTuple):
    """When a session's process began, and where.

    Numbers are given again, also by a server that was started anew; with the time that it began, one is one process.
    """

    at: float
    server: Server


async def begun(connection: Any) -> Begun:
    """Ask a session of itself."""
    at, *server = await connection.fetchrow(_BEGUN.format(server=_SERVER))
    return Begun(at, _server(*server))


def _server(address: str, port: int, since: float) -> Server:
    return Server(f"{address}:{port}", repr(since))


class Control(control.Control):
    """Asked on asyncpg's, of the same login: a role may end its own processes."""

    async def end(self, number: int, process: Begun) -> bool:
        """End a process: whether it is gone.

        Raises:
            OtherServerError: its server was not reached.
            asyncpg.PostgresError: it is not permitted.
        """

        async def terminate(connection: Any) -> bool:
            found, *server = await connection.fetchrow(_TERMINATE.format(server=_SERVER), number, process.at)
            return process.server.is_past(_server(*server)) or found is None

        return await self.reach(terminate)

    @staticmethod
    def _is_open(connection: Any) -> bool:
        return not connection.is_closed()

    @staticmethod
    def _close(connection: Any) -> None:
        connection.terminate()
