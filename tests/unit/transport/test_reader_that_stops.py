"""A caller that reads no more: flow control holds the handler back until the gateway ends the call."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from unit.transport.wrapped import STREAM, Service, Wrapped, bare, ending, request, wrapping

from rowgate.v1.query_service_pb2 import StreamQueryResponse
from rowgate.v1.result_pb2 import ResultSet, Row
from rowgate.v1.value_pb2 import Value
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors import RpcCall, current_call
from support import bare_http2

SMALL, MEGABYTE = (
    StreamQueryResponse(result=ResultSet(rows=[Row(values=[Value(bytes_value=b"x" * octets)])]))
    for octets in (1, 1_000_000)
)
TIMED_OUT = RowgateError(Reason.STATEMENT_TIMEOUT, "the time ran out", limit="the server's 0.5s")


class Endless(Service):
    """Streams a message for ever, each handed to the transport before the next one is made."""

    def __init__(self, seconds: float, message: StreamQueryResponse = MEGABYTE) -> None:
        super().__init__()
        self._seconds = seconds
        self._message = message
        self.made = 0

    async def StreamQuery(self, request: Any, context: Any) -> AsyncIterator[StreamQueryResponse]:
        del request, context
        current_call().end_at(asyncio.get_running_loop().time() + self._seconds, TIMED_OUT)
        self.entered.set()
        try:
            while True:
                self.made += 1
                yield self._message
        finally:
            self.cleaned_up.set()


@pytest.fixture
async def endless(log: io.StringIO) -> AsyncIterator[Wrapped]:
    async with wrapping(Endless(seconds=0.5), log) as wrapped:
        yield wrapped


async def test_the_handler_is_held_back_and_let_go_when_its_time_is_over(endless: Wrapped) -> None:
    call = endless.stream(request(""))
    await endless.service.cleaned_up.wait()
    ended = await endless.left.get()
    assert (ended.code, ended.reason) == (grpc.StatusCode.DEADLINE_EXCEEDED, "STATEMENT_TIMEOUT")
    assert isinstance(endless.service, Endless)
    assert endless.service.made < 50, "what nobody reads is not made"
    assert endless.handled(STREAM) == {"DeadlineExceeded": 1}
    call.cancel()


@pytest.mark.parametrize("read", [0, 1])
async def test_a_caller_that_reads_again_finds_the_error_at_the_end(endless: Wrapped, read: int) -> None:
    """Be it the first message that it has not read, or a later one."""
    call = endless.stream(request(""))
    for _ in range(read):
        await anext(aiter(call))
    await endless.left.get()
    ended = await ending(call)
    assert (ended.code, ended.message) == (grpc.StatusCode.DEADLINE_EXCEEDED, "the time ran out")


async def test_nothing_of_it_is_held_until_then(endless: Wrapped) -> None:
    """Neither its request, nor what is sent, nor a place among the calls that a stop waits for."""
    call = endless.stream(request("x" * 100_000))
    ended = await endless.left.get()
    assert (ended.held, ended.error, len(endless.under_way)) == (None, None, 0)
    assert len(endless.under_way.reading) == 1
    call.cancel()


async def test_so_does_one_whose_connection_takes_nothing_since_before_it_called(endless: Wrapped) -> None:
    async with bare_http2.connected(endless.address) as (reader, writer):
        writer.write(bare("StreamQuery", 0, "") + bare_http2.room(0, 2**31 - 1 - 65535))
        await endless.left.get()
        writer.write(bare("StreamQuery", 1, ""))
        assert (await endless.left.get()).sending_headers, "they are on their way"
        async with asyncio.timeout(10):
            assert b"the time ran out" in await bare_http2.end_of(reader, 1)


async def test_so_does_one_who_had_no_room_even_for_a_small_first_one(log: io.StringIO) -> None:
    async with (
        wrapping(Endless(0.5, SMALL), log) as served,
        bare_http2.connected(served.address) as (reader, writer),
    ):
        writer.write(bare_http2.NO_ROOM + bare("StreamQuery", 0, ""))
        assert (await served.left.get()).sending_headers, "with that message"
        writer.write(bare_http2.room(0, 100_000))
        async with asyncio.timeout(10):
            assert b"the time ran out" in await bare_http2.end_of(reader, 0)


async def test_a_caller_that_goes_away_instead_lets_the_handler_go(log: io.StringIO) -> None:
    async with wrapping(Endless(seconds=3600), log) as wrapped:
        call = wrapped.stream(request(""))
        await wrapped.service.entered.wait()
        call.cancel()
        ended = await wrapped.left.get()
        assert wrapped.service.cleaned_up.is_set()
        assert ended.code is grpc.StatusCode.CANCELLED


async def test_other_calls_go_on_meanwhile(endless: Wrapped) -> None:
    async def well(_: Any) -> None:
        """Nothing goes wrong."""

    endless.service.behaviours["well"] = well
    call = endless.stream(request(""))
    await endless.service.entered.wait()
    assert (await ending(endless.unary(request("well")))).code is grpc.StatusCode.OK
    call.cancel()


async def test_a_call_that_ends_in_time_ends_well(wrapped: Wrapped) -> None:
    async def bounded(_: Any) -> None:
        current_call().end_at(asyncio.get_running_loop().time() + 3600, TIMED_OUT)

    wrapped.service.behaviours["bounded"] = bounded
    assert (await ending(wrapped.stream(request("bounded")))).code is grpc.StatusCode.OK
    assert (await ending(wrapped.unary(request("bounded")))).code is grpc.StatusCode.OK


async def test_a_call_that_has_ended_by_itself_is_not_ended(wrapped: Wrapped) -> None:
    calls: list[RpcCall] = []

    async def note(_: Any) -> None:
        calls.append(current_call())

    wrapped.service.behaviours["note"] = note
    assert (await ending(wrapped.stream(request("note")))).code is grpc.StatusCode.OK
    calls[0].end_at(asyncio.get_running_loop().time(), TIMED_OUT)


async def test_a_handler_that_computes_is_ended_at_its_next_await(wrapped: Wrapped) -> None:
    async def overdue(_: Any) -> None:
        current_call().end_at(asyncio.get_running_loop().time() - 1, TIMED_OUT)
        await asyncio.Event().wait()

    wrapped.service.behaviours["overdue"] = overdue
    ended = await ending(wrapped.stream(request("overdue")))
    assert (ended.code, ended.message) == (grpc.StatusCode.DEADLINE_EXCEEDED, "the time ran out")


async def test_a_timeout_of_the_handlers_own_is_no_end_of_the_call(wrapped: Wrapped) -> None:
    async def timed(_: Any) -> None:
        current_call().end_at(asyncio.get_running_loop().time() + 3600, TIMED_OUT)
        raise TimeoutError

    wrapped.service.behaviours["timed"] = timed
    assert (await ending(wrapped.stream(request("timed")))).code is grpc.StatusCode.INTERNAL
