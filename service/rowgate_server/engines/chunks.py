"""Batches as the driver has them, made into chunks worth a message each: of about 1 MiB, or what 50 ms brought."""

from __future__ import annotations

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from rowgate_server.engines import clock
from rowgate_server.engines.driver import Cursor
from rowgate_server.engines.limits import ResultMeter
from rowgate_server.engines.results import Row

CHUNK_BYTES = 1024 * 1024
CHUNK_CELLS = 8192
"""Encoding a chunk holds the event loop: this many Values take about 4 ms. Cheaper encodings ask for more cells."""
PATIENCE = 0.05
"""Seconds that the first row of a chunk waits for company: a slow query shows its first rows at once."""


class ChunkReader:
    """Reads a cursor chunk by chunk, within the caller's limits.

    A fetch that outlasts the patience goes on in a task of its own, and its rows open the next chunk.
    """

    def __init__(self, cursor: Cursor, meter: ResultMeter, most_cells: int | None = None) -> None:
        self._cursor = cursor
        self._meter = meter
        self._most_rows = max(1, (most_cells or CHUNK_CELLS) // max(1, len(cursor.columns)))
        self._fetching: asyncio.Task[Sequence[Row]] | None = None
        self._held: list[Row] = []
        self._held_bytes = 0
        self._exhausted = False

    @property
    def ended(self) -> bool:
        """Whether there are no more rows, or no more are wanted."""
        return self._exhausted and not self._held

    async def next(self) -> list[Row]:
        """The next chunk's rows; empty only at the end."""
        rows, size = self._held, self._held_bytes
        until: float | None = None
        while not self._exhausted and len(rows) < self._most_rows and size < CHUNK_BYTES:
            if rows and until is None:
                until = clock.now() + PATIENCE
            batch = await self._fetch(None if until is None else until - clock.now())
            if batch is None:
                break
            before = self._meter.bytes
            rows.extend(self._meter.take(batch))
            size += self._meter.bytes - before
            self._exhausted = not batch or self._meter.truncation is not None
        return self._cut(rows, size)

    async def settle(self, patience: float) -> bool:
        """Let a fetch that is under way end by itself: to cancel it may end more. Whether it did within so long."""
        if self._fetching is None:
            return True
        await asyncio.wait({self._fetching}, timeout=patience)
        if not self._fetching.done():
            return False
        fetched, self._fetching = self._fetching, None
        fetched.result()
        return True

    async def close(self) -> None:
        """End a fetch that is still under way."""
        if self._fetching is not None:
            self._fetching.cancel()
            # gather, not wait: it also takes note of an error, which asyncio would log if nobody did.
            await asyncio.gather(self._fetching, return_exceptions=True)

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

    def _cut(self, rows: list[Row], size: int) -> list[Row]:
        """Hold back what goes beyond a chunk: one batch can be many thousand rows, or many megabytes."""
        end = min(len(rows), self._most_rows)
        # As if all rows were alike: measuring what is held once more would cost a long result 0.08 µs a row.
        taken = size * end // max(1, len(rows))
        if size > CHUNK_BYTES and rows:
            sizes = list(accumulate(self._meter.size((row,)) for row in rows[:end]))
            end = max(1, bisect_right(sizes, CHUNK_BYTES))
            taken = sizes[end - 1]
        self._held = rows[end:]
        self._held_bytes = size - taken
        return rows if not self._held else rows[:end]
