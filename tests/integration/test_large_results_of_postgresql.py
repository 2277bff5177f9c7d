"""asyncpg holds a whole result before anyone can look at it, so what goes past the cap must never arrive."""

from __future__ import annotations

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Result
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError
from support.direct import driver_of, pool_of
from support.postgresql import PostgreSQL

ROWS = 200


async def run(executor: Executor, sql: str) -> Result:
    limits = ResultLimits(cap_bytes=64 * 1024)
    statement = BoundStatement((sql,), ())
    return await executor.run(Call(statement, Deadline.soonest((30, "the test")), limits, "id", reads=True))


async def test_the_server_stops_sending_a_result_that_is_over_the_cap(postgresql_server: PostgreSQL) -> None:
    async with driver_of(postgresql_server) as driver, pool_of(driver) as pool:
        executor = Executor(driver, pool)
        await run(executor, "create sequence sent")
        with pytest.raises(RowgateError) as caught:
            await run(executor, f"select nextval('sent'), repeat('x', 500000) from generate_series(1, {ROWS})")
        assert caught.value.reason is Reason.RESULT_TOO_LARGE
        (row,) = (await run(executor, "select last_value from sent")).rows
        assert row[0] < ROWS / 2, "what is under way in the buffers of both sides, and no more"
        await run(executor, "drop sequence sent")
