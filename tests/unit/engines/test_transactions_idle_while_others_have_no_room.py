"""Whose idle transaction ends where the server has no room for the connection that another caller waits for."""

from __future__ import annotations

import asyncio

from unit.engines.clock import on_the_clock
from unit.engines.hogged import hogged
from unit.engines.scripted_driver import lasting


@on_the_clock
async def test_one_that_is_idle_ends_for_a_caller_who_has_none_and_no_more_of_them() -> None:
    async with hogged(10, room=3) as pool:
        for _ in range(3):
            await pool.rest("a")
        await asyncio.sleep(100)
        assert pool.ended == [], "nobody waits"
        pool.driver.resetting = lasting(0.3)
        assert 0.2 <= await pool.ask("b") <= 0.8
        assert pool.ended == [("a", 4)]
        await asyncio.sleep(10)
        assert await pool.ask("b") == 0
        assert pool.ended == [("a", 4)], "one is enough"


@on_the_clock
async def test_one_that_was_idle_for_a_moment_only_is_waited_for() -> None:
    async with hogged(10, room=2) as pool:
        for _ in range(2):
            await pool.rest("a")
        assert 4 <= await pool.ask("b") <= 4.5


@on_the_clock
async def test_nobody_loses_the_only_one_that_he_has() -> None:
    async with hogged(10, room=3) as pool:
        for name in "abc":
            await pool.rest(name)
        await asyncio.sleep(10)
        await pool.ask_in_vain("d", 50)
        assert pool.ended == []


@on_the_clock
async def test_one_that_works_does_not_end() -> None:
    async with hogged(10, room=2) as pool:
        for _ in range(2):
            (await pool.rest("a")).listing.busy()
        await asyncio.sleep(10)
        await pool.ask_in_vain("b", 50)
        assert pool.ended == []


@on_the_clock
async def test_a_stream_that_is_not_read_goes_before_a_transaction() -> None:
    async with hogged(10, room=4) as pool:
        for _ in range(3):
            await pool.rest("a")
        await pool.stream("c")
        await asyncio.sleep(10)
        await pool.ask("b")
        assert (pool.killed(), pool.ended) == (["c"], [])


@on_the_clock
async def test_where_the_pool_is_full_they_are_left_alone() -> None:
    async with hogged(2) as pool:
        for _ in range(2):
            await pool.rest("a")
        await asyncio.sleep(10)
        await pool.ask_in_vain("b", 50)
        assert pool.ended == []
