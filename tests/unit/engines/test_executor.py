"""Every way out of a statement: what the caller is told, and what becomes of the connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from unit.engines.clock import now, on_the_clock, settle, until
from unit.engines.scripted_driver import DriverError, ScriptedCursor, ScriptedDriver, failing, lasting, never

from rowgate_server.engines.chunks import CHUNK_CELLS
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.results import Chunk, Completion, Result, Row, Truncation, result_too_large
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import Metrics

SECRET = BoundValue(ValueType.STRING, "secret")
GIVEN_BACK = ["reset 1"]
KILLED = ["kill 1", "abort 1", "close 1"]


class Station:
    """An executor over a scripted driver."""

    def __init__(self) -> None:
        self.driver = ScriptedDriver()
        settings = PoolSettings(1, 0, recycle=0, pre_ping=False, wait_timeout=60.0)
        self.pool = Pool(self.driver, settings, Metrics().database("db"))
        self._executor = Executor(self.driver, self.pool)

    def will_answer(self, *batches: Any, columns: int = 1, stops: Completion | None = None) -> None:
        """Queue the answer to a statement; a batch that is a step takes time, or fails."""
        self.driver.answers.append(ScriptedCursor(*batches, columns=columns, stops=stops, log=self.driver.log))

    async def run(self, *values: BoundValue, seconds: float = 9, **how: Any) -> Result:
        return await self._executor.run(call(*values, seconds=seconds, **how))

    def stream(self, *, seconds: float = 9, cells_per_chunk: int = CHUNK_CELLS, **how: Any) -> aclosing[Any]:
        return aclosing(self._executor.stream(call(seconds=seconds, **how), cells_per_chunk))

    async def collect(self, into: list[Chunk] | None = None, **how: Any) -> list[Chunk]:
        """Every chunk of a stream; those that came before an error are in `into`."""
        received = [] if into is None else into
        async with self.stream(**how) as chunks:
            async for chunk in chunks:
                received.append(chunk)
        return received

    async def fate(self) -> list[str]:
        """What happened to the first connection after its first statement, once it is over."""
        await until(lambda: not self.pool.numbers().in_use)
        at = self.driver.log.index("execute 1 q0")
        return [line for line in self.driver.log[at + 1 :] if line.endswith(" 1")]


def call(*values: BoundValue, seconds: float, limits: ResultLimits | None = None, **how: Any) -> Call:
    statement = BoundStatement(tuple(f"q{index}" for index in range(len(values) + 1)), values)
    deadline = Deadline.soonest((seconds, "options.timeout"))
    return Call(statement, deadline, limits or ResultLimits(), "id", **{"reads": True, **how})


@asynccontextmanager
async def a_station() -> AsyncIterator[Station]:
    station = Station()
    yield station
    await station.pool.close()
    assert station.pool.numbers().in_use == 0


def rows(*numbers: int) -> Sequence[Row]:
    return [(number,) for number in numbers]


@on_the_clock
async def test_a_whole_result_and_its_figures() -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2), lasting(2), rows(3))
        result = await station.run()
        assert result.rows == [(1,), (2,), (3,)]
        assert [column.name for column in result.columns] == ["c0"]
        stats = result.stats
        assert (stats.query_id, stats.elapsed, stats.row_count, stats.truncation) == ("id", 2, 3, None)
        assert stats.completion.affected_rows == 7
        assert await station.fate() == GIVEN_BACK


@on_the_clock
async def test_the_time_for_a_connection_counts_as_elapsed() -> None:
    async with a_station() as station:
        station.driver.connecting = lasting(3)
        station.will_answer()
        assert (await station.run()).stats.elapsed == 3


@on_the_clock
async def test_the_driver_is_told_how_to_run_it() -> None:
    async with a_station() as station:
        limits = ResultLimits(max_rows=5, cap_rows=9, cap_bytes=100)
        station.will_answer()
        await station.run(limits=limits, reads=False, read_only=True)
        station.will_answer()
        await station.collect(limits=ResultLimits())
        assert station.driver.modes == [
            ExecuteMode(streaming=False, read_only=True, reads=False, row_limit=5, byte_limit=limits.byte_limit),
            ExecuteMode(streaming=True, read_only=False, reads=True, row_limit=None, byte_limit=None),
        ]


@pytest.mark.parametrize("where", ["executing", "fetching"])
@on_the_clock
async def test_a_cancelled_call_has_its_statement_killed(where: str) -> None:
    async with a_station() as station:
        station.driver.executing = never if where == "executing" else lasting(0)
        station.will_answer(rows(1), never)
        caller = asyncio.create_task(station.run())
        await settle()
        caller.cancel()
        await asyncio.wait({caller})
        assert caller.cancelled()
        assert await station.fate() == KILLED


@pytest.mark.parametrize("where", ["executing", "fetching"])
@on_the_clock
async def test_a_statement_over_its_time_is_killed_and_its_fate_unknown(where: str) -> None:
    async with a_station() as station:
        station.driver.executing = never if where == "executing" else lasting(0)
        station.will_answer(rows(1), never)
        with pytest.raises(RowgateError) as caught:
            await station.run(seconds=4)
        assert now() == 1004
        assert caught.value.reason is Reason.STATEMENT_TIMEOUT
        assert caught.value.metadata == {"limit": "options.timeout 4s", "outcome": "UNKNOWN"}
        assert await station.fate() == KILLED


@on_the_clock
async def test_a_statement_that_never_got_a_connection_was_not_run() -> None:
    async with a_station() as station:
        station.will_answer(lasting(100))
        first = asyncio.create_task(station.run(seconds=1000))
        await settle()
        with pytest.raises(RowgateError) as caught:
            await station.run(seconds=4)
        assert caught.value.reason is Reason.STATEMENT_TIMEOUT
        assert caught.value.outcome == Outcome.NOT_RUN
        await first
        assert await station.fate() == GIVEN_BACK


@on_the_clock
async def test_a_timeout_of_the_driver_s_own_is_not_the_deadline() -> None:
    async with a_station() as station:
        station.driver.executing = failing(TimeoutError("a socket's"))
        with pytest.raises(TimeoutError, match="a socket's"):
            await station.run()
        assert await station.fate() == KILLED


@pytest.mark.parametrize(("broken", "fate"), [(False, GIVEN_BACK), (True, KILLED)])
@pytest.mark.parametrize("where", ["executing", "fetching"])
@on_the_clock
async def test_an_error_of_the_database_s_is_told_and_a_broken_connection_dropped(
    where: str, broken: bool, fate: list[str]
) -> None:
    async with a_station() as station:
        failure = failing(DriverError(Reason.DUPLICATE_KEY, broken=broken))
        station.driver.executing = failure if where == "executing" else lasting(0)
        station.will_answer(rows(1), failure)
        with pytest.raises(RowgateError, match="the database's words") as caught:
            await station.run()
        assert caught.value.reason is Reason.DUPLICATE_KEY
        assert caught.value.outcome == Outcome.ROLLED_BACK
        assert isinstance(caught.value.__cause__, DriverError)
        assert await station.fate() == fate


@on_the_clock
async def test_words_about_a_statement_with_parameters_are_chosen_with_care() -> None:
    async with a_station() as station:
        station.driver.executing = failing(DriverError())
        with pytest.raises(RowgateError, match="masked"):
            await station.run(SECRET)


@on_the_clock
async def test_a_connection_lost_under_a_statement_leaves_its_fate_unknown() -> None:
    async with a_station() as station:
        station.driver.executing = failing(DriverError(Reason.DATABASE_UNAVAILABLE, broken=True))
        with pytest.raises(RowgateError) as caught:
            await station.run()
        assert caught.value.reason is Reason.DATABASE_UNAVAILABLE
        assert caught.value.outcome == Outcome.UNKNOWN


@on_the_clock
async def test_a_parameter_refused_by_the_session_costs_no_connection() -> None:
    async with a_station() as station:
        refusal = RowgateError(Reason.INVALID_PARAMETER, "a parameter is not a date")
        station.driver.executing = failing(refusal)
        with pytest.raises(RowgateError) as caught:
            await station.run(SECRET)
        assert caught.value is refusal
        assert await station.fate() == GIVEN_BACK


@on_the_clock
async def test_a_fault_of_the_gateway_s_stays_what_it_is_and_costs_the_connection() -> None:
    async with a_station() as station:
        station.driver.executing = failing(KeyError("a bug"))
        with pytest.raises(KeyError, match="a bug"):
            await station.run()
        assert await station.fate() == KILLED


@on_the_clock
async def test_a_result_over_the_server_s_cap_fails_and_its_rest_is_killed() -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2), rows(3, 4))
        with pytest.raises(RowgateError) as caught:
            await station.run(limits=ResultLimits(cap_rows=3))
        assert caught.value.reason is Reason.RESULT_TOO_LARGE
        assert caught.value.metadata["limit"] == "3 rows"
        assert await station.fate() == KILLED


@on_the_clock
async def test_a_result_that_the_driver_found_too_large_is_killed_as_well() -> None:
    async with a_station() as station:
        station.driver.executing = failing(result_too_large("9 bytes"))
        with pytest.raises(RowgateError) as caught:
            await station.run()
        assert caught.value.reason is Reason.RESULT_TOO_LARGE
        assert await station.fate() == KILLED


@pytest.mark.parametrize(("stops", "fate"), [(Completion(affected_rows=2), GIVEN_BACK), (None, KILLED)])
@on_the_clock
async def test_a_result_over_the_caller_s_limit_is_cut_and_ended_early(
    stops: Completion | None, fate: list[str]
) -> None:
    async with a_station() as station:
        station.will_answer(rows(1, 2), rows(3, 4), never, stops=stops)
        result = await station.run(limits=ResultLimits(max_rows=3))
        assert result.rows == [(1,), (2,), (3,)]
        assert result.stats.truncation is Truncation.MAX_ROWS
        assert result.stats.completion == (stops or Completion())
        assert "finish" not in station.driver.log
        assert await station.fate() == fate


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


@on_the_clock
async def test_a_cancelled_call_does_not_wait_for_the_kill() -> None:
    async with a_station() as station:
        station.driver.executing, station.driver.killing = never, lasting(3)
        caller = asyncio.create_task(station.run())
        await settle()
        caller.cancel()
        await asyncio.wait({caller})
        assert now() == 1000
        assert station.pool.numbers().in_use == 1
        assert await station.fate() == KILLED
