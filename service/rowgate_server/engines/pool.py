"""One pool of connections: a bounded number of places, warm connections, and idle ones behind them.

- Whoever finds no place free waits for one: see `places`. While the database is down nobody waits: see `breaker`.
- A connection is made by a task of the pool's own. A caller who leaves does not end it at once, so that callers in a
  hurry get one the next time; but soon, and then its place is free, whatever became of the link.
- A connection goes back clean, or not at all: see `cleaning`.
- A connection that was used a moment ago stays warm: the next call gets it as it is. After a second without one it
  goes back to the idle ones of the `connector`; at its next checkout it is pinged, and replaced when it has grown old.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy import Engine
from sqlalchemy.pool import PoolProxiedConnection

from rowgate_server.engines import clock, descriptors, exhausted
from rowgate_server.engines.admission import OURSELVES, Admission, Asker
from rowgate_server.engines.breaker import Breaker
from rowgate_server.engines.caller import caller
from rowgate_server.engines.cleaning import Cleaner
from rowgate_server.engines.connector import Attempt, Connector, ConnectorSettings
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.line import CrowdedError
from rowgate_server.engines.openings import Openings
from rowgate_server.engines.pauses import Pauses
from rowgate_server.engines.shortage import Shortage
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import DatabaseMetrics, PoolNumbers

_T = TypeVar("_T")

_WARM = 1.0
"""Seconds without a call after which a connection goes back to the idle ones."""

_FULL = ("53300", "1040", "1203", "1226")
"""What PostgreSQL, MySQL and MariaDB say where they allow no more connections."""

_RESET_AFTER = 0.02
"""Seconds that a reset waits for the next statement to go with: what the last one held is let go of by then."""


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """Connections and seconds. `cleanup` bounds the reset or kill of one connection, as its place is taken so long.

    Writes may not have `for_reads` of the connections. `through_stalls`: while nothing comes to an end, calls wait.
    """

    size: int
    max_overflow: int
    recycle: float
    pre_ping: bool
    wait_timeout: float
    busy_wait: float = 0.5
    cleanup: float = 0.6
    for_reads: int = 0
    through_stalls: bool = False


class Pool:
    """The pool of one database, or of one of its servers; `replica` is the name of one that is a replica."""

    def __init__(self, driver: Driver, settings: PoolSettings, metrics: DatabaseMetrics, replica: str = "") -> None:
        self.replica = replica
        self._driver = driver
        self._settings = settings
        self._metrics = metrics
        self._maximum = settings.size + settings.max_overflow
        self._places = Admission(
            self._maximum, settings.for_reads, settings.busy_wait, through_stalls=settings.through_stalls
        )
        self._in_use = 0
        self._asking = 0
        """Who waits for a place, or was given one and has not come for it yet."""
        self._warm: list[Lease] = []
        self._sweeper: asyncio.TimerHandle | None = None
        self._closed = False
        self._retiring = False
        self._freed = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._cleaner = Cleaner(settings.cleanup, metrics)
        self._connector = Connector(
            driver,
            ConnectorSettings(settings.size, settings.recycle, settings.pre_ping),
            metrics.connections,
        )
        self.breaker = Breaker(self._connector.trial, self._breaker_changed)
        self._openings: Openings[Lease] = Openings()
        self._shortage: Shortage[Lease] = Shortage(
            is_full=self._is_full,
            wanted=lambda: self._in_use,
            spare=self._warm_one,
            keep=self._keep,
            short=lambda error: metrics.connect_failed(_cause(error)),
            patience=settings.wait_timeout,
        )
        self.pauses = Pauses(self._places, self._shortage, metrics.name)
        self._shortage.waits = self.pauses.look

    @property
    def driver(self) -> Driver:
        """What makes its connections."""
        return self._driver

    @property
    def sync_engine(self) -> Engine:
        """For reflection, which SQLAlchemy does itself."""
        return self._connector.sync_engine

    def numbers(self) -> PoolNumbers:
        """What the pool holds at this moment."""
        idle = self._connector.idle + len(self._warm)
        return PoolNumbers(self._in_use, idle, self._places.waiting, self._maximum)

    def take(self, *, reads: bool = False) -> Lease | None:
        """A warm connection, if there is one, and nobody waits for it."""
        if not self._warm or not self.breaker.closed:
            return None
        holder = Asker(caller.get(), reads)
        if not self._places.take(holder):
            return None
        lease = self._warm_one()
        if lease is None:
            self._places.release(holder)
            return None
        self._in_use += 1
        return self._handed(lease, holder)

    async def checkout(self, deadline: Deadline, *, reads: bool = False) -> Lease:
        """A connection, alive, and reset or sure to be; `reads`: for what only reads.

        Raises:
            RowgateError: POOL_EXHAUSTED, DATABASE_UNAVAILABLE or STATEMENT_TIMEOUT, all with outcome NOT_RUN.
        """
        if not self.breaker.closed:
            raise self.breaker.refusal()
        holder = Asker(caller.get(), reads)
        await self._take_place(deadline, holder)
        lease = self._warm_one()
        if lease is not None:
            return self._handed(lease, holder)
        if deadline.remaining() <= 0:
            self._free_place(holder)
            raise deadline.exceeded("connecting to the database", Outcome.NOT_RUN)
        return self._handed(await self._open(deadline, holder), holder)

    def take_back(self, lease: Lease, *, sound: bool, reads: bool) -> None:
        """What `Lease.end` asks for."""
        now = clock.now()
        if sound:
            self.breaker.heard(now)
        # One that is never idle for a moment would be warm for good: it has to go back some time.
        warm = sound and not self._closed and not self._retiring and now < lease.cold_at
        if warm and lease.session.defer_reset(reads=reads):
            lease.reset_due = True
            self._keep_warm(lease, now)
            self._in_use -= 1
            self._places.release(lease.holder, now - lease.taken_at)
        else:
            self._start(self._clean_up(lease, kill=not sound))

    def put_back(self, lease: Lease) -> None:
        """What `Lease.put_back` asks for."""
        self._keep_warm(lease, lease.used_at or clock.now())  # a reset that is due comes no later
        self._free_place(lease.holder)

    def show_breaker(self, *, shown: bool) -> None:
        """Whether the metrics tell of the breaker."""
        self._metrics.show(shown=shown)

    async def retire(self) -> None:
        """Keep no connection that is not in use, and wait until none is: others are served instead of this one's."""
        self._retiring = True
        warm, self._warm = self._warm, []
        for lease in warm:
            self._start(self._connector.check_in(lease.checked_out))
        await self._connector.keep_none()
        while self._in_use or self._asking:
            self._freed.clear()
            await self._freed.wait()

    async def close(self) -> None:
        """Wait for clean-ups under way, which are bounded, then close every connection."""
        self._closed = True
        await self._openings.close()
        self.breaker.stop()  # one of those may still have opened it
        while self._tasks or self._warm:
            warm, self._warm = self._warm, []
            for lease in warm:
                self._start(self._connector.check_in(lease.checked_out))
            await asyncio.wait(self._tasks)
        if self._sweeper is not None:
            self._sweeper.cancel()
        self.pauses.close()
        await self._cleaner.close()
        await self._connector.close()
        await self._driver.close()

    async def _take_place(self, deadline: Deadline, holder: Asker) -> None:
        if not self._places.take(holder):
            self._asking += 1
            try:
                await self._wait_for_place(deadline, holder)
            finally:
                self._asking -= 1
                if self._retiring:
                    self._freed.set()
        self._in_use += 1

    async def _wait_for_place(self, deadline: Deadline, holder: Asker) -> None:
        began, waited = clock.now(), True
        self.pauses.look()
        try:
            await self._places.wait(holder, min(self._settings.wait_timeout, deadline.remaining()))
        except TimeoutError:
            self._metrics.pool_timeout()
            if deadline.remaining() <= 0:
                raise deadline.exceeded("waiting for a connection", Outcome.NOT_RUN) from None
            limit = f"pool of {self._maximum}, wait {self._settings.wait_timeout:g}s"
            raise exhausted.connections(self._maximum, self._settings.wait_timeout, limit) from None
        except CrowdedError as error:
            waited = False
            self._metrics.pool_refused()
            limit = f"pool of {self._maximum}, {self._places.waiting} waiting"
            raise exhausted.connections(self._maximum, error.soon, limit) from None
        finally:
            if waited:
                self._metrics.connections.waits.add(clock.now() - began)

    def _free_place(self, holder: Asker, taken_at: float | None = None, *, sound: bool = True) -> None:
        self._in_use -= 1
        if self._retiring:
            self._freed.set()
        self._places.release(holder, None if taken_at is None else clock.now() - taken_at, sound=sound)

    async def _open(self, deadline: Deadline, holder: Asker) -> Lease:
        """A connection that is not warm: the place goes to the task that makes it, which hands both over."""
        unwanted = partial(self._unwanted, holder)
        make = partial(self._make, holder)
        return await self._openings.wait(make, self._explained, unwanted, self.breaker.refusal, deadline)

    async def _make(self, holder: Asker, attempt: Attempt) -> Lease:
        """A connection, once the server has room for one, or another has no use for it any more."""
        return await self._shortage.make(holder, partial(self._found, attempt))

    def _is_full(self, error: Exception) -> bool:
        """Whether the server allows no more connections, to anyone or to this user."""
        translated = self._driver.translate(_cause(error), has_parameters=False)
        codes = {} if translated is None else translated.metadata
        return codes.get("sqlstate") in _FULL or codes.get("vendor_code") in _FULL

    async def _found(self, attempt: Attempt) -> Lease:
        """A connection that was idle, or a new one, or one that has become warm meanwhile."""
        warm: list[Lease] = []

        def warm_one() -> PoolProxiedConnection | None:
            warm.extend(lease for lease in (self._warm_one(),) if lease is not None)
            return warm[0].checked_out if warm else None

        checked_out = await self._connector.idle_one(attempt) or await self._connector.new_one(attempt, warm_one)
        self.breaker.heard(clock.now())
        if warm:
            return warm[0]
        return Lease(self, checked_out, self._driver.session(checked_out.driver_connection))

    def _unwanted(self, holder: Asker, lease: Lease | None) -> None:
        """Whoever wanted it has left."""
        if lease is not None:
            self._keep(lease)
        self._free_place(holder)

    def _keep(self, lease: Lease) -> None:
        self._keep_warm(lease, clock.now())

    def _explained(self, error: Exception) -> Exception:
        """What the caller is told of a connection that could not be made."""
        cause = _cause(error)
        translated = self._driver.translate(cause, has_parameters=False)
        if translated is None and not isinstance(cause, TimeoutError):
            return error
        self._metrics.connect_failed(cause)
        if descriptors.none_left(cause):
            return exhausted.file_descriptors(error)
        codes = {} if translated is None else translated.metadata
        told = RowgateError(
            Reason.DATABASE_UNAVAILABLE,
            "the database cannot be reached",
            retry_after=1.0,
            outcome=Outcome.NOT_RUN,
            sqlstate=codes.get("sqlstate"),
            vendor_code=codes.get("vendor_code"),
        )
        if "sqlstate" not in codes:
            self.breaker.failed()
        told.__cause__ = error
        return told

    def _breaker_changed(self, state: Any) -> None:
        self._metrics.breaker(state.name, state.value)
        if self.breaker.closed:
            return
        self._places.refuse_all(self.breaker.refusal)
        self._openings.refuse_all(self.breaker.refusal)

    def _handed(self, lease: Lease, holder: Asker) -> Lease:
        lease.holder = holder
        lease.taken_at = clock.now()
        return lease

    def _warm_one(self) -> Lease | None:
        """The warm connection that was used last, if there is one that lives."""
        while self._warm:
            lease = self._warm.pop()
            if lease.session.alive():
                return lease
            self._start(self._connector.check_in(lease.checked_out, unfit="dead"))
        return None

    def _keep_warm(self, lease: Lease, now: float) -> None:
        lease.used_at = now
        if self._shortage.give(lease):
            return
        self._warm.append(lease)
        if self._sweeper is None:
            self._sweeper = asyncio.get_running_loop().call_later(_RESET_AFTER, self._sweep)

    def _sweep(self) -> None:
        """Reset what waited for a next statement in vain, and let go of what nobody asked for."""
        now = clock.now()
        warm, self._warm = self._warm, []
        for lease in warm:
            idle = now - lease.used_at
            if lease.reset_due and idle >= _RESET_AFTER and self._places.take(OURSELVES):
                self._in_use += 1
                lease.holder = OURSELVES
                lease.taken_at = now
                self._start(self._clean_up(lease, kill=False))
            elif not lease.reset_due and idle >= _WARM:
                self._start(self._connector.check_in(lease.checked_out))
            else:
                self._warm.append(lease)
        due = any(lease.reset_due for lease in self._warm)
        self._sweeper = None
        if self._warm:
            later = _RESET_AFTER if due else _WARM / 2
            self._sweeper = asyncio.get_running_loop().call_later(later, self._sweep)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Work in a task of the pool's own, which no caller's cancellation reaches."""
        task = asyncio.create_task(work, name="rowgate-pool")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _clean_up(self, lease: Lease, *, kill: bool) -> None:
        """Reset or kill; then keep the connection, or close it, and free its place."""
        unfit = "other"
        try:
            unfit = await self._cleaner.clean(lease.session, kill=kill)
        finally:
            lease.reset_due = False
            if not unfit and not self._closed and not self._retiring and clock.now() < lease.cold_at:
                self._keep_warm(lease, clock.now())
            else:
                await self._connector.check_in(lease.checked_out, unfit=unfit)
            free = partial(self._free_place, lease.holder, lease.taken_at, sound=not kill)
            self._cleaner.once_free(lease.session, free)


def _cause(error: Exception) -> Exception:
    """What the driver raised: SQLAlchemy wraps its errors, the original behind `orig`."""
    return getattr(error, "orig", None) or error
