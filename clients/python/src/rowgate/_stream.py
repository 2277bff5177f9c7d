"""A result that arrives while it is read."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from operator import length_hint
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from rowgate._batch import Batch
from rowgate._connection import Connection, StreamCall
from rowgate._errors import ProtocolError
from rowgate._results import Stats
from rowgate._rows import Column, Layout, Row
from rowgate.v1.query_service_pb2 import ExecuteQueryResponse, StreamQueryResponse

Piece: TypeAlias = "StreamQueryResponse | ExecuteQueryResponse"


class Source(Protocol):
    """Where a stream's messages come from."""

    async def next_piece(self) -> Piece | None:
        """The next message, or None at the end.

        Raises:
            RowgateError: there is none.
        """

    def release(self) -> None:
        """Let go of what was not read; twice is fine."""

    def dropped(self) -> None:
        """The same, from any thread: Python has dropped the stream."""


class CallSource:
    """The messages of a StreamQuery call.

    Args:
        connection: whose call it is.
        call: it.
    """

    def __init__(self, connection: Connection, call: StreamCall) -> None:
        self._connection = connection
        self._call = call
        self._loop = asyncio.get_running_loop()

    async def next_piece(self) -> StreamQueryResponse | None:
        """The next message, or None at the end."""
        return await self._connection.next_message(self._call)

    def release(self) -> None:
        """End the statement on the gateway."""
        self._call.cancel()

    def dropped(self) -> None:
        """End it from the loop's own thread: no other may cancel a call."""
        if not self._call.done():
            with suppress(RuntimeError):  # the loop is closed, and the call with it
                self._loop.call_soon_threadsafe(self._call.cancel)


class RowStream:
    """The rows of a statement, one after the other; nothing holds all of them.

    Use it as `async with db.stream(...) as rows: async for row in rows: ...`: whatever way the block is left, the
    statement is ended on the gateway. Without the `async with` it is ended when Python drops the stream, which for
    `async for row in db.stream(...)` is as soon as the loop is left.

    The statement runs from `async with` or from the first row on. One task at a time may read.

    Args:
        start: runs the statement, and answers where its messages come from, with the first one.
    """

    def __init__(self, start: Callable[[], Awaitable[tuple[Source, Piece]]]) -> None:
        self._source: Source | None = None
        self._start = start
        self._layout: Layout | None = None
        self._batch: Batch | None = None
        self._rows: Iterator[Row] = iter(())
        self._ended = False
        self._stats: Stats | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order.

        Raises:
            RuntimeError: the stream was not opened yet, with `async with` or by reading a row.
        """
        if self._layout is None:
            raise RuntimeError("the columns are known once the stream is open: use `async with`")
        return self._layout.columns

    @property
    def stats(self) -> Stats | None:
        """The figures, once the loop over the rows has come to its end; None before, and when it was left early."""
        return self._stats if self._ended else None

    async def __aenter__(self) -> Self:
        """Run the statement, and wait for its columns.

        Raises:
            RowgateError: it failed.
        """
        if self._layout is None and not self._ended:
            with self._ending_on_error():
                await self._open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Row:
        """The next row.

        Raises:
            StopAsyncIteration: there are no more.
            RowgateError: the statement failed.
        """
        while True:
            for row in self._rows:
                return row
            if self._ended:
                raise StopAsyncIteration
            with self._ending_on_error():
                self._rows = iter(await self._next_batch() or ())

    async def batches(self) -> AsyncGenerator[Batch, None]:
        """The rows as they arrive, many at a time: `async for batch in stream.batches()`, within `async with`.

        A result without rows has one empty batch, which still has its columns.

        Raises:
            RowgateError: the statement failed.
            RuntimeError: the rows of a batch were begun to be read one by one, and not all of them were.
        """
        if length_hint(self._rows):
            raise RuntimeError("some rows of a batch are read already: read rows or batches, not both")
        while not self._ended:
            with self._ending_on_error():
                batch = await self._next_batch()
            if batch is not None:
                yield batch

    async def aclose(self) -> None:
        """End the statement, if it is still running, and forget the rows that were not read; twice is fine."""
        if not self._ended:
            self._release()

    def _release(self) -> None:
        self._ended = True
        self._batch = None
        self._rows = iter(())
        self._stats = None
        if self._source is not None:
            self._source.release()

    @contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._release()
            raise

    async def _open(self) -> None:
        self._source, first = await self._start()
        self._layout = Layout(first.result.columns)
        self._take(first, self._layout)

    async def _next_batch(self) -> Batch | None:
        """The batch at hand, or None after having asked for another one."""
        batch, self._batch = self._batch, None
        if batch is None:
            await self._advance()
        return batch

    async def _advance(self) -> None:
        if self._source is None or self._layout is None:
            await self._open()
            return
        message = await self._source.next_piece()
        if message is not None:
            self._take(message, self._layout)
        elif self._stats is None:
            raise ProtocolError("the stream ended without the figures that end a whole result")
        else:
            self._ended = True

    def _take(self, message: Piece, layout: Layout) -> None:
        batch = Batch(layout, message.result)
        # The message that only ends the result has none.
        self._batch = batch if len(batch) or message.result.columns else None
        if message.HasField("stats"):
            self._stats = Stats.from_wire(message.stats)

    def __del__(self) -> None:
        # gRPC's call is in a reference cycle, so it would live on until the collector finds it. The collector may
        # run in any thread.
        if self._source is not None:
            self._source.dropped()
