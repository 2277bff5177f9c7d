"""A connection beside the pool, kept open to be asked something short: whether the server lives, to end a statement.

It may have gone dark while nobody used it. So what it does not answer at once is asked again on a new one. And it may
lead to another server than the pool's connections do, where one address stands for several.
"""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, NamedTuple, TypeVar

_T = TypeVar("_T")

_AT_ONCE = 0.25
"""Seconds for an answer on a connection that was kept."""

_REPLACING = 0.5
"""Seconds that a probe has to open anew what has died."""

_REACHES = 4
"""Connections that are opened to come to the right server of several behind one address."""


class OtherServerError(Exception):
    """The address leads to another server than that which is to be asked."""

    def __init__(self) -> None:
        super().__init__("the database's address leads to several servers, and to another one than the statement's")


class Server(NamedTuple):
    """Which server a connection leads to.

    Attributes:
        name: as it tells them apart; the same when it was started anew.
        since: when it was started.
    """

    name: str
    since: str

    def is_past(self, found: Server) -> bool:
        """Whether it was started anew since, so that its sessions are gone, and their numbers others'.

        Raises:
            OtherServerError: what was found is another one.
        """
        if found.name != self.name:
            raise OtherServerError
        return found.since != self.since


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
        self._wanted = False

    async def ready(self) -> None:
        """Have it open before it is needed: when it is, the server or the login may have no connection left."""
        self._wanted = True
        if self._has_one():
            return
        async with self._lock, asyncio.timeout(self._timeout):
            if not self._has_one():
                self.drop()
                self._connection = await self._open()

    async def stay_ready(self) -> None:
        """Have it open again if it is to be and has died, as far as that goes at once.

        The pool's connections may live on for long; the next that is opened tells why there can be none.
        """
        if self._wanted:
            with suppress(Exception):
                async with asyncio.timeout(_REPLACING):
                    await self.ready()

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

    async def reach(self, question: Callable[[Any], Awaitable[_T]]) -> _T:
        """Ask on new connections until one leads to the right server, which the question looks at.

        Raises:
            OtherServerError: none did.
            Exception: as of `ask`.
        """
        for _ in range(_REACHES - 1):
            with suppress(OtherServerError):
                return await self.ask(question)
        return await self.ask(question)

    def drop(self) -> None:
        """Let go of it."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._close(connection)

    def _has_one(self) -> bool:
        return self._connection is not None and self._is_open(self._connection)

    async def _open(self) -> Any:
        """A new one, made ready."""
        return await self._connect()

    @staticmethod
    @abstractmethod
    def _is_open(connection: Any) -> bool:
        """Whether the server has not said goodbye."""

    @staticmethod
    @abstractmethod
    def _close(connection: Any) -> None:
        """Close it at once: over TLS, a goodbye waits for the server's."""
