"""The end of a server: handlers are waited for, and connections closed when nothing is on them."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator
from typing import Any

import grpc
import grpc.aio
import pytest
from unit.transport.ending import Ending, ending
from unit.transport.wrapped import bare, request

from rowgate.v1.query_service_pb2 import StreamQueryResponse
from rowgate.v1.result_pb2 import ResultSet, Row
from rowgate.v1.value_pb2 import Value
from rowgate_server.engines import clock
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport import connections
from support import bare_http2
from support.eventually import eventually

LARGE = Row(values=[Value(bytes_value=bytes(1_000_000))])


@pytest.fixture
async def served() -> AsyncIterator[Ending]:
    async with ending() as server:
        yield server


async def test_a_handler_that_still_cleans_up_is_waited_for(served: Ending) -> None:
    cleaned_up = False

    async def slow_to_go(_: Any) -> None:
        nonlocal cleaned_up
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0.2)
            cleaned_up = True

    served.service.behaviours["slow"] = slow_to_go
    call = served.stub.ExecuteQuery(request("slow"))
    await served.service.entered.wait()
    await served.drain(0)
    assert cleaned_up
    assert not len(served.calls)
    assert await call.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_call_under_way_goes_on_until_it_ends(served: Ending) -> None:
    call, go_on = await served.held()
    ended = asyncio.create_task(served.drain(60))
    await asyncio.sleep(0.7)  # longer than callers have to leave
    assert not ended.done()
    go_on.set()
    assert await call.code() is grpc.StatusCode.OK
    await ended


async def test_new_calls_are_refused_so_that_they_may_be_made_again(served: Ending) -> None:
    served.calls.close()
    call = served.stub.ExecuteQuery(request("never"))
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    assert "takes no new calls" in await call.details()
    assert not served.service.entered.is_set()


async def test_a_connection_is_closed_once_no_call_is_on_it(served: Ending) -> None:
    await served.brief()
    (peer,) = served.peers()
    assert connections.hang_up(served.port, connections.Peers({peer}), {}, plain=False) == 1
    assert served.peers() == [peer], "a call is on it"
    told = dict[str, float]()
    await eventually(lambda: not served.hang_up(told, plain=False) and not served.peers(), 10, "it was closed")
    assert await served.brief(wait_for_ready=True), "the port is still listened on"
    connections.stop_listening(served.port)
    served.hang_up({}, plain=False)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", served.port)


async def test_a_caller_is_told_to_leave_before_its_connection_is_closed(served: Ending) -> None:
    async with bare_http2.connected(f"127.0.0.1:{served.port}") as (reader, _):
        told: dict[str, float] = {}
        await eventually(lambda: served.hang_up(told) == 1 and bool(told), 10, "it was told")
        assert set(told) == set(served.peers())
        async with asyncio.timeout(10):
            while (await bare_http2.next_frame(reader))[0] != bare_http2.GOAWAY:
                pass
        await eventually(lambda: not served.hang_up(told), 10, "it must have heard")
        assert set(told) == set(served.peers()), "what it sent before may still come"
        await served.drain(60)
        async with asyncio.timeout(10):
            while await reader.read(1024):
                pass


async def test_a_call_that_was_begun_is_answered_after_that_word_and_the_next_goes_elsewhere(served: Ending) -> None:
    call, go_on = await served.held()
    (peer,), told = served.peers(), dict[str, float]()
    await eventually(lambda: served.hang_up(told) == 1 and bool(told), 10, "it was told")
    while len(served.peers()) < 2:  # the word may take a moment to arrive
        await served.brief(wait_for_ready=True)
    go_on.set()
    assert await call.code() is grpc.StatusCode.OK
    assert peer in served.peers(), "it is left to the server to close it"


async def test_peers_are_named_as_grpc_names_them(served: Ending) -> None:
    seen: list[str] = []

    async def note(context: Any) -> None:
        seen.append(context.peer())

    served.service.behaviours["note"] = note
    await served.stub.ExecuteQuery(request("note"))
    assert served.peers() == seen


async def test_a_stream_whose_caller_read_no_more_ends_with_the_reason_once_it_reads_again(served: Ending) -> None:
    async def endless(context: Any) -> None:
        while True:
            await context.write(StreamQueryResponse(result=ResultSet(rows=[LARGE])))

    served.service.behaviours["endless"] = endless
    call = served.stub.StreamQuery(request("endless"))
    await call.read()
    drained = asyncio.create_task(served.drain(1))
    await served.service.cleaned_up.wait()
    with contextlib.suppress(grpc.aio.AioRpcError):
        while await call.read() is not grpc.aio.EOF:
            pass
    assert await call.code() is grpc.StatusCode.UNAVAILABLE
    assert await call.details() == "the gateway stopped the stream"
    await drained


@contextlib.asynccontextmanager
async def blocked(served: Ending) -> AsyncIterator[asyncio.StreamWriter]:
    """A connection that takes nothing more: its first call's answers fill it."""
    written = clock.now()

    async def endless(context: Any) -> None:
        nonlocal written
        while True:
            await context.write(StreamQueryResponse(result=ResultSet(rows=[LARGE])))
            written = clock.now()

    served.service.behaviours["endless"] = endless
    async with bare_http2.connected(f"127.0.0.1:{served.port}") as (_, writer):
        writer.write(bare("StreamQuery", 0, "endless") + bare_http2.room(0, 2**31 - 1 - 65535))
        await served.service.entered.wait()
        await eventually(lambda: clock.now() - written > 0.5, 10, "it takes nothing more")
        yield writer


async def test_a_drain_ends_though_the_headers_of_a_stream_do_not_get_through(
    served: Ending, caplog: pytest.LogCaptureFixture
) -> None:
    async with blocked(served) as writer:
        writer.write(bare("StreamQuery", 1, "never begun"))
        await eventually(lambda: any(call.sending_headers for call in served.calls), 10, "they are on their way")
        async with asyncio.timeout(10):
            await served.drain(1)
        assert not len(served.calls)
    gc.collect()
    assert "never retrieved" not in caplog.text


async def test_a_stream_that_has_ended_is_not_waited_for_though_that_does_not_get_through(served: Ending) -> None:
    async with blocked(served) as writer:
        writer.write(bare("StreamQuery", 1, "never begun"))
        await eventually(lambda: any(call.sending_headers for call in served.calls), 10, "its headers are on their way")
        (call,) = (call for call in served.calls if call.sending_headers)
        call.end_at(clock.now(), RowgateError(Reason.SHUTTING_DOWN, "ended"))
        await served.calls.over([call])
        async with asyncio.timeout(10):
            await served.drain(1)
