"""A connection beside the pool, kept open to be asked something short: whether the server lives, to end a statement.

It may have gone dark while nobody used it. So what it does not answer at once is asked again on a new one.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

_T = TypeVar("_T")

_AT_ONCE = 0.25
"""Seconds for an answer on a connection that was kept."""


class Control:
    """One such connection, used by one at a time.

    Args:
        connect: makes it.
        timeout: seconds for that.
    """

    def __init__(self, connect: Callable[[], Awaitable[Any]], timeout: float) -> None:
        self._connect = connect
        self._timeout = timeout
        self._connection: Any = None
        self._lock = asyncio.Lock()
        self.server_since = float("-inf")
        """By `time.monotonic`: the server of this connection was not started later than a second behind that."""

    async def ask(self, question: Callable[[Any], Awaitable[_T]]) -> _T:
        """Ask on the connection that is kept, else on a new one.

        Raises:
            TimeoutError: no connection could be made in time.
            Exception: the question's.
        """
        async with self._lock:
            if self._connection is not None:
                try:
                    async with asyncio.timeout(_AT_ONCE):
                        return await question(self._connection)
                except Exception:  # noqa: BLE001 - the second try tells what is wrong
                    self.drop()
                except BaseException:
                    self.drop()
                    raise
            async with asyncio.timeout(self._timeout):
                await self._open()
            try:
                return await question(self._connection)
            except BaseException:
                self.drop()
                raise

    def drop(self) -> None:
        """Let go of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            if connection._transport is not None:
                # Over TLS, close() waits for the server's goodbye.
                connection._transport.abort()
            connection.close()

    async def _open(self) -> None:
        connection = await self._connect()
        try:
            await connection.query("SHOW GLOBAL STATUS LIKE 'Uptime'")
        except BaseException:
            connection.close()
            raise
        # In whole seconds, rounded down.
        self.server_since = time.monotonic() - int(connection._result.rows[0][1]) - 1
        self._connection = connection
