"""One pool of connections: SQLAlchemy's, with a bounded wait before it and a clean-up behind it.

- Waiters stand before SQLAlchemy's pool, not in it: its own queue makes each wait its whole timeout in turn while
  the database is down.
- A connection goes back clean, or not at all. Both happen in a task of the pool's own, so a cancelled call neither
  waits for it nor interrupts it, and the connection stays checked out until it is over.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver, Session
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import DatabaseMetrics, PoolNumbers


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Connections and seconds. `cleanup` bounds the reset or kill of one connection."""

    size: int
    max_overflow: int
    recycle: float
    pre_ping: bool
    wait_timeout: float
    cleanup: float = 5.0


class Lease:
    """A connection in use; `end` it once."""

    __slots__ = ("_pool", "checked_out", "session")

    def __init__(self, pool: Pool, checked_out: PoolProxiedConnection, session: Session) -> None:
        self._pool = pool
        self.checked_out = checked_out
        self.session = session

    def end(self, *, sound: bool) -> None:
        """Give the connection back, reset; or, when it is not sound, stop what may still run on it and close it.

        Both happen in a task of the pool's own: there is nothing to wait for.
        """
        self._pool.clean_up(self.checked_out, self.session, kill=not sound)


class Pool:
    """The pool of one database."""

    def __init__(self, driver: Driver, settings: PoolSettings, metrics: DatabaseMetrics) -> None:
        self._driver = driver
        self._settings = settings
        self._metrics = metrics
        self._maximum = settings.size + settings.max_overflow
        self._places = asyncio.Semaphore(self._maximum)
        self._waiting = 0
        self._in_use = 0
        self._cleaning: set[asyncio.Task[None]] = set()
        self._engine: AsyncEngine = create_async_engine(
            driver.engine_url,
            creator=self._create,
            pool_size=settings.size,
            max_overflow=settings.max_overflow,
            pool_recycle=int(settings.recycle) or -1,
            pool_pre_ping=settings.pre_ping,
            pool_timeout=settings.wait_timeout,
            # Sessions are reset before they come back, by a task that can drop them if that fails.
            pool_reset_on_return=None,
            isolation_level="AUTOCOMMIT",
            # Raw SQL is not cached, and one reflection query is like another.
            query_cache_size=64,
        )

    @property
    def sync_engine(self) -> Engine:
        """For reflection, which SQLAlchemy does itself."""
        return self._engine.sync_engine

    def numbers(self) -> PoolNumbers:
        """What the pool holds at this moment."""
        pool: Any = self._engine.pool
        return PoolNumbers(self._in_use, pool.checkedin(), self._waiting, self._maximum)

    def _create(self) -> Any:
        """What `async_creator` does, without the statement cache that SQLAlchemy's asyncpg adapter would keep."""
        dialect: Any = self._engine.dialect
        return dialect.dbapi.connect(async_creator_fn=self._driver.connect, **self._driver.adapter_options)

    async def checkout(self, deadline: Deadline) -> Lease:
        """A connection, alive and reset.

        Raises:
            RowgateError: POOL_EXHAUSTED, DATABASE_UNAVAILABLE or STATEMENT_TIMEOUT, all with outcome NOT_RUN.
        """
        await self._wait_for_a_place(deadline)
        try:
            checked_out = await self._connect(deadline)
        except BaseException:
            self._places.release()
            raise
        self._in_use += 1
        return Lease(self, checked_out, self._driver.session(checked_out.driver_connection))

    def clean_up(self, checked_out: PoolProxiedConnection, session: Session, *, kill: bool) -> None:
        """Reset or kill, then return or close: in a task of its own."""
        task = asyncio.create_task(self._clean_up(checked_out, session, kill=kill), name="rowgate-pool-cleanup")
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def close(self) -> None:
        """Wait for clean-ups under way, which are bounded, then close every connection."""
        if self._cleaning:
            await asyncio.wait(self._cleaning)
        await self._engine.dispose()
        await self._driver.close()

    async def _wait_for_a_place(self, deadline: Deadline) -> None:
        if not self._places.locked():
            await self._places.acquire()
            return
        patience = min(self._settings.wait_timeout, deadline.remaining())
        self._waiting += 1
        try:
            async with asyncio.timeout(patience):
                await self._places.acquire()
        except TimeoutError:
            self._metrics.pool_timeout()
            if deadline.remaining() <= 0:
                raise deadline.exceeded("waiting for a connection", Outcome.NOT_RUN) from None
            raise self._exhausted() from None
        finally:
            self._waiting -= 1

    def _exhausted(self) -> RowgateError:
        limit = f"pool of {self._maximum}, wait {self._settings.wait_timeout:g}s"
        return RowgateError(
            Reason.POOL_EXHAUSTED,
            f"all {self._maximum} connections are in use, and none came free in time",
            retry_after=self._settings.wait_timeout,
            limit=limit,
            outcome=Outcome.NOT_RUN,
        )

    async def _connect(self, deadline: Deadline) -> PoolProxiedConnection:
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await greenlet_spawn(self._engine.sync_engine.raw_connection)
        except TimeoutError:
            if deadline.remaining() <= 0:
                raise deadline.exceeded("connecting to the database", Outcome.NOT_RUN) from None
            raise self._unavailable() from None
        except Exception as error:
            # SQLAlchemy wraps driver errors, its original behind `orig`.
            cause = getattr(error, "orig", None) or error
            translated = self._driver.translate(cause, has_parameters=False)
            if translated is None:
                raise
            self._metrics.connect_failed(cause)
            raise self._unavailable().with_defaults(
                sqlstate=translated.metadata.get("sqlstate"), vendor_code=translated.metadata.get("vendor_code")
            ) from error

    @staticmethod
    def _unavailable() -> RowgateError:
        return RowgateError(
            Reason.DATABASE_UNAVAILABLE, "the database cannot be reached", retry_after=1.0, outcome=Outcome.NOT_RUN
        )

    async def _clean_up(self, checked_out: PoolProxiedConnection, session: Session, *, kill: bool) -> None:
        clean = False
        try:
            async with asyncio.timeout(self._settings.cleanup):
                if kill:
                    await session.kill()
                else:
                    await session.reset()
                    clean = True
        except Exception as error:  # noqa: BLE001 - whatever it was, the connection must not be used again
            self._metrics.cleanup_failed(error, kill=kill)
        finally:
            if not clean:
                # Before SQLAlchemy closes it: on a dark link, saying goodbye takes as long as the link's timeout.
                session.abort()
            await self._check_in(checked_out, keep=clean)

    async def _check_in(self, checked_out: PoolProxiedConnection, *, keep: bool) -> None:
        def check_in() -> None:
            if not keep:
                checked_out.invalidate()
            checked_out.close()

        try:
            with contextlib.suppress(Exception):
                await greenlet_spawn(check_in)
        finally:
            self._in_use -= 1
            self._places.release()
