"""Runs statements on one database: checkout, deadline, rows within limits, and what happens to the connection after.

Knows no table and no message. Every way out of a statement, or of a transaction, ends in one of two: the connection is
given back (and reset), or it is dropped (and what may still run on it is killed).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from copy import copy
from functools import partial
from types import TracebackType
from typing import TypeVar

from sqlalchemy import Inspector

from rowgate_server.engines import clock
from rowgate_server.engines.connections import Connections
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.description import Description
from rowgate_server.engines.driver import Driver, Remains, TransactionOptions
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pauses import Reader
from rowgate_server.engines.results import Chunk, Result, Stats
from rowgate_server.engines.running import Call, Work, explain, run, stream
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.engines.underway import UnderWay
from rowgate_server.engines.values import BoundRows
from rowgate_server.engines.watch import Watch, Watched
from rowgate_server.errors import Outcome, RowgateError
from rowgate_server.observability.callers import Caller, current_caller

__all__ = ["Call", "Executor"]

_T = TypeVar("_T")


class Executor:
    """Runs statements on one database.

    Args:
        driver: its kind.
        pool: its connections.
    """

    def __init__(self, driver: Driver, pool: Connections) -> None:
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
        under_way = UnderWay(call, clock.now())
        async with _Holding(self, under_way) as (work, timed):
            with timed:
                return await run(call, work, under_way.started)

    async def describe(self, call: Call, *, valued: bool) -> tuple[Description, Stats]:
        """What the database tells of a statement without running it; `valued` says whether the values are known.

        Raises:
            RowgateError: whatever the database has against it.
        """
        started = clock.now()
        async with _Holding(self, UnderWay(call, started)) as (work, timed):
            with timed:
                statement = call.statement
                if isinstance(statement, BoundRows):
                    statement = statement.spread()
                description = await work.session.describe(statement, valued=valued)
        stats = Stats(call.query_id, clock.now() - started, row_count=0, replica=work.replica)
        return description, stats

    async def inspect(self, call: Call, read: Callable[[Inspector], _T]) -> _T:
        """What a function tells that is called with SQLAlchemy's Inspector on a connection; the call says within what.

        Raises:
            RowgateError: whatever the database has against it.
        """
        holding = _Holding(self, UnderWay(call, clock.now()))
        async with holding as (work, timed):
            try:
                with timed:
                    return await holding.lease.inspect(read)
            except RowgateError:
                work.spoiled = True  # it may have left half of an answer
                raise
            except TimeoutError:
                if call.deadline.remaining() > 0:
                    raise
                work.spoiled = True
                raise call.deadline.exceeded("while the schema was read", Outcome.NOT_RUN) from None

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
        async with (
            holding as (work, timed),
            contextlib.aclosing(stream(call, work, started, timed, cells_per_chunk)) as chunks,
        ):
            reader, octets = holding.reader(), 0
            async for chunk in chunks:
                if chunk.stats is None:
                    octets, before = 0 if work.meter is None else work.meter.bytes, octets
                    try:
                        yield chunk._replace(sending=partial(reader.waits_for, octets - before))
                    finally:
                        reader.has_taken()
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
        reads = options.read_only
        lease = self.pool.take(reads=reads) or await self.pool.checkout(deadline, reads=reads)
        caller = current_caller.get()
        if caller is not None and not _may_answer(caller, lease):
            lease = await self.once_there_is_room(caller, deadline, reads=reads)
        held = _Lease(lease)
        transaction = Transaction(self.driver, lease, deadline, self.until, self.under_way, held.drop)
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
                sound, undone = False, await transaction.undoes()
                sound = transaction.sound
                error.metadata["outcome"] = (Outcome.ROLLED_BACK if undone else Outcome.UNKNOWN).value
            raise
        finally:
            transaction.leave()
            # A cancelled call ends here too: not sound where its statement may still be running.
            held.end(sound=sound)

    async def once_there_is_room(self, caller: Caller, deadline: Deadline, *, reads: bool) -> Lease:
        """Wait for room for an answer, then for a connection: what waits for the first holds none.

        Raises:
            RowgateError: what the caller says, or as for the wait for a connection.
        """
        try:
            await caller.room(deadline.remaining())
        except TimeoutError:
            raise deadline.exceeded("waiting for room for its result", Outcome.NOT_RUN) from None
        return self.pool.take(reads=reads) or await self.pool.checkout(deadline, reads=reads)

    async def keep(self, transaction: Transaction) -> None:
        """Make what was done in the transaction last.

        Raises:
            RowgateError: as `Transaction.commit`.
        """
        await transaction.commit()

    def over(self, pool: Connections) -> Executor:
        """The same over other connections: what is under way there is under way here."""
        self._watching()
        other = copy(self)
        other.pool = pool
        return other

    def until(self, deadline: Deadline) -> Watched:
        """Ends at that time what is done within it."""
        return self._watching().until(deadline.at)

    def _watching(self) -> Watch:
        if self._watch is None:
            self._watch = Watch(asyncio.get_running_loop())
        return self._watch


class _Lease:
    """A connection, given up once: by its holder, or before that by who stops the statement that runs on it."""

    __slots__ = ("_ended", "lease")

    def __init__(self, lease: Lease) -> None:
        self.lease = lease
        self._ended = False

    def end(self, *, sound: bool, reads: bool = False) -> None:
        """As `Lease.end`, the first time."""
        if not self._ended:
            self._ended = True
            self.lease.end(sound=sound, reads=reads)

    def reader(self, end: Callable[[RowgateError], None]) -> Reader:
        """As `Lease.reader`."""
        return self.lease.reader(end)

    def drop(self) -> None:
        """End it, with what may still run on it."""
        self.end(sound=False)


class _Holding:
    """A connection for one statement; decides on every way out what becomes of it, and what the caller is told."""

    __slots__ = ("_executor", "_held", "_under_way", "_work")

    _held: _Lease
    _work: Work

    def __init__(self, executor: Executor, under_way: UnderWay) -> None:
        self._executor = executor
        self._under_way = under_way

    @property
    def lease(self) -> Lease:
        """The connection."""
        return self._held.lease

    async def __aenter__(self) -> tuple[Work, Watched]:
        executor, under_way = self._executor, self._under_way
        deadline = under_way.call.deadline
        reads = under_way.call.reads or under_way.call.read_only
        executor.under_way.add(under_way)
        try:
            lease = executor.pool.take(reads=reads)
            if lease is None:
                lease = await under_way.waiting(executor.pool.checkout(deadline, reads=reads))
            caller = under_way.caller
            if caller is not None and not _may_answer(caller, lease):
                lease = await under_way.waiting(executor.once_there_is_room(caller, deadline, reads=reads))
        except BaseException:
            executor.under_way.discard(under_way)
            raise
        self._held = held = _Lease(lease)
        self._work = Work(lease.session, lease.replica)
        return self._work, under_way.begin(self._work, executor.until(deadline), held.drop)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        call = self._under_way.call
        self._executor.under_way.discard(self._under_way)
        # A cancelled call ends here too, with its statement perhaps still running: not sound.
        sound, told = error is None and not self._work.spoiled, error
        try:
            if isinstance(error, Exception):
                fine, told = explain(self._executor.driver, error, call, self._work)
                if fine and isinstance(told, RowgateError) and told.outcome == Outcome.ROLLED_BACK:
                    fine = await self._look(told)
                sound = fine
        finally:
            self._held.end(sound=sound, reads=call.reads)
        if told is not None and told is not error:
            raise told from error

    def reader(self) -> Reader:
        """Who reads what is streamed."""
        return self._held.reader(self._end)

    def _end(self, error: RowgateError) -> None:
        """End the call, which waits for its reader; without one, the statement."""
        under_way = self._under_way
        error.with_defaults(query_id=under_way.call.query_id)
        if under_way.caller is None:
            under_way.stop(error)
        else:
            under_way.caller.end_at(clock.now(), error)

    async def _look(self, told: RowgateError) -> bool:
        """See whether a statement that failed was undone; whether the connection is still sound."""
        remains: Remains | None = None
        with contextlib.suppress(Exception), self._executor.until(self._under_way.call.deadline):
            remains = await self._work.session.remains()
        told.refused = remains is Remains.REFUSED
        if remains not in (Remains.REFUSED, Remains.NOTHING):
            told.metadata["outcome"] = Outcome.UNKNOWN.value
        return remains is not None


def _may_answer(caller: Caller, lease: Lease) -> bool:
    """Whether there is room for an answer, once the wait for the connection is over; else that has been given back.

    Raises:
        RowgateError: nor will there be soon.
    """
    may = False
    try:
        may = caller.may_answer()
    finally:
        if not may:
            lease.put_back()
    return may
