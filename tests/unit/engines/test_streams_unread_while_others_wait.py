"""Who may go on without reading, and who is ended for it: nobody while nobody waits."""

from __future__ import annotations

import asyncio

import pytest
from unit.engines.clock import on_the_clock
from unit.engines.hogged import hogged
from unit.engines.scripted_driver import lasting

from rowgate_server.errors import Outcome, Reason


@on_the_clock
async def test_a_stream_that_is_not_read_goes_while_another_caller_waits_and_no_more_of_them() -> None:
    async with hogged(2) as pool:
        await pool.stream("a")
        await pool.stream("a")
        await asyncio.sleep(100)
        assert pool.killed() == [], "nobody waits"
        assert await pool.ask("b") == pytest.approx(0.2)
        assert pool.killed() == ["a"]
        assert await pool.ask("b") == 0
        await asyncio.sleep(100)
        assert pool.killed() == ["a"], "one is enough"


@on_the_clock
async def test_its_reader_is_told_why_and_that_nobody_knows_what_became_of_it() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", 20)
        assert 4 <= await pool.ask("b") <= 4.4
        await asyncio.sleep(20)
        assert pool.error is not None
        assert (pool.error.reason, pool.error.outcome) == (Reason.STATEMENT_TIMEOUT, Outcome.UNKNOWN)
        assert pool.error.metadata["limit"] == "4s unread while others wait"
        assert (pool.error.metadata["database"], pool.error.metadata["query_id"]) == ("db", "id")


@on_the_clock
async def test_a_reader_that_pauses_for_less_is_left_alone_however_many_wait() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", 3.9, *[0.9] * 50, 3.9)
        assert 53.9 <= await pool.ask("b") <= 54.3, "the last pause is for good"


@on_the_clock
async def test_one_that_reads_in_drops_only_is_no_better() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", *[3.0] * 50)
        assert 5 <= await pool.ask("b") <= 5.4


@on_the_clock
async def test_what_it_has_left_unread_while_nobody_waited_is_not_held_against_it() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", 100, *[0.9] * 50)
        await asyncio.sleep(100.5)
        assert await pool.ask("b") > 40


@on_the_clock
async def test_that_the_gateway_takes_its_time_over_the_messages_is_not_held_against_their_reader() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", *[0.5] * 4, work=10.0)
        assert await pool.ask("b") >= 4 * 10.5, "and the last one is not read"


@on_the_clock
async def test_what_takes_long_to_send_has_longer() -> None:
    async with hogged(1) as pool:
        await pool.stream("a", row="x" * 4 * 1024 * 1024)
        assert 7 <= await pool.ask("b") <= 7.4


@on_the_clock
async def test_a_caller_s_own_waiting_ends_none_of_its_streams() -> None:
    async with hogged(1) as pool:
        await pool.stream("a")
        await pool.ask_in_vain("a", 50)
        assert pool.killed() == []


@on_the_clock
async def test_it_is_the_caller_with_the_most_who_makes_room() -> None:
    async with hogged(3) as pool:
        await pool.stream("b")
        await asyncio.sleep(1)
        await pool.stream("a")
        await pool.stream("a")
        await asyncio.sleep(10)
        await pool.ask("c")
        assert pool.killed() == ["a"]


@on_the_clock
async def test_a_line_that_is_gone_at_once_ends_nobody() -> None:
    async with hogged(2) as pool:
        await pool.stream("a")
        await asyncio.sleep(10)
        pool.driver.executing = lambda: asyncio.sleep(0.05)
        waited = await asyncio.gather(*(pool.ask(name) for name in "bcd"))
        assert max(waited) < 0.2
        await asyncio.sleep(1)
        assert pool.killed() == []


@on_the_clock
async def test_one_goes_as_well_where_it_is_the_server_that_has_no_room_and_no_more_of_them() -> None:
    async with hogged(10, room=3) as pool:
        await pool.stream("b", *[0.9] * 200)
        for _ in range(2):
            await pool.stream("a")
        await asyncio.sleep(100)
        assert pool.killed() == [], "nobody waits"
        pool.driver.killing = lasting(0.3)
        assert 0.2 <= await pool.ask("c") <= 0.8
        assert pool.killed() == ["a"]
        assert await pool.ask("c") == 0
        await asyncio.sleep(10)
        assert pool.killed() == ["a"], "one is enough"


@on_the_clock
async def test_whoever_waits_for_room_is_served_once_a_reader_has_taken_nothing_for_too_long() -> None:
    async with hogged(10, room=1) as pool:
        await pool.stream("a")
        assert 4 <= await pool.ask("b") <= 4.5


@on_the_clock
async def test_a_caller_s_own_waiting_for_room_ends_none_of_its_streams() -> None:
    async with hogged(10, room=1) as pool:
        await pool.stream("a")
        await pool.ask_in_vain("a", 50)
        assert pool.killed() == []


@on_the_clock
async def test_who_has_most_connections_makes_room_and_not_who_waits_for_most() -> None:
    async with hogged(10, room=3) as pool:
        await pool.stream("b")
        await asyncio.sleep(1)
        await pool.stream("a")
        await pool.stream("a")
        await asyncio.sleep(10)
        await asyncio.gather(*(pool.ask(name) for name in "bbbbbc"))
        assert pool.killed() == ["a"]
