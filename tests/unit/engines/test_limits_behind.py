"""The limits of the server's own stand behind the gateway's: how far, and what is told where they decide after all."""

from __future__ import annotations

import asyncio

import pytest
from asyncpg import PostgresError
from unit.engines.clock import ClockLoop, on_the_clock
from unit.engines.scripted_driver import DriverError, Step
from unit.engines.station import Station, a_station, call

from rowgate_server.engines.dialects.postgresql.errors import translate
from rowgate_server.engines.registry import Timeouts
from rowgate_server.errors import Reason, RowgateError


def cancelled_after(seconds: float) -> Step:
    """A statement that the server ends then, while the gateway itself was stuck."""

    async def step() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ClockLoop)
        loop.move(seconds)
        raise DriverError(Reason.QUERY_CANCELLED)

    return step


async def told(station: Station, step: Step, *, commit: bool) -> RowgateError:
    if not commit:
        station.driver.executing = step
        with pytest.raises(RowgateError) as caught:
            await station.run(seconds=4)
        return caught.value
    station.driver.committing = step
    station.will_answer()
    async with station.transaction(seconds=4) as transaction:
        await transaction.run(call(seconds=4))
        with pytest.raises(RowgateError) as caught:
            await transaction.commit()
    return caught.value


@pytest.mark.parametrize("commit", [False, True])
@pytest.mark.parametrize(("seconds", "reason"), [(3, Reason.QUERY_CANCELLED), (5, Reason.STATEMENT_TIMEOUT)])
@on_the_clock
async def test_what_the_server_ends_after_its_time_has_run_out(seconds: float, reason: Reason, commit: bool) -> None:
    async with a_station() as station:
        error = await told(station, cancelled_after(seconds), commit=commit)
    assert error.reason is reason
    assert error.metadata.get("limit") == (None if reason is Reason.QUERY_CANCELLED else "options.timeout 4s")
    assert (error.outcome, error.metadata["sqlstate"]) == ("ROLLED_BACK", "SCRPT")


@pytest.mark.parametrize(
    ("text", "reason", "limit"),
    [
        ("canceling statement due to statement timeout", Reason.STATEMENT_TIMEOUT, "statement_timeout"),
        ("canceling statement due to user request", Reason.QUERY_CANCELLED, None),
    ],
)
def test_postgresql_s_own_limit_is_named_where_it_says_so(text: str, reason: Reason, limit: str | None) -> None:
    error = translate(PostgresError.new({"S": "ERROR", "C": "57014", "M": text}), has_parameters=False)
    assert error is not None
    assert (error.reason, error.metadata.get("limit")) == (reason, limit)


@pytest.mark.parametrize(("longest", "behind"), [(0.0, 35.0), (3600.0, 3605.0)])
def test_the_server_s_limits_are_longer_than_any_of_the_gateway_s(longest: float, behind: float) -> None:
    timeouts = Timeouts(5, 30, 1, 1, longest=longest, idle=longest)
    assert (timeouts.server_statement, timeouts.server_idle) == (behind, behind)
