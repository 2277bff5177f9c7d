"""One statement on a connection that somebody else holds: its rows within limits, and what its errors mean."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import NamedTuple

from rowgate_server.engines import clock
from rowgate_server.engines.chunks import ChunkReader
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Cursor, Driver, ExecuteMode, Session
from rowgate_server.engines.limits import ResultLimits, ResultMeter
from rowgate_server.engines.results import Chunk, Completion, Result, Row, Stats, cells, result_too_large
from rowgate_server.engines.values import AnyStatement
from rowgate_server.engines.watch import Watched
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.callers import current_caller
from rowgate_server.observability.statements import Operation

_LARGE, _OBJECT = 16 * 1024, 64
"""Bytes of a result from which on it is counted as large, and bytes of memory that an object of Python's takes."""

_REST = 1.0
"""Seconds: so long a rest that nobody wants may take to read, where the end of its statement is not that of all."""


class Call(NamedTuple):
    """One statement to run, and what bounds it.

    Attributes:
        statement: the SQL and its values.
        deadline: when it must be over, the wait for a connection included.
        limits: rows and bytes.
        query_id: its name in logs.
        reads: its first word says that it reads.
        read_only: to be run in a session that refuses writes.
        strict: see `ExecuteMode`.
        typed: see `ExecuteMode`.
        floats: see `ExecuteMode`.
        operation: what it is counted as; None: it is not.
    """

    statement: AnyStatement
    deadline: Deadline
    limits: ResultLimits
    query_id: str
    reads: bool
    read_only: bool = False
    strict: bool = False
    typed: bool = False
    floats: bool = True
    operation: Operation | None = None


@dataclass(slots=True)
class Work:
    """A statement on its connection.

    `replica`: where that is, if not on the primary. `sent`: the database may have it. `spoiled`: the rest must be
    killed. `meter`: counts its rows, once there are any. `held`: it is in a transaction, of which a kill is the end.
    `unwanted`: whoever reads it wants no more of it, but wants the transaction to go on.
    """

    session: Session
    replica: str = ""
    sent: bool = False
    spoiled: bool = False
    meter: ResultMeter | None = None
    held: bool = False
    unwanted: bool = False


class StoppedError(Exception):
    """The statement was stopped from outside, wherever it was; `told` is what its caller gets for that."""

    def __init__(self, error: RowgateError) -> None:
        super().__init__(error.message)
        self.error = error

    def told(self, outcome: Outcome) -> RowgateError:
        """The error, with what became of the statement."""
        return self.error.with_defaults(outcome=outcome.value)


async def run(call: Call, work: Work, started: float) -> Result:
    """The whole result of a statement; the caller keeps the deadline, and knows when the call began.

    Raises:
        RowgateError: RESULT_TOO_LARGE over the server's caps.
    """
    rows: list[Row] = []
    began = clock.now()
    cursor: Cursor | None = None
    try:
        cursor = await _begin(call, work, streaming=False)
        work.meter = meter = ResultMeter(cursor.columns, call.limits)
        while batch := await cursor.fetch():
            rows.extend(meter.take(batch))
            if meter.truncation is not None:
                break
        completion = await _end(cursor, meter, work)
    except RowgateError as error:
        if error.reason is Reason.RESULT_TOO_LARGE:
            await _give_up(cursor, work)
        raise
    finally:
        _count(call, work, began)
    _tell_size(cursor, rows, meter)
    return Result(cursor.columns, rows, _stats(call, started, meter, completion, work))


async def stream(
    call: Call, work: Work, started: float, timed: Watched, cells_per_chunk: int | None = None
) -> AsyncGenerator[Chunk, None]:
    """The result of a statement chunk by chunk, the last one with the stats; close the iterator to end it early.

    Only the database's share is `timed`: the reader's own slowness is for its call's deadline to end.
    """
    began = clock.now()
    cursor: Cursor | None = None
    try:
        with timed:
            cursor = await _begin(call, work, streaming=True)
        work.meter = meter = ResultMeter(cursor.columns, call.limits)
        async with contextlib.aclosing(_chunks(cursor, work, meter, timed, cells_per_chunk)) as chunks:
            async for chunk in chunks:
                yield chunk
        with timed:
            completion = await _end(cursor, meter, work)
    except RowgateError as error:
        if error.reason is Reason.RESULT_TOO_LARGE:
            with timed:
                await _give_up(cursor, work)
        raise
    finally:
        _count(call, work, began)
    yield Chunk(rows=[], stats=_stats(call, started, meter, completion, work))


def _tell_size(cursor: Cursor, rows: list[Row], meter: ResultMeter) -> None:
    """Tell the caller what a large result takes, about: its content, and an object for each cell and member.

    Raises:
        RowgateError: RESULT_TOO_LARGE: with those that it has already, it is too much.
    """
    caller = current_caller.get()
    if caller is None:
        return
    objects = cells(cursor.columns, rows)
    if meter.bytes + objects < _LARGE:
        return
    most = caller.keeps(meter.bytes + _OBJECT * objects)
    if most is not None:
        raise result_too_large(f"{most} bytes in memory, of all results of a call")


def explain(driver: Driver, error: Exception, call: Call, work: Work) -> tuple[bool, Exception]:
    """Whether the connection is sound after this error, and what to raise instead of it."""
    if isinstance(error, RowgateError):
        return not work.spoiled, error
    unknown = Outcome.UNKNOWN if work.sent else Outcome.NOT_RUN
    if isinstance(error, StoppedError):
        return False, error.told(unknown)
    if isinstance(error, TimeoutError) and call.deadline.remaining() <= 0:
        return False, call.deadline.exceeded("while the statement was running", unknown)
    translated = driver.translate(error, has_parameters=bool(call.statement.values))
    if translated is None:
        return False, error
    translated = in_time(translated, call.deadline, "while the statement was running")
    if translated.reason is Reason.DATABASE_UNAVAILABLE:
        translated.with_defaults(outcome=unknown.value)
    return not driver.is_broken(error), translated


def in_time(error: RowgateError, deadline: Deadline, doing: str) -> RowgateError:
    """A driver's error; where nobody here has cancelled a statement whose time has run out, that it has.

    This end was late then, and a limit of the server's decided, which stands behind those of the gateway.
    """
    if error.reason is not Reason.QUERY_CANCELLED or deadline.remaining() > 0:
        return error
    late = deadline.exceeded(doing, Outcome.UNKNOWN)
    late.metadata |= error.metadata
    return late


def _count(call: Call, work: Work, began: float) -> None:
    if call.operation is not None:
        meter = work.meter
        rows, size = (meter.rows, meter.bytes) if meter is not None else (0, 0)
        call.operation.ended(clock.now() - began, rows, size, call.statement.fragments, call.query_id)


async def _begin(call: Call, work: Work, *, streaming: bool) -> Cursor:
    mode = ExecuteMode(
        streaming=streaming,
        read_only=call.read_only,
        reads=call.reads,
        row_limit=call.limits.row_limit,
        byte_cap=call.limits.cap_bytes,
        role_bytes=call.limits.role_bytes,
        strict=call.strict,
        typed=call.typed,
        floats=call.floats,
    )
    work.sent = True
    return await work.session.execute(call.statement, mode)


async def _end(cursor: Cursor, meter: ResultMeter, work: Work) -> Completion:
    if meter.truncation is None and not work.unwanted:
        return await cursor.finish()
    completion = None
    if not work.spoiled:
        completion = await (_read_off(cursor) if work.unwanted else cursor.stop())
        work.spoiled = completion is None
    return completion or Completion()


async def _give_up(cursor: Cursor | None, work: Work) -> None:
    """Over the cap: what is left of the result is nobody's, and may be long. Of a transaction, a short one is read."""
    work.spoiled = True
    if work.held and cursor is not None:
        work.spoiled = await _read_off(cursor) is None


async def _read_off(cursor: Cursor) -> Completion | None:
    """Stop the statement; None if that takes a kill, as its rest is long."""
    limit = asyncio.timeout(_REST)
    try:
        async with limit:
            return await cursor.stop()
    except TimeoutError:
        if limit.expired():
            return None
        raise


async def _chunks(
    cursor: Cursor, work: Work, meter: ResultMeter, timed: Watched, cells_per_chunk: int | None
) -> AsyncGenerator[Chunk, None]:
    reader = ChunkReader(cursor, meter, cells_per_chunk)
    columns = cursor.columns or None
    try:
        while not (reader.ended or work.unwanted):
            with timed:
                rows = await reader.next()
            if rows or columns is not None:
                yield Chunk(rows=rows, columns=columns, ended=reader.ended)
            columns = None
        if work.unwanted:
            with timed:
                work.spoiled = not await reader.settle(_REST)
    finally:
        await reader.close()


def _stats(call: Call, started: float, meter: ResultMeter, completion: Completion, work: Work) -> Stats:
    return Stats(call.query_id, clock.now() - started, meter.rows, completion, meter.truncation, work.replica)
