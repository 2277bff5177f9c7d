"""Makes connections, keeps those that are idle, and never waits for a link that is dark.

SQLAlchemy's own pool would keep them as well. But it says goodbye to a connection that fails its ping or is too old: on
a dark link that takes as long as the link's timeout, however often the task is cancelled; and one dead connection costs
all the others. So its engine has no pool (it still makes a connection its own, for reflection); idle connections are
kept here, pinged within a bound, and cut before they are closed.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, ExceptionContext, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool, PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from rowgate_server.engines import clock
from rowgate_server.engines.driver import Driver
from rowgate_server.observability.connections import DatabaseConnections

_PING = 0.5
"""Seconds: longer than an answer takes, shorter than callers wait."""

_GOODBYE = 0.25
"""Seconds that a connection may take to be closed in order."""

_AT_ONCE = 4
"""Connections that are made at the same time: a database that has just come back must not be overrun."""

_MADE_AT = "rowgate_made_at"


@dataclass(frozen=True, slots=True)
class ConnectorSettings:
    """Connections and seconds, as in `PoolSettings`."""

    size: int
    recycle: float
    pre_ping: bool


def _leave_open(context: ExceptionContext) -> None:
    """Keep SQLAlchemy from closing the connection of a reflection that was given up: whoever leases it ends it.

    Where a request to cancel had overtaken its statement, `asyncpg.Connection.close` took its two seconds, and the
    statement went on. Outside of a transaction, as while it gets to know the first connection's server, SQLAlchemy
    would roll back instead, on a link that may be cut.
    """
    if context.connection is not None and context.connection.in_transaction():
        context.is_disconnect = False


class Attempt:
    """One try for a connection. `cut` ends what it waits for on the link; `left`: nobody wants it any more."""

    __slots__ = ("cut", "left")

    def __init__(self) -> None:
        self.cut: Callable[[], None] = _nothing
        self.left = False


class Connector:
    """The connections of one database.

    Args:
        driver: makes them.
        settings: how many, and how old they may become.
        counted: what becomes of each.
    """

    def __init__(self, driver: Driver, settings: ConnectorSettings, counted: DatabaseConnections) -> None:
        self._driver = driver
        self._settings = settings
        self._size = settings.size
        self._counted = counted
        self._turns = asyncio.Semaphore(_AT_ONCE)
        self._made: Any = None
        self._idle: list[PoolProxiedConnection] = []
        self._engine: AsyncEngine = create_async_engine(
            driver.engine_url,
            creator=self._adopt,
            poolclass=NullPool,
            # Sessions are reset before they come back, by a task that can drop them if that fails.
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            # Raw SQL is not cached, and one reflection query is like another.
            query_cache_size=64,
        )
        event.listen(self._engine.sync_engine, "handle_error", _leave_open)

    @property
    def sync_engine(self) -> Engine:
        """For reflection, which SQLAlchemy does itself."""
        return self._engine.sync_engine

    @property
    def idle(self) -> int:
        """Connections that nobody uses."""
        return len(self._idle)

    async def idle_one(self, attempt: Attempt) -> PoolProxiedConnection | None:
        """An idle connection that answers, and is not too old; None where there is none, or one did not answer."""
        while self._idle:
            checked_out = self._idle.pop()
            age = clock.now() - checked_out.info[_MADE_AT]
            if self._settings.recycle and age >= self._settings.recycle:
                await self._close(checked_out, "age")
                continue
            if not self._settings.pre_ping:
                return checked_out
            try:
                if await self._answers(checked_out, attempt):
                    return checked_out
            except BaseException:
                await self._drop(checked_out, "other")
                raise
            await self._drop(checked_out, "dead")
            return None  # the others may be just as dead, and each would take as long to tell
        return None

    async def new_one(
        self, attempt: Attempt, instead: Callable[[], PoolProxiedConnection | None]
    ) -> PoolProxiedConnection:
        """A new connection, or one that has come free while this waited for its turn to make one."""
        async with self._turns:
            if attempt.left:
                # A driver may make an error of its own of a cancellation that comes together with a ping's timeout.
                raise asyncio.CancelledError
            found = instead()
            if found is not None:
                return found
            return await self._new(attempt)

    async def check_in(self, checked_out: PoolProxiedConnection, *, unfit: str = "") -> None:
        """Keep a connection that nobody uses; or close it, at once if it is unfit: why is one of `INVALIDATED`."""
        if unfit:
            await self._drop(checked_out, unfit)
        elif len(self._idle) < self._size:
            self._idle.append(checked_out)
        else:
            await self._close(checked_out, "surplus")

    async def trial(self) -> None:
        """Make a connection; it stays if there is room."""
        await self.check_in(await self._new(Attempt()))

    async def keep_none(self) -> None:
        """Close what is idle, and keep nothing from now on."""
        self._size = 0
        idle, self._idle = self._idle, []
        await asyncio.gather(*(self._close(each, "surplus") for each in idle))

    async def close(self) -> None:
        """Close what is idle."""
        await self.keep_none()
        await self._engine.dispose()

    async def _new(self, attempt: Attempt) -> PoolProxiedConnection:
        connection = await self._driver.connect()
        session = self._driver.session(connection)
        # SQLAlchemy asks the first connection about its server.
        attempt.cut = session.abort
        try:
            return await self._check_out(connection)
        except BaseException:
            session.abort()
            raise
        finally:
            attempt.cut = _nothing

    async def _close(self, checked_out: PoolProxiedConnection, reason: str) -> None:
        """Close a sound connection, with a goodbye to the server if that does not take long."""
        self._counted.closed[reason] += 1
        await self._end(checked_out)

    async def _drop(self, checked_out: PoolProxiedConnection, reason: str) -> None:
        """Close an unfit one at once."""
        self._counted.invalidated[reason] += 1
        # Before SQLAlchemy closes it: on a dark link, saying goodbye takes as long as the link's timeout.
        self._cut(checked_out.driver_connection)
        await self._end(checked_out)

    async def _end(self, checked_out: PoolProxiedConnection) -> None:
        connection = checked_out.driver_connection
        closing = asyncio.ensure_future(greenlet_spawn(checked_out.invalidate))
        done, _ = await asyncio.wait({closing}, timeout=_GOODBYE)
        if not done:
            self._cut(connection)
            await asyncio.wait({closing}, timeout=_GOODBYE)
        if closing.done() and not closing.cancelled():
            closing.exception()  # there is nobody to be told

    async def _check_out(self, connection: Any) -> PoolProxiedConnection:
        """A new connection through SQLAlchemy's engine, which asks `_adopt` for it."""
        self._made = connection
        checked_out = await greenlet_spawn(self._engine.sync_engine.raw_connection)
        checked_out.info[_MADE_AT] = clock.now()
        self._counted.opened += 1
        return checked_out

    def _adopt(self) -> Any:
        """What `async_creator` does, without the statement cache that SQLAlchemy's asyncpg adapter would keep."""
        dialect: Any = self._engine.dialect

        async def made() -> Any:
            connection, self._made = self._made, None
            return connection

        return dialect.dbapi.connect(async_creator_fn=made, **self._driver.adapter_options)

    def _cut(self, connection: Any) -> None:
        with contextlib.suppress(Exception):
            self._driver.session(connection).abort()

    async def _answers(self, checked_out: PoolProxiedConnection, attempt: Attempt) -> bool:
        session = self._driver.session(checked_out.driver_connection)
        if not session.alive():
            return False
        attempt.cut = session.abort
        dialect = self._engine.dialect
        try:
            async with asyncio.timeout(_PING):
                return bool(await greenlet_spawn(dialect.do_ping, checked_out.dbapi_connection))
        except Exception:  # noqa: BLE001 - whatever it was, the connection is not to be used
            return False
        finally:
            attempt.cut = _nothing


def _nothing() -> None:
    """There is nothing to cut."""
