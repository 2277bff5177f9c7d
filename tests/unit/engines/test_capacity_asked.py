"""A server that did not tell how many connections it allows is asked again when it comes up again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import DriverError, ScriptedDriver, at_once, failing

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.capacity import CapacityCheck
from rowgate_server.engines.database import Database, Server
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.metrics import PoolNumbers


class Asked:
    """The executor of a server's: refuses to answer so many times."""

    def __init__(self, refusals: int) -> None:
        self.times = 0
        self._refusals = refusals
        self.pool = SimpleNamespace(numbers=lambda: PoolNumbers(0, 0, 0, 5))

    async def run(self, _: object) -> Any:
        self.times += 1
        if self.times <= self._refusals:
            raise RowgateError(Reason.POOL_EXHAUSTED, "all are in use")
        return SimpleNamespace(rows=[(100,)])


@on_the_clock
async def test_question_that_failed_is_asked_again_and_one_that_was_answered_is_not() -> None:
    driver, asked = ScriptedDriver(), Asked(refusals=1)
    availability = Availability("db", driver, interval=10, timeout=2)
    server = Server("", availability, cast("Any", asked))
    database = SimpleNamespace(name="db", dialect=Dialect.MYSQL, servers=lambda: (server,))
    check = CapacityCheck(cast("Database", database), (), 1)
    for times in (1, 2, 2):
        driver.probing = at_once
        await availability.probe()
        await settle()
        assert asked.times == times
        driver.probing = failing(DriverError())
        await availability.probe()
    await check.stop()
