"""Requests are read once their caller is let in, a few at a time, and those that are large are bounded in sum."""

from __future__ import annotations

import asyncio
import gc
import io
import sys
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.wrapped import MOST_REQUESTED, SERVICE, UNARY, Service, Wrapped, ending, request, wrapping

from rowgate.v1.query_service_pb2 import ExecuteQueryRequest
from rowgate_server.engines.caller import caller
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors import RpcCall, arriving, current_call, held, requests
from rowgate_server.transport.interceptors.held import HeldBytes
from support.eventually import eventually


def begun(wrapped: Wrapped) -> Any:
    """A call of a unary method whose request is not sent yet: on the wire, all kinds of calls are alike."""
    return wrapped.channel.stream_unary(f"/{SERVICE}/ExecuteQuery", ExecuteQueryRequest.SerializeToString)()


async def test_who_is_refused_need_not_have_sent_a_request(wrapped: Wrapped) -> None:
    wrapped.under_way.close()
    call = begun(wrapped)
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    assert (await wrapped.left.get()).received == 0


async def test_a_call_without_a_request_is_refused(wrapped: Wrapped) -> None:
    call = begun(wrapped)
    await call.done_writing()
    assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert await call.details() == "the call has no request"
    assert not wrapped.service.entered.is_set()


async def test_one_that_is_taken_back_before_its_request_has_come_is_cancelled(wrapped: Wrapped) -> None:
    call = begun(wrapped)
    await eventually(lambda: len(wrapped.under_way) == 1, 5, "it was let in")
    call.cancel()
    assert (await wrapped.left.get()).code is grpc.StatusCode.CANCELLED


class Stopped:
    """The context of a call whose server has stopped."""

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def time_remaining(self) -> None:
        """No deadline."""

    async def read(self) -> bytes:
        raise grpc.aio.BaseError


class Silent(Stopped):
    """The context of a call whose caller sends nothing more, behind what it is made with."""

    def __init__(self, *sent: bytes) -> None:
        self._sent = list(sent)

    async def read(self) -> bytes:
        if not self._sent:
            await asyncio.get_running_loop().create_future()
        return self._sent.pop(0)


class Elsewhere(Silent):
    """The same on another connection."""

    def peer(self) -> str:
        return "ipv4:127.0.0.1:2"


def made(context: Any) -> RpcCall:
    return RpcCall(UNARY, context)


EACH: Any = grpc.stream_stream_rpc_method_handler(lambda *_: None, request_deserializer=bytes)
ONE: Any = grpc.unary_unary_rpc_method_handler(lambda *_: None, request_deserializer=bytes)


async def test_streams_whose_callers_think_take_no_turns_from_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arriving, "_SLOW", 60)
    read = requests.Requests(1 << 20)
    thinking = []
    for _ in range(arriving._AT_ONCE):
        each = await read.receiver(EACH)(made(Silent(b"first")))
        assert await anext(each) == b"first"
        thinking.append(asyncio.create_task(anext(each)))
    await asyncio.sleep(0)
    async with asyncio.timeout(5):
        assert await read.receiver(ONE)(made(Silent(b"small"))) == b"small"
    for each in thinking:
        each.cancel()


async def test_a_stream_holds_no_room_while_its_caller_thinks() -> None:
    read = requests.Requests(200_000)
    large = bytes(100_000)
    each = await read.receiver(EACH)(made(Silent(large)))
    assert await anext(each) == large
    with pytest.raises(RowgateError, match="take all the room"):
        read._held.check(caller.get(), 70_000)
    thinking = asyncio.create_task(anext(each))
    await asyncio.sleep(0)
    read._held.check(caller.get(), 70_000)
    thinking.cancel()


async def test_behind_a_request_of_a_stream_that_there_is_no_room_for_the_next_one_is_read() -> None:
    read = requests.Requests(200_000)
    each = await read.receiver(EACH)(made(Silent(bytes(100_001), b"small")))
    with pytest.raises(RowgateError, match="take all the room"):
        await anext(each)
    assert await anext(each) == b"small"
    assert not read._held._total


async def test_a_large_request_waits_for_room() -> None:
    read = requests.Requests(200_000)
    first, second = made(Silent(bytes(90_000))), made(Silent(bytes(80_000)))
    await read.receiver(ONE)(first)
    waiting = asyncio.ensure_future(read.receiver(ONE)(second))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    read.end(first)
    assert len(await waiting) == 80_000
    read.end(second)
    assert not read._held._total


async def test_so_much_may_wait_for_room_and_what_is_beyond_that_is_refused_at_once() -> None:
    found = HeldBytes(100)
    found.hold("a", 40)
    waiting = asyncio.create_task(found.room("a", 30))
    await asyncio.sleep(0)
    with pytest.raises(RowgateError, match="take all the room"):
        async with asyncio.timeout(0):  # it would be a TimeoutError if it waited
            await found.room("a", 30)
    found.release("a", 40)
    await waiting


async def test_those_of_a_caller_wait_in_order_so_that_a_large_one_is_not_passed_for_good() -> None:
    found = HeldBytes(200)
    found.hold("a", 80)
    order: list[int] = []

    async def wait(octets: int) -> None:
        await found.room("a", octets)
        found.hold("a", octets)
        order.append(octets)

    waiting = [asyncio.create_task(wait(octets)) for octets in (60, 20)]
    await asyncio.sleep(0)
    found.release("a", 10)
    await asyncio.sleep(0.01)
    assert not order, "there would be room for the second one"
    found.release("a", 30)
    await waiting[0]
    found.release("a", 60)
    await waiting[1]
    assert order == [60, 20]


async def test_two_connections_of_one_caller_have_half_of_the_room_together() -> None:
    read = requests.Requests(200_000)
    caller.set("both")
    await read.receiver(ONE)(made(Silent(bytes(90_000))))
    waiting = asyncio.ensure_future(read.receiver(ONE)(made(Elsewhere(bytes(80_000)))))
    await asyncio.sleep(0.01)
    assert not waiting.done()
    waiting.cancel()


@pytest.mark.parametrize(("deadline", "limit"), [(None, 0.01), (3600.0, 0.02)])
async def test_a_call_has_so_long_for_its_request(
    monkeypatch: pytest.MonkeyPatch, deadline: float | None, limit: float
) -> None:
    monkeypatch.setattr(requests, "_PATIENCE", 0.01)
    monkeypatch.setattr(requests, "_LONGEST", 0.02)
    monkeypatch.setattr(Silent, "time_remaining", lambda _: deadline)
    with pytest.raises(RowgateError, match="did not come in time") as caught:
        await asyncio.wait_for(requests.Requests(1).receiver(ONE)(made(Silent())), 10)
    assert caught.value.metadata["outcome"] == "NOT_RUN"
    assert caught.value.metadata["limit"] == f"{limit}s for a request"


async def test_one_whose_request_has_not_come_when_the_server_stops_is_cancelled() -> None:
    call = made(Stopped())
    with pytest.raises(asyncio.CancelledError):
        await requests.Requests(0).receiver(ONE)(call)
    assert call.gone


async def test_large_requests_are_bounded_in_sum_and_small_ones_go_on(
    wrapped: Wrapped, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(held, "_PATIENCE", 0.01)
    go = asyncio.Event()

    async def wait(_: Any) -> None:
        await go.wait()

    large = " " * (MOST_REQUESTED // 3)
    wrapped.service.behaviours.update({large: wait, "small": wait})
    first = wrapped.unary(request(large))
    await wrapped.service.entered.wait()
    refused = await ending(wrapped.unary(request(large)))
    assert refused.code is grpc.StatusCode.RESOURCE_EXHAUSTED, "a caller has half of the room"
    assert b"QUOTA_EXCEEDED" in refused.trailers["grpc-status-details-bin"]
    small = wrapped.unary(request("small"))
    await eventually(lambda: len(wrapped.under_way) == 2, 5, "it was let in")
    go.set()
    assert [(await ending(call)).code for call in (first, small)] == [grpc.StatusCode.OK] * 2
    await eventually(lambda: not len(wrapped.under_way), 5, "both are over")
    assert (await ending(wrapped.unary(request(large)))).code is grpc.StatusCode.OK, "there is room again"


class Refusing(Service):
    """Refuses whatever is asked for, and remembers what that was."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[Any] = []

    async def ExecuteQuery(self, request: Any, context: Any) -> Any:
        del context
        current_call().statements = (request.sql,)
        self.asked.append(request)
        raise RowgateError(Reason.INVALID_SQL, "no")


async def test_what_a_refused_call_asked_for_is_not_kept_until_a_garbage_collection(log: io.StringIO) -> None:
    gc.disable()
    try:
        async with wrapping(Refusing(), log) as wrapped:
            for _ in range(2):
                assert (await ending(wrapped.unary(request("x")))).code is grpc.StatusCode.INVALID_ARGUMENT
            assert isinstance(wrapped.service, Refusing)
            references = sys.getrefcount(wrapped.service.asked[0])
            assert references == len(("asked", "the argument"))
            assert not (await wrapped.left.get()).statements
    finally:
        gc.enable()
