"""One SQLite file, and what serves it without a gateway."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.sqlite import SQLiteDriver
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.results import Result
from rowgate_server.engines.values import BoundStatement, BoundValue
from rowgate_server.errors import RowgateError
from rowgate_server.observability.metrics import Metrics


class SQLite:
    """A file and what serves it: one connection, so that each call finds what the last one left behind, or more."""

    def __init__(self, file: Path, *, read_only: bool = False, lock: float = 0.1, size: int = 1) -> None:
        self.driver = SQLiteDriver(SQLiteFile(file, read_only=read_only), SQLiteTimeouts(connect=10, lock=lock))
        self._metrics = Metrics()
        settings = PoolSettings(size, 0, recycle=0, pre_ping=True, wait_timeout=20)
        self.pool = Pool(self.driver, settings, self._metrics.database("db"))
        self.executor = Executor(self.driver, self.pool)

    async def run(self, sql: str, *values: BoundValue, **how: Any) -> Result:
        return await self.executor.run(call(sql, *values, **how))

    async def cell(self, sql: str, *values: BoundValue) -> Any:
        ((cell,),) = (await self.run(sql, *values)).rows
        return cell

    async def refusal(self, sql: str, *values: BoundValue, **how: Any) -> RowgateError:
        with pytest.raises(RowgateError) as caught:
            await self.run(sql, *values, **how)
        return caught.value

    def dropped(self, kind: str) -> float:
        labels = {"database": "db", "kind": kind}
        return self._metrics.registry.get_sample_value("rowgate_pool_cleanup_failures_total", labels) or 0


def call(sql: str, *values: BoundValue, limits: ResultLimits | None = None, read_only: bool = False) -> Call:
    statement = BoundStatement(tuple(sql.split("§")), values)
    deadline = Deadline.soonest((30, "options.timeout"))
    return Call(statement, deadline, limits or ResultLimits(), "id", reads=True, read_only=read_only)
