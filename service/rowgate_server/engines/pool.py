"""One pool of connections: SQLAlchemy's, with a bounded wait before it, and warm connections in front of it.

- Waiters stand before SQLAlchemy's pool, not in it: its own queue makes each wait its whole timeout in turn while
  the database is down.
- A connection goes back clean, or not at all. Both happen behind the answer, in a task of the pool's own, so a
  cancelled call neither waits for it nor interrupts it, and the connection stays checked out until it is over.
- A connection that was used a moment ago stays warm: the next call gets it as it is. After a second without one it
  goes back to SQLAlchemy's pool, which pings it at its next checkout and replaces it when it has grown old.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from rowgate_server.engines import clock, connections
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver, Session
from rowgate_server.engines.places import Places
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import DatabaseMetrics, PoolNumbers

_WARM = 1.0
"""Seconds without a call after which a connection goes back to SQLAlchemy's pool."""

_WARM_AT_MOST = 60.0
"""Seconds after which it goes back however busy it is, so that it is pinged, and replaced when it has grown old."""

_RESET_AFTER = 0.02
"""Seconds that a reset waits for the next statement to go with: what the last one held is let go of by then."""


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
    """A connection in use; `end` it once for each checkout."""

    __slots__ = ("_pool", "checked_out", "cold_at", "reset_due", "session", "used_at")

    def __init__(self, pool: Pool, checked_out: PoolProxiedConnection, session: Session, cold_at: float) -> None:
        self._pool = pool
        self.checked_out = checked_out
        self.session = session
        self.cold_at = cold_at
        self.used_at = 0.0
        self.reset_due = False

    def end(self, *, sound: bool, reads: bool = False) -> None:
        """Give the connection back, to be reset; or, when it is not sound, stop what may still run on it and close it.

        There is nothing to wait for.

        Args:
            sound: nothing runs on it, and its state is known.
            reads: the first word of what ran on it says that it reads.
        """
        self._pool.take_back(self, sound=sound, reads=reads)


class Pool:
    """The pool of one database."""

    def __init__(self, driver: Driver, settings: PoolSettings, metrics: DatabaseMetrics) -> None:
        self._driver = driver
        self._settings = settings
        self._metrics = metrics
        self._maximum = settings.size + settings.max_overflow
        self._places = Places(self._maximum)
        self._in_use = 0
        self._warm: list[Lease] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
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
        return PoolNumbers(self._in_use, pool.checkedin() + len(self._warm), self._places.waiting, self._maximum)

    def take(self) -> Lease | None:
        """A warm connection, if there is one, and nobody waits for it."""
        if not self._warm or not self._places.take():
            return None
        lease = self._warm_one()
        if lease is None:
            self._places.release()
            return None
        self._in_use += 1
        lease.reset_due = False
        return lease

    async def checkout(self, deadline: Deadline) -> Lease:
        """A connection, alive, and reset or sure to be.

        Raises:
            RowgateError: POOL_EXHAUSTED, DATABASE_UNAVAILABLE or STATEMENT_TIMEOUT, all with outcome NOT_RUN.
        """
        await self._take_place(deadline)
        lease = self._warm_one()
        if lease is not None:
            lease.reset_due = False
            return lease
        try:
            return await self._connect(deadline)
        except BaseException:
            self._free_place()
            raise

    def take_back(self, lease: Lease, *, sound: bool, reads: bool) -> None:
        """What `Lease.end` asks for."""
        if sound and not self._closed and lease.session.defer_reset(reads=reads):
            lease.reset_due = True
            self._keep_warm(lease)
            self._free_place()
        else:
            self._start(self._clean_up(lease, kill=not sound))

    async def close(self) -> None:
        """Wait for clean-ups under way, which are bounded, then close every connection."""
        self._closed = True
        if self._sweeper is not None:
            self._sweeper.cancel()
        warm, self._warm = self._warm, []
        for lease in warm:
            self._start(self._check_in(lease, keep=True))
        while self._cleaning:
            await asyncio.wait(self._cleaning)
        await self._engine.dispose()
        await self._driver.close()

    def _create(self) -> Any:
        """What `async_creator` does, without the statement cache that SQLAlchemy's asyncpg adapter would keep."""
        dialect: Any = self._engine.dialect
        return dialect.dbapi.connect(async_creator_fn=self._driver.connect, **self._driver.adapter_options)

    async def _take_place(self, deadline: Deadline) -> None:
        if not self._places.take():
            began = clock.now()
            try:
                await self._places.wait(min(self._settings.wait_timeout, deadline.remaining()))
            except TimeoutError:
                self._metrics.pool_timeout()
                if deadline.remaining() <= 0:
                    raise deadline.exceeded("waiting for a connection", Outcome.NOT_RUN) from None
                raise self._exhausted() from None
            finally:
                self._metrics.connections.waits.add(clock.now() - began)
        self._in_use += 1

    def _free_place(self) -> None:
        self._in_use -= 1
        self._places.release()

    def _exhausted(self) -> RowgateError:
        limit = f"pool of {self._maximum}, wait {self._settings.wait_timeout:g}s"
        return RowgateError(
            Reason.POOL_EXHAUSTED,
            f"all {self._maximum} connections are in use, and none came free in time",
            retry_after=self._settings.wait_timeout,
            limit=limit,
            outcome=Outcome.NOT_RUN,
        )

    async def _connect(self, deadline: Deadline) -> Lease:
        """A connection of SQLAlchemy's pool, pinged, or a new one."""
        try:
            async with asyncio.timeout(deadline.remaining()):
                checked_out = await greenlet_spawn(self._engine.sync_engine.raw_connection)
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
        cold_at = clock.now() + _WARM_AT_MOST
        return Lease(self, checked_out, self._driver.session(checked_out.driver_connection), cold_at)

    @staticmethod
    def _unavailable() -> RowgateError:
        return RowgateError(
            Reason.DATABASE_UNAVAILABLE, "the database cannot be reached", retry_after=1.0, outcome=Outcome.NOT_RUN
        )

    def _warm_one(self) -> Lease | None:
        """The warm connection that was used last, if there is one that lives."""
        while self._warm:
            lease = self._warm.pop()
            if lease.session.alive():
                return lease
            connections.note(lease.checked_out, "dead")
            self._start(self._check_in(lease, keep=False))
        return None

    def _keep_warm(self, lease: Lease) -> None:
        lease.used_at = clock.now()
        self._warm.append(lease)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_RESET_AFTER, self._sweep)

    def _sweep(self) -> None:
        """Reset what waited for a next statement in vain, and let go of what nobody asked for."""
        now = clock.now()
        warm, self._warm = self._warm, []
        for lease in warm:
            idle = now - lease.used_at
            if lease.reset_due and idle >= _RESET_AFTER and self._places.take():
                self._in_use += 1
                self._start(self._clean_up(lease, kill=False))
            elif not lease.reset_due and idle >= _WARM:
                self._start(self._check_in(lease, keep=True))
            else:
                self._warm.append(lease)
        due = any(lease.reset_due for lease in self._warm)
        self._sweeper = None
        if self._warm:
            later = _RESET_AFTER if due else _WARM / 2
            self._sweeper = asyncio.get_running_loop().call_later(later, self._sweep)

    def _start(self, cleaning: Coroutine[Any, Any, None]) -> None:
        """Clean up in a task of the pool's own, which no caller's cancellation reaches."""
        task = asyncio.create_task(cleaning, name="rowgate-pool-cleanup")
        self._cleaning.add(task)
        task.add_done_callback(self._cleaning.discard)

    async def _clean_up(self, lease: Lease, *, kill: bool) -> None:
        """Reset or kill; then keep the connection, or close it, and free its place."""
        clean = False
        connections.note(lease.checked_out, connections.why(lease.session, kill=kill))
        try:
            async with asyncio.timeout(self._settings.cleanup):
                if kill:
                    await lease.session.kill()
                else:
                    await lease.session.reset()
                    clean = True
        except Exception as error:  # noqa: BLE001 - whatever it was, the connection must not be used again
            self._metrics.cleanup_failed(error, kill=kill)
        finally:
            lease.reset_due = False
            if clean and not self._closed and clock.now() < lease.cold_at:
                self._keep_warm(lease)
            else:
                await self._check_in(lease, keep=clean)
            self._free_place()

    @staticmethod
    async def _check_in(lease: Lease, *, keep: bool) -> None:
        """To SQLAlchemy's pool, which keeps it or closes it."""
        if not keep:
            # Before SQLAlchemy closes it: on a dark link, saying goodbye takes as long as the link's timeout.
            with contextlib.suppress(Exception):
                lease.session.abort()

        def check_in() -> None:
            if not keep:
                lease.checked_out.invalidate()
            lease.checked_out.close()

        with contextlib.suppress(Exception):
            await greenlet_spawn(check_in)
