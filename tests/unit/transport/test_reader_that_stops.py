"""A caller that reads no more: flow control holds the handler back until the gateway ends the call."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from unit.transport.wrapped import STREAM, Service, Wrapped, ending, request, wrapping

from rowgate.v1.query_service_pb2 import StreamQueryResponse
from rowgate.v1.result_pb2 import ResultSet, Row
from rowgate.v1.value_pb2 import Value
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors import current_call

MEGABYTE = StreamQueryResponse(result=ResultSet(rows=[Row(values=[Value(bytes_value=b"x" * 1_000_000)])]))
TIMED_OUT = RowgateError(Reason.STATEMENT_TIMEOUT, "the time ran out", limit="the server's 0.5s")


class Endless(Service):
    """Streams megabytes for ever, each handed to the transport before the next one is made."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self.made = 0

    async def StreamQuery(self, request: Any, context: Any) -> AsyncIterator[StreamQueryResponse]:
        del request, context
        current_call().end_at(asyncio.get_running_loop().time() + self._seconds, TIMED_OUT)
        self.entered.set()
        try:
            while True:
                self.made += 1
                yield MEGABYTE
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


async def test_a_caller_that_reads_again_finds_the_error_at_the_end(endless: Wrapped) -> None:
    call = endless.stream(request(""))
    await endless.left.get()
    ended = await ending(call)
    assert (ended.code, ended.message) == (grpc.StatusCode.DEADLINE_EXCEEDED, "the time ran out")


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
