"""MySQL's connections beside the pool, and since when the server is up that they lead to."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import Any

from rowgate_server.engines.dialects import control


class Control(control.Control):
    """Asked on asyncmy's."""

    def __init__(self, connect: Callable[[], Awaitable[Any]], timeout: float) -> None:
        super().__init__(connect, timeout)
        self.server_since = float("-inf")
        """By `time.monotonic`: the server of this connection was not started later than a second behind that."""

    async def _open(self) -> Any:
        connection = await self._connect()
        try:
            await connection.query("SHOW GLOBAL STATUS LIKE 'Uptime'")
        except BaseException:
            connection.close()
            raise
        # In whole seconds, rounded down.
        self.server_since = time.monotonic() - int(connection._result.rows[0][1]) - 1
        return connection

    @staticmethod
    def _close(connection: Any) -> None:
        if connection._transport is not None:
            connection._transport.abort()
        connection.close()
