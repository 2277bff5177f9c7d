"""Chunks, on a clock of the test's own: what the cursor brings when, and what the reader makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from unittest.mock import patch

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from unit.engines.clock import now, on_the_clock, settle

from rowgate_server.engines import chunks
from rowgate_server.engines.chunks import CHUNK_BYTES, CHUNK_CELLS, PATIENCE, ChunkReader
from rowgate_server.engines.limits import ResultLimits, ResultMeter
from rowgate_server.engines.results import Column, Completion, Row, Truncation
from rowgate_server.engines.values import ValueType

SMALL = 60
"""Bytes of a chunk in the tests that try many."""


class TimedCursor:
    """Brings each batch after so many seconds, and notes when each row came."""

    def __init__(self, batches: Sequence[tuple[float, Sequence[Row] | Exception]], columns: int = 1) -> None:
        self.columns = tuple(Column(f"c{index}", ValueType.STRING) for index in range(columns))
        self.came: dict[int, float] = {}
        self.cancelled = False
        self._batches = list(batches)

    async def fetch(self) -> Sequence[Row]:
        if not self._batches:
            return ()
        delay, batch = self._batches[0]
        try:
            await asyncio.sleep(delay)
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        del self._batches[0]
        if isinstance(batch, Exception):
            raise batch
        for row in batch:
            self.came[id(row)] = now()
        return batch

    async def finish(self) -> Completion:
        raise NotImplementedError

    async def stop(self) -> Completion | None:
        raise NotImplementedError


def reader_of(
    cursor: TimedCursor, limits: ResultLimits | None = None, most_cells: int = CHUNK_CELLS
) -> tuple[ChunkReader, ResultMeter]:
    meter = ResultMeter(cursor.columns, limits or ResultLimits())
    return ChunkReader(cursor, meter, most_cells), meter


def rows_of(count: int, width: int = 1) -> list[Row]:
    return [["x" * width] for _ in range(count)]


BATCHES = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.0, 0.01, 0.04, 0.049, 0.06, 0.3]),
        st.lists(st.integers(0, 2 * SMALL).map(lambda width: ["x" * width]), min_size=1, max_size=8),
    ),
    max_size=10,
)


@example([(0.0, [*rows_of(6, 0), *rows_of(1, SMALL + 1)])], None, 0.0)
@given(BATCHES, st.none() | st.integers(0, 20), st.sampled_from([0.0, 0.02, 0.2]))
@on_the_clock
async def test_every_row_comes_once_in_order_soon_and_in_small_chunks(
    batches: list[tuple[float, list[Row]]], max_rows: int | None, slowness: float
) -> None:
    cursor = TimedCursor(batches)
    rows = [row for _, batch in batches for row in batch]
    with patch.object(chunks, "CHUNK_BYTES", SMALL):
        reader, meter = reader_of(cursor, ResultLimits(max_rows=max_rows), most_cells=5)
        received: list[Row] = []
        while not reader.ended:
            asked = now()
            chunk = await reader.next()
            assert chunk or reader.ended
            assert len(chunk) <= 5
            assert len(chunk) == 1 or meter.size(chunk) <= SMALL
            if chunk:
                at_hand = max(asked, cursor.came[id(chunk[0])])
                assert now() - at_hand <= PATIENCE + 1e-6
            received += chunk
            await asyncio.sleep(slowness)
        await reader.close()
    assert list(map(id, received)) == list(map(id, rows[:max_rows]))
    cut = max_rows is not None and len(rows) > max_rows
    assert meter.truncation is (Truncation.MAX_ROWS if cut else None)


@on_the_clock
async def test_a_first_row_waits_50_ms_for_company_and_no_longer() -> None:
    cursor = TimedCursor([(3.0, rows_of(1)), (0.03, rows_of(2)), (0.03, rows_of(4)), (0.5, rows_of(8))])
    reader, _ = reader_of(cursor)
    assert len(await reader.next()) == 3
    assert now() == pytest.approx(1003.05)
    # The fetch that outlasted the patience went on meanwhile; its rows open the next chunk.
    assert len(await reader.next()) == 4
    assert now() == pytest.approx(1003.11)
    assert len(await reader.next()) == 8
    assert now() == pytest.approx(1003.56)
    assert reader.ended
    assert await reader.next() == []


@on_the_clock
async def test_rows_at_hand_do_not_wait_for_the_patience_to_end() -> None:
    reader, _ = reader_of(TimedCursor([(0, rows_of(1)), (0, rows_of(2))]))
    assert len(await reader.next()) == 3
    assert now() == 1000


@on_the_clock
async def test_many_small_batches_make_one_chunk() -> None:
    reader, _ = reader_of(TimedCursor([(0, rows_of(1)) for _ in range(100)]))
    assert len(await reader.next()) == 100
    assert reader.ended


@on_the_clock
async def test_a_chunk_ends_at_about_a_megabyte() -> None:
    reader, _ = reader_of(TimedCursor([(0, rows_of(1, 100_000)) for _ in range(25)]))
    sizes = []
    while not reader.ended:
        sizes.append(len(await reader.next()))
    assert sizes == [10, 10, 5]


@on_the_clock
async def test_a_batch_of_wide_rows_is_split() -> None:
    wide = CHUNK_BYTES // 2 + 1
    reader, _ = reader_of(TimedCursor([(0, rows_of(5, wide))]))
    sizes = []
    while not reader.ended:
        sizes.append(len(await reader.next()))
    assert sizes == [1, 1, 1, 1, 1]


@on_the_clock
async def test_a_single_row_wider_than_a_chunk_still_comes() -> None:
    reader, _ = reader_of(TimedCursor([(0, [["x"], ["y" * (3 * CHUNK_BYTES)], ["z"]])]))
    received = []
    while not reader.ended:
        received.append([len(row[0]) for row in await reader.next()])
    assert received == [[1], [3 * CHUNK_BYTES], [1]]


@on_the_clock
async def test_a_batch_of_many_cells_is_split() -> None:
    batch: list[Row] = [["x"] * 64 for _ in range(300)]
    reader, _ = reader_of(TimedCursor([(0, batch)], columns=64), most_cells=6500)
    assert [len(await reader.next()) for _ in range(3)] == [101, 101, 98]
    assert reader.ended


@on_the_clock
async def test_a_row_of_more_cells_than_a_chunk_still_comes() -> None:
    reader, _ = reader_of(TimedCursor([(0, [["x"] * 9] * 2)], columns=9), most_cells=4)
    assert [len(await reader.next()) for _ in range(2)] == [1, 1]


@on_the_clock
async def test_rows_that_were_held_back_are_not_overtaken() -> None:
    first, second = rows_of(3, CHUNK_BYTES // 2 + 1), rows_of(2)
    reader, _ = reader_of(TimedCursor([(0, first), (0, second)]))
    received: list[Row] = []
    while not reader.ended:
        received += await reader.next()
    assert list(map(id, received)) == [*map(id, first), *map(id, second)]


@on_the_clock
async def test_nothing_is_fetched_past_the_caller_s_limit() -> None:
    cursor = TimedCursor([(0, rows_of(3)), (3600, rows_of(1))])
    reader, meter = reader_of(cursor, ResultLimits(max_rows=2))
    assert len(await reader.next()) == 2
    assert reader.ended
    assert meter.truncation is Truncation.MAX_ROWS
    assert now() == 1000


@on_the_clock
async def test_a_limit_of_no_rows_ends_with_an_empty_chunk() -> None:
    reader, meter = reader_of(TimedCursor([(0, rows_of(1))]), ResultLimits(max_rows=0))
    assert await reader.next() == []
    assert reader.ended
    assert meter.truncation is Truncation.MAX_ROWS


@on_the_clock
async def test_closing_ends_a_fetch_under_way() -> None:
    cursor = TimedCursor([(0, rows_of(1)), (3600, rows_of(1))])
    reader, _ = reader_of(cursor)
    assert len(await reader.next()) == 1
    await reader.close()
    assert cursor.cancelled
    assert now() < 1001
    assert len(asyncio.all_tasks()) == 1


@on_the_clock
async def test_closing_again_and_closing_unread_do_nothing() -> None:
    reader, _ = reader_of(TimedCursor([]))
    await reader.close()
    assert await reader.next() == []
    await reader.close()
    await reader.close()


@on_the_clock
async def test_an_error_after_the_patience_opens_the_next_chunk() -> None:
    reader, _ = reader_of(TimedCursor([(0, rows_of(2)), (0.2, OSError("gone"))]))
    assert len(await reader.next()) == 2
    with pytest.raises(OSError, match="gone"):
        await reader.next()
    await reader.close()


class BreakingCursor(TimedCursor):
    """Whose driver makes an error of its own of a cancellation."""

    async def fetch(self) -> Sequence[Row]:
        try:
            return await super().fetch()
        except asyncio.CancelledError:
            raise OSError("the link was cut") from None


@on_the_clock
async def test_an_error_that_nobody_asks_for_anymore_is_not_logged() -> None:
    reader, _ = reader_of(BreakingCursor([(0, rows_of(2)), (3600, rows_of(1))]))
    assert len(await reader.next()) == 2
    await reader.close()  # the clock fails the test if asyncio has an error to log


@on_the_clock
async def test_a_cancelled_reader_leaves_no_fetch_behind() -> None:
    cursor = TimedCursor([(0, rows_of(1)), (3600, rows_of(1))])
    reader, _ = reader_of(cursor)
    await reader.next()
    waiting = asyncio.create_task(reader.next())
    await settle()
    waiting.cancel()
    await asyncio.wait({waiting})
    await reader.close()
    assert waiting.cancelled()
    assert cursor.cancelled
    assert len(asyncio.all_tasks()) == 1
