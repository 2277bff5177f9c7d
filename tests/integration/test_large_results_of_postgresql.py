"""asyncpg holds a whole result before anyone can look at it, so what goes past the cap must never arrive."""

from __future__ import annotations

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, make_driver
from rowgate_server.engines.results import Result
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import Metrics
from support.postgresql import PostgreSQL
from support.throwaway import DATABASE, HOST, PASSWORD, USER

ROWS = 200


async def run(executor: Executor, sql: str) -> Result:
    limits = ResultLimits(cap_bytes=64 * 1024)
    statement = BoundStatement((sql,), ())
    return await executor.run(Call(statement, Deadline.soonest((30, "the test")), limits, "id", reads=True))


async def test_the_server_stops_sending_a_result_that_is_over_the_cap(postgresql_server: PostgreSQL) -> None:
    target = Target(Dialect.POSTGRESQL, False, HOST, postgresql_server.port, USER, PASSWORD, DATABASE)
    driver = make_driver(target, Timeouts(connect=10, statement=30, probe=5, probe_interval=5))
    pool = Pool(driver, PoolSettings(1, 0, recycle=0, pre_ping=False, wait_timeout=20), Metrics().database("db"))
    executor = Executor(driver, pool)
    try:
        await run(executor, "create sequence sent")
        with pytest.raises(RowgateError) as caught:
            await run(executor, f"select nextval('sent'), repeat('x', 500000) from generate_series(1, {ROWS})")
        assert caught.value.reason is Reason.RESULT_TOO_LARGE
        (row,) = (await run(executor, "select last_value from sent")).rows
        assert row[0] < ROWS / 2, "what is under way in the buffers of both sides, and no more"
        await run(executor, "drop sequence sent")
    finally:
        await pool.close()
