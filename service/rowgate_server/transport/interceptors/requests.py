"""The requests of calls, read by the gateway itself once the interceptors have let the call in.

grpc would read a request, and unpack it, before anybody has asked who sends it, and answer bytes that are no message on
its own, with the exception's text, neither counted nor logged. How large a packed message is shows only when it has
been unpacked. So a caller may have a few unpacked at a time; what is large and under way is bounded in sum.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from rowgate_server.engines import clock
from rowgate_server.engines.caller import caller
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.interceptors.held import COUNTED, HeldBytes

if TYPE_CHECKING:  # which imports this one
    from rowgate_server.transport.interceptors.chain import RpcCall

_AT_ONCE = 4
"""Requests of one caller that may arrive at the same time."""

_SLOW = 0.02
"""Seconds after which one that still arrives is sent slowly, and holds no others up: it is one of the few that may."""

_SLOW_OF_ONE = 8
_SLOW_OF_ALL = 24
"""How many. Each is unpacked when its last octet comes, and may be as large as any then: all of them at once."""

_PATIENCE = 60.0
"""Seconds that a call whose caller has set no deadline has for its request to come."""

_LONGEST = 600.0
"""Seconds where it has set one: its link may be slow, but whoever sends no request at all holds a handler for good."""

Deserialize = Callable[[bytes], Any]
Receive = Callable[["RpcCall"], Awaitable[Any]]


class Slow:
    """How many requests of all callers are sent slowly."""

    def __init__(self) -> None:
        self.number = 0


class Arriving:
    """The requests of one caller that arrive, a few at a time; the others wait for their turn, in order.

    Args:
        slow: of all callers.
    """

    def __init__(self, slow: Slow) -> None:
        self._all_slow = slow
        self._slow: set[RpcCall] = set()
        self._since: dict[RpcCall, float] = {}
        """The others."""
        self._waiting: deque[tuple[RpcCall, asyncio.Future[None]]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    def __bool__(self) -> bool:
        return bool(self._slow or self._since or self._waiting)

    def begin(self, call: RpcCall) -> bool:
        """The request of a call arrives now, if there is room for it."""
        if len(self._since) >= _AT_ONCE:
            self._overlook_slow()
            if len(self._since) >= _AT_ONCE:
                return False
        self._since[call] = clock.now()
        return True

    async def wait(self, call: RpcCall) -> None:
        """Wait until there is room for it."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append((call, turn))
        self._watch()
        try:
            await turn
        except asyncio.CancelledError:
            self.end(call)  # it may have been given its turn
            raise

    def end(self, call: RpcCall) -> None:
        """It is there, or will never be."""
        if call in self._slow:
            self._slow.remove(call)
            self._all_slow.number -= 1
        elif self._since.pop(call, None) is not None:
            self._go_on()

    def _overlook_slow(self) -> None:
        before = clock.now() - _SLOW
        for call in [call for call, since in self._since.items() if since <= before]:
            if len(self._slow) >= _SLOW_OF_ONE or self._all_slow.number >= _SLOW_OF_ALL:
                break
            del self._since[call]
            self._slow.add(call)
            self._all_slow.number += 1
        self._go_on()

    def _go_on(self) -> None:
        while self._waiting and len(self._since) < _AT_ONCE:
            call, turn = self._waiting.popleft()
            if not turn.done():
                self._since[call] = clock.now()
                turn.set_result(None)
        self._watch()

    def _watch(self) -> None:
        if self._waiting and self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(_SLOW, self._look)

    def _look(self) -> None:
        self._timer = None
        self._overlook_slow()


class Requests:
    """Reads them.

    Args:
        most: bytes of large requests that may be under way.
    """

    def __init__(self, most: int) -> None:
        self._held = HeldBytes(most)
        self._arriving: dict[str, Arriving] = {}
        self._slow = Slow()

    def receiver(self, handler: grpc.RpcMethodHandler[Any, Any]) -> Receive:
        """How a handler gets what it takes: the one request, or the stream of them."""
        deserialize: Deserialize = handler.request_deserializer or bytes
        if handler.request_streaming:

            async def receive_each(call: RpcCall) -> AsyncIterator[Any]:
                return _Each(self, call, deserialize)

            return receive_each

        async def receive(call: RpcCall) -> Any:
            octets = await self._only(call)
            if octets is None:
                await _told_to_be_gone(call)
                raise RowgateError(Reason.INVALID_REQUEST, "the call has no request", outcome=Outcome.NOT_RUN)
            return _decoded(deserialize, octets)

        return receive

    def end(self, call: RpcCall) -> None:
        """A call has ended, and its request is no longer held."""
        if call.held is not None:
            self._held.release(*call.held)
            call.held = None

    async def _only(self, call: RpcCall) -> bytes | None:
        """The one request of a call; None where there is none. A large one waits for room for a moment."""
        # The types say that it is never None.
        remaining: float | None = call.context.time_remaining()
        patience = _PATIENCE if remaining is None else _LONGEST
        try:
            async with asyncio.timeout(patience):
                octets = await self._in_turn(call)
        except TimeoutError:
            raise RowgateError(
                Reason.STATEMENT_TIMEOUT,
                "the call's request did not come in time",
                limit=f"{patience:g}s for a request",
                outcome=Outcome.NOT_RUN,
            ) from None
        if octets is not None and len(octets) >= COUNTED:
            await self._held.room(caller.get(), len(octets))
            self._hold(call, len(octets))
        return octets

    async def next_of(self, call: RpcCall, *, first: bool) -> bytes | None:
        """The next request of a stream; None behind the last. Its caller thinks in between: only the first has a turn.

        None of them waits for room: the stream has a connection, for which others wait who have room.

        Raises:
            RowgateError: QUOTA_EXCEEDED. The one behind it can be read.
        """
        octets = await (self._in_turn(call) if first else self._read(call))
        if octets is None:
            await _told_to_be_gone(call)
        elif len(octets) >= COUNTED:
            self._held.check(caller.get(), len(octets))
            self._hold(call, len(octets))
        return octets

    def _hold(self, call: RpcCall, octets: int) -> None:
        call.held = caller.get(), octets
        self._held.hold(*call.held)

    async def _in_turn(self, call: RpcCall) -> bytes | None:
        who = caller.get()
        arriving = self._arriving.get(who)
        if arriving is None:
            arriving = self._arriving[who] = Arriving(self._slow)
        try:
            if not arriving.begin(call):
                await arriving.wait(call)
            return await self._read(call)
        finally:
            arriving.end(call)
            if not arriving and self._arriving.get(who) is arriving:
                del self._arriving[who]

    @staticmethod
    async def _read(call: RpcCall) -> bytes | None:
        """The next request; None where there is none."""
        try:
            octets: Any = await call.context.read()
        except grpc.aio.BaseError as error:  # the server has stopped, or the call has been ended
            call.gone = True
            raise asyncio.CancelledError from error
        return None if octets is grpc.aio.EOF else cast("bytes", octets)


class _Each:
    """Those of a stream. An error is that of one of them: whoever asks again gets the next."""

    def __init__(self, requests: Requests, call: RpcCall, deserialize: Deserialize) -> None:
        self._requests = requests
        self._call = call
        self._deserialize = deserialize
        self._first = True

    def __aiter__(self) -> _Each:
        return self

    async def __anext__(self) -> Any:
        self._requests.end(self._call)  # whoever asks for the next has answered the last one
        first, self._first = self._first, False
        octets = await self._requests.next_of(self._call, first=first)
        if octets is None:
            raise StopAsyncIteration
        return _decoded(self._deserialize, octets)


def _decoded(deserialize: Deserialize, octets: bytes) -> Any:
    try:
        return deserialize(octets)
    except DecodeError:
        raise RowgateError(
            Reason.INVALID_REQUEST,
            "the request is not the message that this call takes, or holds text that is not UTF-8",
            hint="what is not UTF-8 goes as bytes_value",
        ) from None


async def _told_to_be_gone(call: RpcCall) -> None:
    """Tell a caller that has gone away from one that has half-closed.

    grpc ends the requests alike, and tells of the cancellation just behind that: one read more is told after it.

    Raises:
        asyncio.CancelledError: it has gone.
    """
    try:
        await call.context.read()
    except grpc.aio.BaseError as error:
        call.gone = True
        raise asyncio.CancelledError from error
