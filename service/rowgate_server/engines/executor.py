"""Runs statements on one database: checkout, deadline, rows within limits, and what happens to the connection after.

Knows no table and no message. Every way out of a statement ends in one of two: the connection is given back (and
reset), or it is dropped (and what may still run on it is killed).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from types import TracebackType
from typing import NamedTuple

from rowgate_server.engines import clock
from rowgate_server.engines.chunks import ChunkReader
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.description import Description
from rowgate_server.engines.driver import Cursor, Driver, ExecuteMode, Session
from rowgate_server.engines.limits import ResultLimits, ResultMeter
from rowgate_server.engines.pool import Lease, Pool
from rowgate_server.engines.results import Chunk, Completion, Result, Row, Stats
from rowgate_server.engines.values import BoundStatement
from rowgate_server.engines.watch import Watch, Watched
from rowgate_server.errors import Outcome, Reason, RowgateError


class Call(NamedTuple):
    """One statement to run, and what bounds it.

    Attributes:
        statement: the SQL and its values.
        deadline: when it must be over, the wait for a connection included.
        limits: rows and bytes.
        query_id: its name in logs.
        reads: its first word says that it reads.
        read_only: to be run in a session that refuses writes.
    """

    statement: BoundStatement
    deadline: Deadline
    limits: ResultLimits
    query_id: str
    reads: bool
    read_only: bool = False


class Executor:
    """Runs statements on one database.

    Args:
        driver: its kind.
        pool: its connections.
    """

    def __init__(self, driver: Driver, pool: Pool) -> None:
        self._driver = driver
        self._pool = pool
        self._watch: Watch | None = None

    async def run(self, call: Call) -> Result:
        """The whole result of a statement.

        Raises:
            RowgateError: RESULT_TOO_LARGE over the server's caps, and whatever the database has against it.
        """
        watch = self._watching()
        started = clock.now()
        rows: list[Row] = []
        async with _Work(self._driver, self._pool, call) as work:
            with watch.until(call.deadline.at):
                try:
                    cursor = await self._begin(call, work, streaming=False)
                    meter = ResultMeter(cursor.columns, call.limits)
                    while batch := await cursor.fetch():
                        rows.extend(meter.take(batch))
                        if meter.truncation is not None:
                            break
                    completion = await self._end(cursor, meter, work)
                except RowgateError as error:
                    # Over the cap: what is left of the result is nobody's, and may be long.
                    work.spoiled = error.reason is Reason.RESULT_TOO_LARGE
                    raise
        return Result(cursor.columns, rows, _stats(call, clock.now() - started, meter, completion))

    async def describe(self, call: Call, *, valued: bool) -> tuple[Description, Stats]:
        """What the database tells of a statement without running it; `valued` says whether the values are known.

        Raises:
            RowgateError: whatever the database has against it.
        """
        watch = self._watching()
        started = clock.now()
        async with _Work(self._driver, self._pool, call) as work:
            with watch.until(call.deadline.at):
                description = await work.session.describe(call.statement, valued=valued)
        return description, Stats(call.query_id, clock.now() - started, row_count=0)

    async def stream(self, call: Call, cells_per_chunk: int | None = None) -> AsyncGenerator[Chunk, None]:
        """The result of a statement chunk by chunk; close the iterator to end it early.

        Args:
            call: what to run.
            cells_per_chunk: the most that a chunk may have; None: `CHUNK_CELLS`.

        Raises:
            RowgateError: as `run`, without the server's caps.
        """
        watch = self._watching()
        started = clock.now()
        async with _Work(self._driver, self._pool, call) as work:
            # Only what the database does is timed: the caller's own slowness is for the call's deadline to end.
            timed = watch.until(call.deadline.at)
            with timed:
                cursor = await self._begin(call, work, streaming=True)
            meter = ResultMeter(cursor.columns, call.limits)
            async with contextlib.aclosing(self._chunks(cursor, meter, timed, cells_per_chunk)) as chunks:
                async for chunk in chunks:
                    yield chunk
            with timed:
                completion = await self._end(cursor, meter, work)
        yield Chunk(rows=[], stats=_stats(call, clock.now() - started, meter, completion))

    def _watching(self) -> Watch:
        """One for all statements of the database; there is one event loop."""
        if self._watch is None:
            self._watch = Watch(asyncio.get_running_loop())
        return self._watch

    @staticmethod
    async def _chunks(
        cursor: Cursor, meter: ResultMeter, timed: Watched, cells_per_chunk: int | None
    ) -> AsyncGenerator[Chunk, None]:
        reader = ChunkReader(cursor, meter, cells_per_chunk)
        columns = cursor.columns or None
        try:
            while not reader.ended:
                with timed:
                    rows = await reader.next()
                if rows or columns is not None:
                    yield Chunk(rows=rows, columns=columns)
                columns = None
        finally:
            await reader.close()

    async def _begin(self, call: Call, work: _Work, *, streaming: bool) -> Cursor:
        mode = ExecuteMode(
            streaming=streaming,
            read_only=call.read_only,
            reads=call.reads,
            row_limit=call.limits.row_limit,
            byte_cap=call.limits.cap_bytes,
        )
        work.sent = True
        return await work.session.execute(call.statement, mode)

    @staticmethod
    async def _end(cursor: Cursor, meter: ResultMeter, work: _Work) -> Completion:
        if meter.truncation is None:
            return await cursor.finish()
        completion = await cursor.stop()
        work.spoiled = completion is None
        return completion or Completion()


class _Work:
    """A connection for one statement; decides on every way out what becomes of it, and what the caller is told.

    Attributes:
        session: the connection's.
        sent: the database may have the statement.
        spoiled: the rest of it must be killed.
    """

    __slots__ = ("_call", "_driver", "_lease", "_pool", "sent", "session", "spoiled")

    _lease: Lease
    session: Session

    def __init__(self, driver: Driver, pool: Pool, call: Call) -> None:
        self._driver = driver
        self._pool = pool
        self._call = call
        self.sent = False
        self.spoiled = False

    async def __aenter__(self) -> _Work:
        self._lease = self._pool.take() or await self._pool.checkout(self._call.deadline)
        self.session = self._lease.session
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        # A cancelled call ends here too, with its statement perhaps still running: not sound.
        sound, told = False, error
        try:
            if error is None or isinstance(error, RowgateError):
                sound = not self.spoiled
            elif isinstance(error, Exception):
                sound, told = self._explain(error)
        finally:
            self._lease.end(sound=sound, reads=self._call.reads)
        if told is not None and told is not error:
            raise told from error

    def _explain(self, error: Exception) -> tuple[bool, Exception]:
        """Whether the connection is sound after this error, and what to raise instead of it."""
        deadline = self._call.deadline
        unknown = Outcome.UNKNOWN if self.sent else Outcome.NOT_RUN
        if isinstance(error, TimeoutError) and deadline.remaining() <= 0:
            return False, deadline.exceeded("while the statement was running", unknown)
        translated = self._driver.translate(error, has_parameters=bool(self._call.statement.values))
        if translated is None:
            return False, error
        if translated.reason is Reason.DATABASE_UNAVAILABLE:
            translated.with_defaults(outcome=unknown.value)
        return not self._driver.is_broken(error), translated


def _stats(call: Call, elapsed: float, meter: ResultMeter, completion: Completion) -> Stats:
    return Stats(call.query_id, elapsed, meter.rows, completion, meter.truncation)
