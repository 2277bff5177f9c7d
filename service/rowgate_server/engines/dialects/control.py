"""A connection beside the pool, kept open to be asked something short: whether the server lives, to end a statement.

It may have gone dark while nobody used it. So what it does not answer at once is asked again on a new one.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

_T = TypeVar("_T")

_AT_ONCE = 0.25
"""Seconds for an answer on a connection that was kept."""


class Control(ABC):
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
                self._connection = await self._open()
            try:
                return await question(self._connection)
            except BaseException:
                self.drop()
                raise

    def drop(self) -> None:
        """Let go of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._close(connection)

    async def _open(self) -> Any:
        """A new one, made ready."""
        return await self._connect()

    @staticmethod
    @abstractmethod
    def _close(connection: Any) -> None:
        """Close it at once: over TLS, a goodbye waits for the server's."""
