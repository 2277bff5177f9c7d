"""The requests of calls, read by the gateway itself once the interceptors have let the call in.

grpc would read a request, and unpack it, before anybody has asked who sends it, and answer bytes that are no message on
its own, with the exception's text, neither counted nor logged. How large a packed message is shows only when it has
been unpacked. So a few of a caller's arrive at a time; what is large and under way is bounded in sum.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import grpc
import grpc.aio
from google.protobuf.message import DecodeError

from rowgate_server.engines.caller import caller
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.interceptors.arriving import LIMIT, Arrivals
from rowgate_server.transport.interceptors.call import RpcCall
from rowgate_server.transport.interceptors.held import COUNTED, HeldBytes

_PATIENCE = 60.0
"""Seconds that a call whose caller has set no deadline has for its request to come."""

_LONGEST = 600.0
"""Seconds where it has set one: its link may be slow, but whoever sends no request at all holds a handler for good."""

_RETRY_AFTER = 1.0

Deserialize = Callable[[bytes], Any]
Receive = Callable[[RpcCall], Awaitable[Any]]


class Requests:
    """Reads them.

    Args:
        most: bytes of large requests that may be under way.
    """

    def __init__(self, most: int) -> None:
        self._held = HeldBytes(most)
        self._arrivals = Arrivals()

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
        octets = await self._in_turn(call, _PATIENCE if remaining is None else _LONGEST)
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
        octets = await (self._in_turn(call, None) if first else self._read(call))
        if octets is None:
            await _told_to_be_gone(call)
        elif len(octets) >= COUNTED:
            self._held.check(caller.get(), len(octets))
            self._hold(call, len(octets))
        return octets

    def _hold(self, call: RpcCall, octets: int) -> None:
        call.held = caller.get(), octets
        self._held.hold(*call.held)

    async def _in_turn(self, call: RpcCall, patience: float | None) -> bytes | None:
        """The next request, which has so many seconds to arrive, from its turn on."""
        arriving = self._arrivals.begin(caller.get(), call.peer)
        try:
            if arriving.turn is not None:
                await arriving.turn
            async with asyncio.timeout(patience) as arriving.limit:
                return await self._read(call)
        except TimeoutError:
            raise _gave_way() if arriving.made_way else _late(patience) from None
        finally:
            self._arrivals.end(arriving)

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


def _late(patience: float | None) -> RowgateError:
    return RowgateError(
        Reason.STATEMENT_TIMEOUT,
        "the call's request did not come in time",
        limit=f"{patience:g}s for a request",
        outcome=Outcome.NOT_RUN,
    )


def _gave_way() -> RowgateError:
    return RowgateError(
        Reason.QUOTA_EXCEEDED,
        "the call's request came slowly, and others waited for its place",
        retry_after=_RETRY_AFTER,
        limit=LIMIT,
        outcome=Outcome.NOT_RUN,
    )


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
