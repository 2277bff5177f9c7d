"""Runs statements on one database: checkout, deadline, rows within limits, and what happens to the connection after.

Knows no table and no message. Every way out of a statement ends in one of two: the connection is given back (and
reset), or it is dropped (and what may still run on it is killed).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from dataclasses import dataclass
from typing import NamedTuple

from rowgate_server.engines.chunks import ChunkReader
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.description import Description
from rowgate_server.engines.driver import Cursor, Driver, ExecuteMode, Session
from rowgate_server.engines.limits import ResultLimits, ResultMeter
from rowgate_server.engines.pool import Pool
from rowgate_server.engines.results import Chunk, Completion, Result, Row, Stats
from rowgate_server.engines.values import BoundStatement
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


@dataclass(slots=True)
class _Work:
    """A statement on its connection. `sent`: the database may have it. `spoiled`: the rest must be killed."""

    session: Session
    sent: bool = False
    spoiled: bool = False


class Executor:
    """Runs statements on one database.

    Args:
        driver: its kind.
        pool: its connections.
    """

    def __init__(self, driver: Driver, pool: Pool) -> None:
        self._driver = driver
        self._pool = pool

    async def run(self, call: Call) -> Result:
        """The whole result of a statement.

        Raises:
            RowgateError: RESULT_TOO_LARGE over the server's caps, and whatever the database has against it.
        """
        started = asyncio.get_running_loop().time()
        rows: list[Row] = []
        async with self._working(call) as work, asyncio.timeout_at(call.deadline.at):
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
        return Result(cursor.columns, rows, _stats(call, started, meter, completion))

    async def describe(self, call: Call, *, valued: bool) -> tuple[Description, Stats]:
        """What the database tells of a statement without running it; `valued` says whether the values are known.

        Raises:
            RowgateError: whatever the database has against it.
        """
        started = asyncio.get_running_loop().time()
        async with self._working(call) as work, asyncio.timeout_at(call.deadline.at):
            description = await work.session.describe(call.statement, valued=valued)
        elapsed = asyncio.get_running_loop().time() - started
        return description, Stats(call.query_id, elapsed, row_count=0)

    async def stream(self, call: Call, cells_per_chunk: int | None = None) -> AsyncGenerator[Chunk, None]:
        """The result of a statement chunk by chunk; close the iterator to end it early.

        Args:
            call: what to run.
            cells_per_chunk: the most that a chunk may have; None: `CHUNK_CELLS`.

        Raises:
            RowgateError: as `run`, without the server's caps.
        """
        started = asyncio.get_running_loop().time()
        async with self._working(call) as work:
            async with asyncio.timeout_at(call.deadline.at):
                cursor = await self._begin(call, work, streaming=True)
            meter = ResultMeter(cursor.columns, call.limits)
            async with contextlib.aclosing(self._chunks(call, cursor, meter, cells_per_chunk)) as chunks:
                async for chunk in chunks:
                    yield chunk
            async with asyncio.timeout_at(call.deadline.at):
                completion = await self._end(cursor, meter, work)
        yield Chunk(rows=[], stats=_stats(call, started, meter, completion))

    async def _chunks(
        self, call: Call, cursor: Cursor, meter: ResultMeter, cells_per_chunk: int | None
    ) -> AsyncGenerator[Chunk, None]:
        reader = ChunkReader(cursor, meter, cells_per_chunk)
        columns = cursor.columns or None
        try:
            while not reader.ended:
                # Only the fetch is timed: the caller's own slowness is for the call's deadline to end.
                async with asyncio.timeout_at(call.deadline.at):
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
            byte_limit=call.limits.byte_limit,
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

    @contextlib.asynccontextmanager
    async def _working(self, call: Call) -> AsyncIterator[_Work]:
        """A connection for the statement; decides on every way out what becomes of it, and what the caller is told."""
        lease = await self._pool.checkout(call.deadline)
        work = _Work(lease.session)
        sound = False
        try:
            yield work
            sound = not work.spoiled
        except RowgateError:
            sound = not work.spoiled
            raise
        except Exception as error:
            sound, told = self._explain(error, call, work)
            raise told from error
        finally:
            # A cancelled call ends here too, with its statement perhaps still running: not sound.
            lease.end(sound=sound, reads=call.reads)

    def _explain(self, error: Exception, call: Call, work: _Work) -> tuple[bool, Exception]:
        """Whether the connection is sound after this error, and what to raise instead of it."""
        unknown = Outcome.UNKNOWN if work.sent else Outcome.NOT_RUN
        if isinstance(error, TimeoutError) and call.deadline.remaining() <= 0:
            return False, call.deadline.exceeded("while the statement was running", unknown)
        translated = self._driver.translate(error, has_parameters=bool(call.statement.values))
        if translated is None:
            return False, error
        if translated.reason is Reason.DATABASE_UNAVAILABLE:
            translated.with_defaults(outcome=unknown.value)
        return not self._driver.is_broken(error), translated


def _stats(call: Call, started: float, meter: ResultMeter, completion: Completion) -> Stats:
    elapsed = asyncio.get_running_loop().time() - started
    return Stats(call.query_id, elapsed, meter.rows, completion, meter.truncation)
