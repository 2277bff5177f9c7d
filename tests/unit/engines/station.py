"""An executor over a scripted driver, and what became of its first connection."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, aclosing, asynccontextmanager
from typing import Any

from unit.engines.clock import until
from unit.engines.scripted_driver import ScriptedCursor, ScriptedDriver

from rowgate_server.engines.chunks import CHUNK_CELLS
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.results import Chunk, Completion, Result, Row
from rowgate_server.engines.transaction import Transaction
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
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
        self.under_way = self._executor.under_way

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

    def transaction(self, *, seconds: float = 9) -> AbstractAsyncContextManager[Transaction]:
        deadline = Deadline.soonest((seconds, "options.timeout"))
        return self._executor.transaction(TransactionOptions(), deadline)

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
