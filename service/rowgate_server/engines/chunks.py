"""Batches as the driver has them, made into chunks worth a message each: of about 1 MiB, or what 50 ms brought."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rowgate_server.engines.driver import Cursor
from rowgate_server.engines.limits import ResultMeter, row_size
from rowgate_server.engines.results import Row

CHUNK_BYTES = 1024 * 1024
PATIENCE = 0.05
"""Seconds that the first row of a chunk waits for company: a slow query shows its first rows at once."""


class ChunkReader:
    """Reads a cursor chunk by chunk, within the caller's limits.

    A fetch that outlasts the patience goes on in a task of its own, and its rows open the next chunk.
    """

    def __init__(self, cursor: Cursor, meter: ResultMeter) -> None:
        self._cursor = cursor
        self._meter = meter
        self._fetching: asyncio.Task[Sequence[Row]] | None = None
        self._held: list[Row] = []
        self._exhausted = False

    @property
    def ended(self) -> bool:
        """Whether there are no more rows, or no more are wanted."""
        return self._exhausted and not self._held

    async def next(self) -> list[Row]:
        """The next chunk's rows; empty only at the end."""
        if self._held:
            return self._cut(self._held)
        rows: list[Row] = []
        start = self._meter.bytes
        patience: float | None = None
        until = 0.0
        loop = asyncio.get_running_loop()
        while not self._exhausted and self._meter.bytes - start < CHUNK_BYTES:
            batch = await self._fetch(patience)
            if batch is None:
                return rows
            kept = self._meter.take(batch)
            self._exhausted = not batch or self._meter.truncation is not None
            until = until or loop.time() + PATIENCE
            patience = until - loop.time()
            rows = list(kept) if not rows else [*rows, *kept]
        return self._cut(rows) if self._meter.bytes - start > CHUNK_BYTES * 2 else rows

    async def close(self) -> None:
        """End a fetch that is still under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.wait({self._fetching})

    async def _fetch(self, patience: float | None) -> Sequence[Row] | None:
        """One batch, or None when it did not come within the patience and is still under way."""
        if self._fetching is None:
            if patience is None:
                return await self._cursor.fetch()
            self._fetching = asyncio.ensure_future(self._cursor.fetch())
        if patience is not None:
            await asyncio.wait({self._fetching}, timeout=max(patience, 0))
            if not self._fetching.done():
                return None
        batch = await self._fetching
        self._fetching = None
        return batch

    def _cut(self, rows: list[Row]) -> list[Row]:
        """Hold back what goes beyond a chunk: one batch of wide rows can be many megabytes."""
        size = 0
        for index, row in enumerate(rows):
            size += row_size(row)
            if size > CHUNK_BYTES and index:
                self._held = rows[index:]
                return rows[:index]
        self._held = []
        return rows
