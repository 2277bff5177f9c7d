"""Runs statements on one database: checkout, deadline, rows within limits, and what happens to the connection after.

Knows no table and no message. Every way out of a statement, or of a transaction, ends in one of two: the connection is
given back (and reset), or it is dropped (and what may still run on it is killed).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from types import TracebackType

from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.description import Description
from rowgate_server.engines.driver import Driver, TransactionOptions
from rowgate_server.engines.pool import Lease, Pool
from rowgate_server.engines.results import Chunk, Result, Stats
from rowgate_server.engines.running import Call, Work, explain, run, stream
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.engines.underway import UnderWay
from rowgate_server.engines.values import BoundRows
from rowgate_server.engines.watch import Watch, Watched
from rowgate_server.errors import Outcome, RowgateError

__all__ = ["Call", "Executor"]


class Executor:
    """Runs statements on one database.

    Args:
        driver: its kind.
        pool: its connections.
    """

    def __init__(self, driver: Driver, pool: Pool) -> None:
        self.driver = driver
        self.pool = pool
        self.under_way: set[UnderWay] = set()
        """The statements that wait for a connection or have one, those of transactions among them."""
        self._watch: Watch | None = None

    async def run(self, call: Call) -> Result:
        """The whole result of a statement.

        Raises:
            RowgateError: RESULT_TOO_LARGE over the server's caps, and whatever the database has against it.
        """
        started = clock.now()
        holding = _Holding(self, UnderWay(call, started))
        if not holding.take():
            await holding.wait()
        with holding as (work, timed), timed:
            return await run(call, work, started)

    async def describe(self, call: Call, *, valued: bool) -> tuple[Description, Stats]:
        """What the database tells of a statement without running it; `valued` says whether the values are known.

        Raises:
            RowgateError: whatever the database has against it.
        """
        started = clock.now()
        holding = _Holding(self, UnderWay(call, started))
        if not holding.take():
            await holding.wait()
        with holding as (work, timed), timed:
            statement = call.statement
            if isinstance(statement, BoundRows):
                statement = statement.spread()
            description = await work.session.describe(statement, valued=valued)
        return description, Stats(call.query_id, clock.now() - started, row_count=0)

    async def stream(self, call: Call, cells_per_chunk: int | None = None) -> AsyncGenerator[Chunk, None]:
        """The result of a statement chunk by chunk; close the iterator to end it early.

        Args:
            call: what to run.
            cells_per_chunk: the most that a chunk may have; None: `CHUNK_CELLS`.

        Raises:
            RowgateError: as `run`, without the server's caps.
        """
        started = clock.now()
        last: Chunk | None = None
        holding = _Holding(self, UnderWay(call, started, streaming=True))
        if not holding.take():
            await holding.wait()
        with holding as (work, timed):
            async with contextlib.aclosing(stream(call, work, started, timed, cells_per_chunk)) as chunks:
                async for chunk in chunks:
                    if chunk.stats is None:
                        yield chunk
                    else:
                        last = chunk
        if last is not None:  # and the connection is given back
            yield last

    @contextlib.asynccontextmanager
    async def transaction(self, options: TransactionOptions, deadline: Deadline) -> AsyncIterator[Transaction]:
        """A transaction, to be committed by whoever asks for it: it is rolled back otherwise.

        An error that leaves it is told to have rolled it back, unless a commit is in doubt. The rollback itself is the
        connection's reset, behind the answer.

        Args:
            options: what it is like.
            deadline: when all of it must be over, the wait for a connection included.

        Raises:
            RowgateError: POOL_EXHAUSTED, DATABASE_UNAVAILABLE or STATEMENT_TIMEOUT before it has begun.
        """
        held = _Lease(self.pool.take() or await self.pool.checkout(deadline))
        transaction = Transaction(self.driver, held.session, deadline, self.until, self.under_way, held.drop)
        sound = False
        try:
            await transaction.begin(options)
            yield transaction
            sound = transaction.sound
        except BaseException as error:
            sound = transaction.sound
            if not isinstance(error, RowgateError):
                raise
            if transaction.state is not TransactionState.COMMITTED and error.outcome != Outcome.NOT_RUN:
                error.metadata["outcome"] = Outcome.ROLLED_BACK.value
            raise
        finally:
            # A cancelled call ends here too: not sound where its statement may still be running.
            held.end(sound=sound)

    async def keep(self, transaction: Transaction) -> None:
        """Make what was done in the transaction last.

        Raises:
            RowgateError: as `Transaction.commit`.
        """
        await transaction.commit()

    def until(self, deadline: Deadline) -> Watched:
        """Ends at that time what is done within it."""
        if self._watch is None:
            self._watch = Watch(asyncio.get_running_loop())
        return self._watch.until(deadline.at)


class _Lease:
    """A connection, given up once: by its holder, or before that by who stops the statement that runs on it."""

    __slots__ = ("_ended", "_lease", "session")

    def __init__(self, lease: Lease) -> None:
        self._lease = lease
        self._ended = False
        self.session = lease.session

    def end(self, *, sound: bool, reads: bool = False) -> None:
        """As `Lease.end`, the first time."""
        if not self._ended:
            self._ended = True
            self._lease.end(sound=sound, reads=reads)

    def drop(self) -> None:
        """End it, with what may still run on it."""
        self.end(sound=False)


class _Holding:
    """A connection for one statement; decides on every way out what becomes of it, and what the caller is told.

    `take` it, or `wait` for it, and then enter it at once. That is no asynchronous context manager, since one costs a
    call with a warm connection 2 µs.
    """

    __slots__ = ("_executor", "_held", "_under_way", "_work")

    _held: _Lease
    _work: Work

    def __init__(self, executor: Executor, under_way: UnderWay) -> None:
        self._executor = executor
        self._under_way = under_way

    def take(self) -> bool:
        """Take a warm connection, if there is one."""
        lease = self._executor.pool.take()
        if lease is None:
            return False
        self._executor.under_way.add(self._under_way)
        self._held = _Lease(lease)
        return True

    async def wait(self) -> None:
        """Wait for any other."""
        executor, under_way = self._executor, self._under_way
        executor.under_way.add(under_way)
        try:
            lease = await under_way.waiting(executor.pool.checkout(under_way.call.deadline))
        except BaseException:
            executor.under_way.discard(under_way)
            raise
        self._held = _Lease(lease)

    def __enter__(self) -> tuple[Work, Watched]:
        under_way, held = self._under_way, self._held
        self._work = work = Work(held.session)
        return work, under_way.begin(work, self._executor.until(under_way.call.deadline), held.drop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        call = self._under_way.call
        self._executor.under_way.discard(self._under_way)
        if error is None:
            self._held.end(sound=not self._work.spoiled, reads=call.reads)
            return
        # A cancelled call ends here too, with its statement perhaps still running: not sound.
        sound, told = False, error
        try:
            if isinstance(error, Exception):
                sound, told = explain(self._executor.driver, error, call, self._work)
        finally:
            self._held.end(sound=sound, reads=call.reads)
        if told is not error:
            raise told from error
