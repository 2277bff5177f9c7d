"""Every way out of a statement: what the caller is told, and what becomes of the connection."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import now, on_the_clock, settle
from unit.engines.scripted_driver import DriverError, failing, lasting, never
from unit.engines.station import GIVEN_BACK, KILLED, SECRET, a_station, rows

from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Completion, Truncation, result_too_large
from rowgate_server.errors import Outcome, Reason, RowgateError


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
            ExecuteMode(streaming=False, read_only=True, reads=False, row_limit=5, byte_cap=100),
            ExecuteMode(streaming=True, read_only=False, reads=True, row_limit=None, byte_cap=None),
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
