"""Every way out of a streamed statement: what the caller is told, and what becomes of the connection."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import now, on_the_clock
from unit.engines.scripted_driver import DriverError, failing, lasting, never
from unit.engines.station import GIVEN_BACK, KILLED, a_station, rows

from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Chunk, Completion, Truncation
from rowgate_server.errors import Outcome, Reason, RowgateError


@on_the_clock
async def test_a_stream_begins_with_columns_and_ends_with_stats() -> None:
    async with a_station() as station:
        station.will_answer(rows(1), lasting(1), rows(2, 3), lasting(1))
        chunks = await station.collect()
        assert [list(chunk.rows) for chunk in chunks] == [[(1,)], [(2,), (3,)], []]
        assert [chunk.columns is not None for chunk in chunks] == [True, False, False]
        assert [chunk.stats is not None for chunk in chunks] == [False, False, True]
        assert chunks[-1].stats is not None
        assert (chunks[-1].stats.row_count, chunks[-1].stats.elapsed) == (3, 2)


@on_the_clock
async def test_a_stream_s_chunks_hold_as_many_cells_as_asked_for() -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2, 3))
        chunks = [list(chunk.rows) for chunk in await station.collect(cells_per_chunk=2)]
        assert chunks == [[(1,), (2,)], [(3,)], []]


@on_the_clock
async def test_the_connection_is_free_before_the_last_chunk_is_handed_on() -> None:
    async with a_station() as station:
        station.will_answer(rows(1))
        async with station.stream() as chunks:
            async for chunk in chunks:
                if chunk.stats is not None:
                    assert await station.fate() == GIVEN_BACK


@on_the_clock
async def test_a_stream_of_no_rows_still_tells_its_columns_and_one_of_no_columns_only_its_stats() -> None:
    async with a_station() as station:
        station.will_answer()
        first, last = await station.collect()
        assert first.columns is not None
        assert last.stats is not None
        station.will_answer(columns=0)
        (only,) = await station.collect()
        assert only.columns is None
        assert only.stats is not None
        assert only.stats.completion.affected_rows == 7


@on_the_clock
async def test_a_stream_left_early_is_killed() -> None:
    async with a_station() as station:
        station.will_answer(rows(1), never)
        async with station.stream() as chunks:
            assert list((await anext(chunks)).rows) == [(1,)]
        assert await station.fate() == KILLED
        # The fetch was over before the connection was touched.
        assert station.driver.log.index("fetch cancelled") < station.driver.log.index("kill 1")


@on_the_clock
async def test_a_stream_whose_reader_is_cancelled_is_killed() -> None:
    async with a_station() as station:
        station.will_answer(rows(1), never)
        reader = asyncio.create_task(station.collect())
        await asyncio.sleep(2)
        reader.cancel()
        await asyncio.wait({reader})
        assert reader.cancelled()
        assert await station.fate() == KILLED


@on_the_clock
async def test_a_stream_over_its_time_is_killed() -> None:
    async with a_station() as station:
        station.will_answer(rows(1), never)
        received: list[Chunk] = []
        with pytest.raises(RowgateError) as caught:
            await station.collect(received, seconds=4)
        assert [list(chunk.rows) for chunk in received] == [[(1,)]]
        assert now() == 1004
        assert caught.value.reason is Reason.STATEMENT_TIMEOUT
        assert caught.value.outcome == Outcome.UNKNOWN
        assert await station.fate() == KILLED


@on_the_clock
async def test_the_deadline_does_not_interrupt_what_the_reader_does_between_chunks() -> None:
    async with a_station() as station:
        station.will_answer(rows(1), lasting(1), rows(2), lasting(1), rows(3))
        async with station.stream(seconds=4) as chunks:
            await anext(chunks)
            await asyncio.sleep(100)
            with pytest.raises(RowgateError) as caught:
                await anext(chunks)
        assert caught.value.reason is Reason.STATEMENT_TIMEOUT
        assert await station.fate() == KILLED


@pytest.mark.parametrize(("broken", "fate"), [(False, GIVEN_BACK), (True, KILLED)])
@on_the_clock
async def test_an_error_in_the_middle_of_a_stream_is_told(broken: bool, fate: list[str]) -> None:
    async with a_station() as station:
        station.will_answer(rows(1), lasting(1), failing(DriverError(Reason.DEADLOCK, broken=broken)))
        received: list[Chunk] = []
        with pytest.raises(RowgateError) as caught:
            await station.collect(received)
        assert [list(chunk.rows) for chunk in received] == [[(1,)]]
        assert caught.value.reason is Reason.DEADLOCK
        assert await station.fate() == fate


@pytest.mark.parametrize(("stops", "fate"), [(Completion(), GIVEN_BACK), (None, KILLED)])
@on_the_clock
async def test_a_stream_over_the_caller_s_limit_is_cut_and_says_so(stops: Completion | None, fate: list[str]) -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2), never, stops=stops)
        first, last = await station.collect(limits=ResultLimits(max_rows=1))
        assert list(first.rows) == [(1,)]
        assert last.stats is not None
        assert last.stats.truncation is Truncation.MAX_ROWS
        assert await station.fate() == fate
