"""Writes that stand still on a host leave connections to whatever says that it reads."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

from unit.engines.clock import on_the_clock, settle
from unit.engines.scripted_driver import ScriptedCursor, ScriptedDriver, at_once, never
from unit.engines.station import call
from unit.engines.test_clusters_put_together import AROUND, BOUNDS, router, servers

from rowgate_server.engines.clusters import make_cluster
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Executor
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.observability.metrics import Metrics


@asynccontextmanager
async def with_writes_that_stand_still() -> AsyncIterator[tuple[Executor, ScriptedDriver]]:
    """More than there are connections: one runs in a transaction, three by themselves, and one waits."""
    driver = ScriptedDriver()
    settings = PoolSettings(
        5, 0, recycle=0, pre_ping=False, wait_timeout=60.0, cleanup=5.0, for_reads=1, through_stalls=True
    )
    pool = Pool(driver, settings, Metrics().database("db"))
    executor = Executor(driver, pool)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(pool.close)
        await stack.enter_async_context(
            executor.transaction(TransactionOptions(), Deadline.soonest((60, "the test's")))
        )
        driver.answers += [ScriptedCursor(never, columns=1, log=driver.log) for _ in range(3)]
        writes = [asyncio.create_task(executor.run(call(seconds=50, reads=False))) for _ in range(4)]
        await settle()
        numbers = pool.numbers()
        assert (numbers.in_use, numbers.waiting) == (4, 1)
        yield executor, driver
        for write in writes:
            write.cancel()
        await asyncio.wait(writes)
        driver.resetting = driver.killing = at_once


@on_the_clock
async def test_what_reads_is_run_while_writes_stand_still() -> None:
    async with with_writes_that_stand_still() as (executor, driver):
        for reads in (True, False):
            driver.answers.append(ScriptedCursor([(7,)], columns=1, log=driver.log))
            assert (await executor.run(call(seconds=1, reads=reads, read_only=not reads))).rows == [(7,)]
            await settle()
        deadline = Deadline.soonest((1, "the test's"))
        async with executor.transaction(TransactionOptions(read_only=True), deadline):
            assert executor.pool.numbers().in_use == 5


async def test_each_host_leaves_its_part_to_reads_and_replicas_need_not() -> None:
    rules = AROUND.rules._replace(read_share=0.4)
    database = make_cluster(servers(), BOUNDS, replace(AROUND, rules=rules))
    try:
        pools = [member.pool._settings for member in router(database).members]
        assert [(each.for_reads, each.through_stalls) for each in pools] == [(1, True), (1, True), (0, False)]
    finally:
        await database.close()
