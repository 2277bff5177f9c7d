"""How many transactions may be open, and how they are counted, whatever ends them."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.access import Switches
from rowgate_server.core.query import QueryRequest, QueryRunner
from rowgate_server.core.transactions.beginning import Begin, TransactionRules
from rowgate_server.core.transactions.held import HeldTransaction, State
from rowgate_server.core.transactions.opening import Transactions
from rowgate_server.engines import clock
from rowgate_server.engines.caller import caller
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Isolation
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import Metrics

BEGIN = Begin("one")
TABLE = "create table things (id integer primary key, name text)"


class Served:
    """Two databases of which each may have two open transactions."""

    def __init__(self, transactions: Transactions, metrics: Metrics, altered: list[str]) -> None:
        self.transactions, self._metrics, self.altered = transactions, metrics, altered

    def number(self, name: str, database: str = "one", **labels: str) -> float | None:
        return self._metrics.registry.get_sample_value(f"rowgate_transactions_{name}", {"database": database, **labels})

    async def refused(self, begin: Begin) -> RowgateError:
        with pytest.raises(RowgateError) as caught:
            async with self.transactions.holding(begin):
                pytest.fail("it must not begin")
        return caught.value


@pytest.fixture
async def served(tmp_path: Path) -> AsyncIterator[Served]:
    files = {name: fill(tmp_path / f"{name}.db", TABLE) for name in ("one", "other")}
    metrics, altered = Metrics(), list[str]()
    async with databases(files, metrics=metrics, default="one") as found:
        rules = dict.fromkeys(files, TransactionRules(2, 30.0, 60.0))
        counted = {name: metrics.transactions(name) for name in files}
        yield Served(
            Transactions(found, QueryRunner(found, altered.append, Switches({})), rules, counted), metrics, altered
        )


async def run(held: HeldTransaction, sql: str) -> None:
    async for _ in held.execute(QueryRequest(held.database.name, sql), 8192):
        pass


async def test_no_more_are_open_than_may_be_on_each_database(served: Served) -> None:
    async with served.transactions.holding(BEGIN), served.transactions.holding(BEGIN):
        error = await served.refused(BEGIN)
        assert (error.reason, error.outcome, error.retry_after) == (Reason.POOL_EXHAUSTED, Outcome.NOT_RUN, 1.0)
        assert error.metadata["limit"] == "databases.one.transactions.pool_share: 2 at a time"
        async with served.transactions.holding(Begin("other")):
            assert [served.number("open", name) for name in ("one", "other")] == [2, 1]
    assert [served.number("open", name) for name in ("one", "other")] == [0, 0]
    assert served.number("refused_total") == 1
    async with served.transactions.holding(BEGIN) as held:
        assert held.state is State.ACTIVE


@pytest.mark.parametrize(
    ("begin", "limit"),
    [
        (BEGIN._replace(timeout=0.02), "begin.timeout 0.02s"),
        (BEGIN._replace(call_timeout=0.05), "the call's deadline 0.05s"),
    ],
)
async def test_one_that_waits_for_another_s_is_told_which_deadline_decided(
    served: Served, begin: Begin, limit: str
) -> None:
    async with served.transactions.holding(BEGIN), served.transactions.holding(BEGIN):
        token = caller.set("another")
        error = await served.refused(begin)
        caller.reset(token)
    assert (error.reason, error.outcome) == (Reason.STATEMENT_TIMEOUT, Outcome.NOT_RUN)
    assert (error.metadata["limit"], error.metadata["database"]) == (limit, "one")
    assert served.number("refused_total") == 1


async def test_what_the_engine_does_not_have_is_told_before_anyone_waits(served: Served) -> None:
    async with served.transactions.holding(BEGIN), served.transactions.holding(BEGIN):
        token = caller.set("another")
        error = await served.refused(Begin("one", isolation=Isolation.READ_COMMITTED))
        caller.reset(token)
    assert error.reason is Reason.NOT_SUPPORTED


async def test_a_place_is_free_again_whatever_ended_its_transaction(served: Served) -> None:
    async def cancelled(begun: asyncio.Event) -> None:
        async with served.transactions.holding(BEGIN):
            begun.set()
            await asyncio.Event().wait()

    for _ in range(3):
        with contextlib.suppress(ZeroDivisionError):
            async with served.transactions.holding(BEGIN):
                raise ZeroDivisionError
        begun = asyncio.Event()
        task = asyncio.create_task(cancelled(begun))
        await begun.wait()
        task.cancel()
        await asyncio.wait([task])
        await served.refused(Begin("one", isolation=Isolation.READ_COMMITTED))
        await served.refused(Begin("one", deferrable=True))
        async with served.transactions.holding(BEGIN) as held:
            await held.rollback()
    assert served.number("open") == 0
    assert served.number("ended_total", end="rolled_back") == 3
    assert served.number("ended_total", end="abandoned") == 6


async def test_ends_are_counted_by_what_they_were(served: Served) -> None:
    async with served.transactions.holding(BEGIN) as held:
        await held.commit()
    async with served.transactions.holding(BEGIN) as held:
        held.expiry(held.deadline, 1, clock.now() + 60)
    async with served.transactions.holding(BEGIN) as held:
        held.expiry(held.deadline, 1, clock.now())
    counted = {end: served.number("ended_total", end=end) for end in ("committed", "expired", "abandoned")}
    assert counted == {"committed": 1, "expired": 1, "abandoned": 1}


async def test_the_least_limit_decides_and_is_named(served: Served) -> None:
    async with served.transactions.holding(BEGIN) as held:
        assert (held.idle_timeout, held.deadline.seconds) == (30.0, 60.0)
        assert held.deadline.limit == "databases.one.transactions.timeout 60s"
    asked = Begin("one", idle_timeout=5.0, timeout=9.0, call_timeout=12.0)
    async with served.transactions.holding(asked) as held:
        assert (held.idle_timeout, held.deadline.limit) == (5.0, "begin.timeout 9s")
        at, limit = held.idle_until()
        error = held.expiry(limit, 7, at)
    assert (error.reason, error.metadata["last_sequence"], error.outcome) == (
        Reason.TRANSACTION_EXPIRED,
        "7",
        Outcome.ROLLED_BACK,
    )
    assert "was idle too long; begin.idle_timeout 5s decided" in error.message


async def test_what_ends_a_commit_from_outside_does_not_claim_to_know(served: Served) -> None:
    async with served.transactions.holding(BEGIN) as held:
        limit = Deadline.soonest((1.0, "a limit"))
        assert held.expiry(limit, 1, 0.0).outcome == Outcome.ROLLED_BACK
        assert held.expiry(limit, 1, 0.0, committing=True).outcome == Outcome.UNKNOWN
        await held.commit()
        assert held.expiry(limit, 1, 0.0).outcome == Outcome.UNKNOWN


async def test_tables_are_looked_at_anew_after_the_commit_of_what_may_have_altered_them(served: Served) -> None:
    async with served.transactions.holding(BEGIN) as held:
        await run(held, "insert into things values (1, 'a')")
        await run(held, "select 1")
        await held.commit()
    assert served.altered == []
    async with served.transactions.holding(BEGIN) as held:
        await run(held, "alter table things add column more text")
        assert served.altered == ["one"]
        await held.commit()
        assert served.altered == ["one", "one"]
