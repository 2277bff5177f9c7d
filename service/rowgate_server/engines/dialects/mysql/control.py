"""MySQL's connections beside the pool, and which server they lead to."""

from __future__ import annotations

from typing import Any, Protocol

from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects import control
from rowgate_server.engines.dialects.control import Server
from rowgate_server.engines.dialects.mysql.link import Link

# Which there are differs by version; none of them can be set while the server runs. Of the uptime and the clock, both
# in whole seconds of the statement's begin, the difference is always the same.
_WHICH = """
SELECT LOWER(VARIABLE_NAME), VARIABLE_VALUE FROM {schema}.global_variables
WHERE VARIABLE_NAME IN ('server_uid', 'server_uuid', 'hostname', 'port', 'datadir')
UNION ALL
SELECT '', CAST(UNIX_TIMESTAMP() - VARIABLE_VALUE AS SIGNED) FROM {schema}.global_status WHERE VARIABLE_NAME = 'uptime'
"""
_CANNOT_TELL = ((1044,), (1049,), (1109,), (1142,), (1146,))
"""No such database or table, or none for this login: a server that only speaks like MySQL."""

_NO_SUCH_THREAD = (1094,)


async def server_of(connection: Any) -> Server:
    """Which server it leads to; where servers can't tell, they are all one."""
    mariadb = "mariadb" in str(connection.get_server_info()).lower()
    try:
        await connection.query(_WHICH.format(schema="information_schema" if mariadb else "performance_schema"))
    except MySQLError as error:
        if error.args[:1] not in _CANNOT_TELL:
            raise
        return Server("", "")
    told = {str(name): str(value) for name, value in connection._result.rows}
    since = told.pop("", "")
    return Server(" ".join(f"{name}={value}" for name, value in sorted(told.items())), since)


class Killer(Protocol):
    """What can stop a statement from outside its connection."""

    async def kill(self, connection: Any) -> bool:
        """End that connection, and what it runs: whether it is gone."""


class Control(control.Control):
    """Asked on asyncmy's."""

    @staticmethod
    def _is_open(connection: Any) -> bool:
        return Link(connection).alive

    @staticmethod
    def _close(connection: Any) -> None:
        Link(connection).abort()


class Killing(Control):
    """Ends others' sessions."""

    _server = Server("", "")
    """Where the connection leads that there is."""

    async def end(self, number: int, server: Server) -> bool:
        """End a session: whether it is gone.

        The server's OK says only that it has taken note: a statement may come to look for it much later.

        Args:
            number: given to no other session, as long as the server is up.
            server: whose it is; on any other one the number is somebody else's.

        Raises:
            OtherServerError: that server was not reached.
            MySQLError: it is not permitted.
        """

        async def kill(connection: Any) -> bool:
            if server.is_past(self._server):
                return True
            try:
                await connection.query(f"KILL {number}")
            except MySQLError as error:
                if error.args[:1] != _NO_SUCH_THREAD:
                    raise
                return True
            return False

        return await self.reach(kill)

    async def _open(self) -> Any:
        connection = await self._connect()
        try:
            self._server = await server_of(connection)
        except BaseException:
            self._close(connection)
            raise
        return connection
