"""Large answers that nobody reads are bounded: others wait for room, and their callers have nothing more run.

A server that stops has them read first, as far as there is time.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.wrapped import MOST_UNREAD, Service, Wrapped, bare, ending, request, wrapping

from rowgate.v1.query_service_pb2 import ExecuteQueryResponse
from rowgate.v1.result_pb2 import ResultSet, Row
from rowgate.v1.value_pb2 import Value
from rowgate_server.engines import clock
from rowgate_server.engines.caller import caller
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport import connections, leaving
from rowgate_server.transport.interceptors import current_call, unread
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.leaving import Leaving
from support import bare_http2
from support.eventually import eventually

LARGE = 100_000
SMALL = 4
"""Of small answers, more than HTTP/2 has room for on the way at first, which is 64 KiB."""
HALF = MOST_UNREAD // 2


async def held(*answers: tuple[str, int], most: int = 4 * LARGE) -> Unread:
    found = Unread(most)
    for peer, octets in answers:
        await found.take(peer, peer, octets)
    return found


async def behind(found: Unread, peer: str, octets: int = LARGE) -> asyncio.Task[bool]:
    waiting = asyncio.create_task(found.take(peer, peer, octets))
    await asyncio.sleep(0)
    assert not waiting.done()
    return waiting


async def test_a_caller_has_half_and_its_next_answer_waits_until_one_is_read() -> None:
    found = await held(("a", LARGE), ("a", LARGE))
    waiting = await behind(found, "a")
    assert await found.take("b", "b", LARGE), "others have room"
    assert not await found.take("a", "a", 1_000), "small ones are not counted"
    found.release("a", "a", LARGE)
    assert await waiting


async def test_where_much_waits_for_a_caller_it_has_nothing_more_run() -> None:
    found = await held(("a", 2 * LARGE))
    waits = [await behind(found, "a", 8 * LARGE)]
    found.check("a")
    waits.append(await behind(found, "a"))
    with pytest.raises(RowgateError) as caught:
        found.check("a")
    assert (caught.value.reason, caught.value.outcome) == (Reason.QUOTA_EXCEEDED, Outcome.NOT_RUN)
    assert caught.value.retry_after
    found.check("b")
    found.release("a", "a", 2 * LARGE)
    await waits[0]
    found.check("a")
    found.release("a", "a", 8 * LARGE)
    await waits[1]


async def test_all_callers_together_have_so_much() -> None:
    found = await held(*((peer, LARGE) for peer in "abcd"))
    waiting = await behind(found, "e")
    found.release("b", "b", LARGE)
    assert await waiting


async def test_one_that_is_larger_than_all_the_room_goes_alone() -> None:
    found = await held(("a", 9 * LARGE))
    waiting = await behind(found, "b")
    found.release("a", "a", 9 * LARGE)
    assert await waiting


async def test_so_much_may_wait_and_what_is_beyond_that_is_lost_at_once() -> None:
    found = await held(("a", 2 * LARGE))
    waits = [await behind(found, "a", 4 * LARGE) for _ in range(4)]
    with pytest.raises(RowgateError) as caught:
        await found.take("a", "a", LARGE)
    assert caught.value.outcome == Outcome.UNKNOWN
    for waiting in waits:
        waiting.cancel()
    await asyncio.wait(waits)
    found.check("a")
    found.release("a", "a", 2 * LARGE)
    assert await found.take("a", "a", LARGE)


async def test_one_that_leaves_as_its_turn_comes_gives_it_to_the_next() -> None:
    found = await held(("a", 2 * LARGE))
    first, second = await behind(found, "a", 2 * LARGE), await behind(found, "a")
    found.release("a", "a", 2 * LARGE)
    first.cancel()
    assert await second


async def test_a_large_one_is_not_passed_by_smaller_ones_of_its_own_caller() -> None:
    found = await held(("a", LARGE), ("a", LARGE))
    large = await behind(found, "a", 3 * LARGE)
    small = await behind(found, "a")
    other = await behind(found, "b", 3 * LARGE)
    found.release("a", "a", LARGE)
    assert await other, "other callers' go on"
    assert not small.done()
    found.release("b", "b", 3 * LARGE)
    found.release("a", "a", LARGE)
    assert await large
    found.release("a", "a", 3 * LARGE)
    assert await small


async def test_one_that_waits_no_more_holds_up_none_behind_it() -> None:
    found = await held(("a", LARGE))
    large, small = await behind(found, "a", 3 * LARGE), await behind(found, "a")
    large.cancel()
    assert await small


async def test_an_answer_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unread, "_PATIENCE", 0.01)
    found = await held(("a", 2 * LARGE))
    with pytest.raises(RowgateError) as caught:
        await found.take("a", "a", LARGE)
    assert caught.value.outcome == Outcome.UNKNOWN
    found.check("a")


class Large(Service):
    """Answers with half of what may be unread; what is run first sees whether there is room."""

    async def ExecuteQuery(self, request: Any, context: Any) -> ExecuteQueryResponse:
        del context
        current_call().may_answer()
        octets = int(request.sql)
        return ExecuteQueryResponse(result=ResultSet(rows=[Row(values=[Value(bytes_value=b"x" * octets)])]))


@pytest.fixture
async def large(log: io.StringIO) -> AsyncIterator[Wrapped]:
    async with wrapping(Large(), log) as wrapped:
        yield wrapped


def asked(number: int, octets: int) -> bytes:
    return bare("ExecuteQuery", number, str(octets))


def port_of(served: Wrapped) -> int:
    return int(served.address.rpartition(":")[2])


def encrypted(served: Wrapped) -> Leaving:
    """Its callers leave, as if its connections were encrypted."""
    return Leaving(port_of(served), served.under_way, plain=False)


async def test_a_caller_that_reads_nothing_has_no_more_run_and_others_have(large: Wrapped) -> None:
    async with bare_http2.connected(large.address) as (_, writer):
        for number in range(7):
            writer.write(asked(number, HALF - 100))
            await eventually(lambda: large.unread._held.total() > 0, 5, "the first is on its way")
        ended = [(await large.left.get()).code.name for _ in range(2)]
        assert ended == ["OK", "RESOURCE_EXHAUSTED"]
        await eventually(lambda: len(large.under_way) == 5, 5, "those that have been run wait")
        assert (await ending(large.unary(request(str(LARGE))))).code is grpc.StatusCode.OK
    await eventually(lambda: not large.unread._held, 5, "what was for it is let go of")


class OfOne(Large):
    """All connections are one caller's."""

    async def ExecuteQuery(self, request: Any, context: Any) -> ExecuteQueryResponse:
        caller.set("one")
        return await super().ExecuteQuery(request, context)


async def test_a_caller_has_no_more_kept_for_coming_over_several_connections(log: io.StringIO) -> None:
    async with (
        wrapping(OfOne(), log) as served,
        bare_http2.connected(served.address) as (_, one),
        bare_http2.connected(served.address) as (_, other),
    ):
        for number in range(7):
            (one, other)[number % 2].write(asked(number, HALF - 100))
        ended = [(await served.left.get()).code.name for _ in range(2)]
        assert sorted(ended) == ["OK", "RESOURCE_EXHAUSTED"]
        await eventually(lambda: len(served.under_way) == 5, 5, "those that have been run wait")
        assert len(served.under_way.reading) == 1


async def test_a_connection_is_closed_only_once_the_answer_on_it_has_been_read(large: Wrapped) -> None:
    async with bare_http2.connected(large.address) as (reader, writer):
        writer.write(asked(0, HALF - 100))
        await eventually(lambda: bool(large.under_way.reading) and not large.under_way, 5, "it is on its way")
        left = asyncio.create_task(encrypted(large).all_have_left(clock.now() + 30, asyncio.Event()))
        await asyncio.sleep(0.3)  # several rounds
        assert not left.done()
        writer.write(bare_http2.room(0, 2 * HALF))
        async with asyncio.timeout(10):
            assert len(await reader.read(-1)) > HALF - 100
        assert await left


async def test_a_connection_is_closed_only_once_many_small_answers_on_it_have_been_read(large: Wrapped) -> None:
    async with bare_http2.connected(large.address) as (reader, writer):
        for number in range(SMALL):
            writer.write(asked(number, 30_000))
            await large.left.get()
        await eventually(lambda: len(large.under_way._answers) == 1, 5, "not all have room on the way")
        left = asyncio.create_task(encrypted(large).all_have_left(clock.now() + 30, asyncio.Event()))
        await asyncio.sleep(0.3)  # several rounds
        assert not left.done()
        writer.write(bare_http2.room(0, 2 * HALF))
        async with asyncio.timeout(10):
            assert len(await reader.read(-1)) > SMALL * 30_000
        assert await left


async def test_beside_an_answer_that_is_still_read_new_calls_are_served(
    large: Wrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaving, "_ALONE", 0.0)
    monkeypatch.setattr(leaving, "_WAITED", 0.1)
    async with bare_http2.connected(large.address) as (_, writer):
        writer.write(asked(0, HALF - 100))
        await large.left.get()
        left = asyncio.create_task(encrypted(large).all_have_left(clock.now() + 30, asyncio.Event()))
        await asyncio.sleep(0.2)  # new calls wait by now
        writer.write(asked(1, 1))
        async with asyncio.timeout(10):
            assert (await large.left.get()).code is grpc.StatusCode.OK
    assert await left


async def test_the_end_of_an_answer_has_a_round_to_be_written_in(large: Wrapped) -> None:
    async with bare_http2.connected(large.address) as (reader, writer):
        writer.write(asked(0, HALF - 100))
        await large.left.get()
        callers = encrypted(large)
        await eventually(lambda: callers._round() == 1 and not connections.sending(port_of(large)), 5, "it is quiet")
        writer.write(bare_http2.room(0, 2 * HALF))
        read = asyncio.create_task(reader.read(-1))
        await eventually(lambda: not large.under_way.reading, 5, "it has been handed over")
        await eventually(lambda: not connections.sending(port_of(large)), 5, "it has been sent")
        assert callers._round() == 1
        assert callers._round() == 0
        assert len(await read) > HALF - 100
