"""What calls keep of their results is counted until they are answered, however they end."""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import grpc
import pytest
from unit.transport.wrapped import Service, Wrapped, ending, request, wrapping

from rowgate_server.engines.caller import caller
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors import RpcCall, current_call
from rowgate_server.transport.interceptors.kept import MOST, Kept, _Own
from support.eventually import eventually

LARGE = 100_000


@pytest.fixture
async def wrapped(log: io.StringIO) -> AsyncIterator[Wrapped]:
    async with wrapping(Service(), log) as wrapped:
        yield wrapped


class Seen:
    """What a call's behaviour has met."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.call: RpcCall | None = None
        self.kept: Kept | None = None
        self.who = ""

    def enter(self) -> RpcCall:
        self.call = call = current_call()
        assert call.whole is not None
        self.kept, self.who = call.whole.kept, caller.get()
        self.entered.set()
        return call

    def own(self) -> _Own | None:
        assert self.kept is not None
        return self.kept._own.get(self.who)


def behaving(wrapped: Wrapped, seen: Seen, work: Callable[[RpcCall], Awaitable[None]]) -> Any:
    async def behave(_: Any) -> None:
        await work(seen.enter())

    wrapped.service.behaviours["it"] = behave
    return wrapped.unary(request("it"))


async def test_all_results_of_a_call_count_until_it_is_answered(wrapped: Wrapped) -> None:
    seen = Seen()

    async def twice(call: RpcCall) -> None:
        assert call.may_answer()
        call.keeps(LARGE)
        call.keeps(LARGE)
        assert seen.own() == (2 * LARGE, 1)
        assert call.keeps(2 * MOST) == 2 * MOST, "several are too much"
        assert seen.own() == (2 * LARGE, 1)

    assert (await ending(behaving(wrapped, seen, twice))).code is grpc.StatusCode.OK
    assert seen.own() is None


@pytest.mark.parametrize("error", [RowgateError(Reason.INVALID_SQL, "no"), ValueError("a mistake")])
async def test_nothing_is_kept_for_one_that_fails(wrapped: Wrapped, error: Exception) -> None:
    seen = Seen()

    async def fail(call: RpcCall) -> None:
        call.keeps(LARGE)
        raise error

    assert (await ending(behaving(wrapped, seen, fail))).code is not grpc.StatusCode.OK
    await eventually(lambda: seen.own() is None, 5, "the call has ended")


async def crowded(call: RpcCall) -> None:
    """Half of the room is taken, by another call of the same caller's."""
    assert call.whole is not None
    call.whole.kept.change(caller.get(), 0, MOST // 2)
    assert not call.may_answer()


async def test_one_that_waits_for_room_has_it_for_all_of_its_statements_and_what_it_took_for_large_is_given_back(
    wrapped: Wrapped,
) -> None:
    seen = Seen()

    async def wait(call: RpcCall) -> None:
        await crowded(call)
        assert call.whole is not None
        asyncio.get_running_loop().call_soon(call.whole.kept.change, caller.get(), MOST // 2, 0)
        await call.room(60)
        assert seen.own() == (MOST // 2, 1), "its result may be as large as the last one"
        assert call.may_answer()

    assert (await ending(behaving(wrapped, seen, wait))).code is grpc.StatusCode.OK
    assert seen.own() is None
    assert seen.kept is not None
    assert (seen.kept._last, seen.kept._guessed) == ({}, 0), "it was small"


async def test_one_that_is_cancelled_while_it_waits_for_room_takes_none(wrapped: Wrapped) -> None:
    seen = Seen()

    async def wait(call: RpcCall) -> None:
        await crowded(call)
        await call.room(60)

    calling = behaving(wrapped, seen, wait)
    await seen.entered.wait()
    calling.cancel()
    await wrapped.left.get()
    assert seen.kept is not None
    assert not seen.kept._waiting
    seen.kept.change(seen.who, MOST // 2, 0)
    assert seen.own() is None


async def test_what_goes_on_behind_the_end_of_a_call_keeps_nothing_for_it(wrapped: Wrapped) -> None:
    seen, late = Seen(), list[asyncio.Task[None]]()

    async def begin(call: RpcCall) -> None:
        await crowded(call)
        late.append(asyncio.create_task(call.room(60)))
        await asyncio.sleep(0)

    assert (await ending(behaving(wrapped, seen, begin))).code is grpc.StatusCode.OK
    await wrapped.left.get()
    assert seen.kept is not None
    assert seen.call is not None
    seen.kept.change(seen.who, MOST // 2, 0)
    await late[0]
    seen.call.keeps(LARGE)
    assert seen.own() is None
