"""Puts the interceptors around every handler, once, when a service is registered.

grpc's own interceptors are asked for the handler at every call, and build it anew each time; these are not asked
again. Each has two moments: `enter` before the handler, outermost first, and `leave` after it, innermost first, where
it may exchange the error that the call ends with.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Protocol

import grpc
import grpc.aio

from rowgate_server.engines.caller import caller
from rowgate_server.observability.callers import current_caller
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.call import Context, RpcCall, when_sent
from rowgate_server.transport.interceptors.kept import Kept
from rowgate_server.transport.interceptors.requests import Receive, Requests
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.interceptors.whole import Whole
from rowgate_server.transport.status import StatusError

_Run = Callable[..., Awaitable[Any]]
_Write = Callable[[Any], bytes]
_GRPC_TYPES = {
    (False, False): "unary",
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}

_APART = 16 * 1024
"""Bytes from which on a stream's first message goes behind its headers, and not with them: there may be no room for it.
HTTP/2 has it for 64 KiB at first, of a call's and of all of a connection."""


class Interceptor(Protocol):
    """One position of the chain."""

    def register(self, labels: MethodLabels) -> None:
        """An RPC is registered; called once for each, before the server starts."""

    def enter(self, call: RpcCall) -> Awaitable[None] | None:
        """Before the handler; may raise, and then the handler and what is further in never see the call.

        What it returns is waited for.
        """

    def leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        """After the handler; returns the error that the call ends with from here on."""


class Handlers(Protocol):
    """Told of every handler, from before the first interceptor until after the last."""

    def begin(self, call: RpcCall) -> None:
        """A handler begins."""

    def end(self, call: RpcCall) -> None:
        """It has ended."""


class Chain:
    """Stands in for grpc's server while services are registered, and wraps each of their handlers.

    Args:
        server: the real one.
        interceptors: outermost first.
        handlers: told of every one.
        requests: reads what callers send.
        unread: counts what they have not read of large answers that are sent whole.
    """

    def __init__(
        self,
        server: grpc.aio.Server,
        interceptors: Sequence[Interceptor],
        handlers: Handlers,
        requests: Requests,
        unread: Unread,
    ) -> None:
        self._server = server
        self._kept, self._unread = Kept(), unread
        self._requests = requests
        self.interceptors = tuple(interceptors)
        self._handlers = handlers

    def add_generic_rpc_handlers(self, handlers: Sequence[grpc.GenericRpcHandler]) -> None:
        """Ignored: the same handlers come by `add_registered_method_handlers`, with their names."""

    def add_registered_method_handlers(
        self, service: str, handlers: Mapping[str, grpc.RpcMethodHandler[Any, Any]]
    ) -> None:
        """Register a service's handlers, wrapped."""
        wrapped = {name: self._wrap(service, name, handler) for name, handler in handlers.items()}
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, wrapped),))
        self._server.add_registered_method_handlers(service, wrapped)

    def expect(self, labels: MethodLabels) -> None:
        """Tell the interceptors of a method."""
        for interceptor in self.interceptors:
            interceptor.register(labels)

    def _wrap(
        self, service: str, method: str, handler: grpc.RpcMethodHandler[Any, Any]
    ) -> grpc.RpcMethodHandler[Any, Any]:
        streams = bool(handler.request_streaming), bool(handler.response_streaming)
        labels = MethodLabels(_GRPC_TYPES[streams], service, method)
        self.expect(labels)
        behavior, make = _MAKERS[streams](handler)
        receive = self._requests.receiver(handler)
        write = _writer(handler)
        if streams[1]:
            streamed: grpc.RpcMethodHandler[Any, Any] = make(
                self.streaming(labels, behavior, receive), response_serializer=write
            )
            return streamed
        whole: grpc.RpcMethodHandler[Any, Any] = make(self._unary(labels, behavior, receive, write))
        return whole

    def _unary(
        self, labels: MethodLabels, behavior: Callable[..., Awaitable[Any]], receive: Receive, write: _Write
    ) -> _Run:
        async def run(_: Any, context: Context) -> bytes | None:
            call = RpcCall(labels, context)
            whole = call.whole = Whole(self._kept, self._unread)
            self._handlers.begin(call)
            request = response = None
            error = await self._enter(call)
            if error is None:
                try:
                    request = await receive(call)
                    call.received = 1
                    response = write(await behavior(request, context))
                    whole.laid_out()
                    request = None
                    self._requests.end(call)  # an answer that waits for its reader holds no room for requests
                    await self._let_go(call, len(response))
                    call.sent = 1
                except BaseException as raised:  # noqa: BLE001 - the errors interceptor sorts them
                    error, response = raised, None
            try:
                await _end(context, self._leave(call, error))
            finally:
                whole.end()
                self._handlers.end(call)
                self._requests.end(call)
                # Its traceback holds this frame, and so does the abort's, which grpc keeps: cycles, which would keep a
                # refused result, and what was asked, until the next collection.
                request = error = None
                call.statements = ()
            return response

        return run

    async def _let_go(self, call: RpcCall, octets: int) -> None:
        """An answer is to be sent, once there is room."""
        unread, who, peer = self._unread, caller.get(), call.peer
        if await unread.take(who, peer, octets):
            when_sent(lambda _: unread.release(who, peer, octets))

    def streaming(self, labels: MethodLabels, behavior: Callable[..., Any], receive: Receive) -> _Run:
        """The interceptors around a method that answers with a stream."""
        respond = _send_all if inspect.isasyncgenfunction(behavior) else _let_it_send

        async def run(_: Any, context: Context) -> None:
            call = RpcCall(labels, context)
            self._handlers.begin(call)
            request, error = None, await self._enter(call)
            if error is None:
                try:
                    async with call.expiring():
                        request = await receive(call)
                        call.received = 1
                        await respond(call, behavior, request)
                except BaseException as raised:  # noqa: BLE001 - the errors interceptor sorts them
                    error = raised
            try:
                error = self._leave(call, error)
            finally:
                # Nothing of it runs any more. How it ended is its caller's to read, behind what it has not read yet:
                # for as long as that takes, nothing is kept, and nobody waits for it but who counts what is unread.
                self._handlers.end(call)
                self._requests.end(call)
                request = call.error = None
                call.statements = ()
            try:
                await _headers_sent(call)
                await _end(context, error)
            finally:
                # Its traceback holds this frame, and so does the abort's, which grpc keeps: cycles, which would keep a
                # refused result, and what was asked, until the next collection.
                error = call.sending_headers = None

        return run

    async def _enter(self, call: RpcCall) -> BaseException | None:
        current_caller.set(call)
        # Whoever is known by more than an address is set by the interceptor that asks who it is.
        caller.set(call.peer)
        try:
            for interceptor in self.interceptors:
                waiting = interceptor.enter(call)
                if waiting is not None:
                    await waiting
        except BaseException as error:  # noqa: BLE001 - a refusal, a cancellation or a bug: the errors interceptor sorts
            return error
        return None

    def _leave(self, call: RpcCall, error: BaseException | None) -> BaseException | None:
        for interceptor in reversed(self.interceptors):
            error = interceptor.leave(call, error)
        return error


async def _end(context: Context, error: BaseException | None) -> None:
    if isinstance(error, StatusError):
        status = error.status
        # What an abort is given replaces the trailers that were set before, the correlation id among them.
        trailers = (*context.trailing_metadata(), *status.trailing_metadata)
        await context.abort(status.code, status.details, trailers)
    if error is not None:
        raise error


def _writer(handler: grpc.RpcMethodHandler[Any, Any]) -> _Write:
    """How an answer is written; a servicer may have laid one out as bytes by itself."""
    serialize = handler.response_serializer

    def write(response: Any) -> bytes:
        octets: bytes = response if response.__class__ is bytes or serialize is None else serialize(response)
        return octets

    return write


async def _send_all(call: RpcCall, behavior: Callable[..., Any], request: Any) -> None:
    """`write` returns when the transport has room: that is what holds back a cursor."""
    async with contextlib.aclosing(behavior(request, call.context)) as responses:
        async for response in responses:
            try:
                await (call.context.write(response) if call.sent else _send_first(call, response))
            except (grpc.aio.UsageError, grpc.aio.InternalError) as error:
                # The caller has gone away, and the cancellation that says so is still on its way.
                call.gone = True
                raise asyncio.CancelledError from error
            call.sent += 1


async def _send_first(call: RpcCall, response: Any) -> None:
    """Send the first message, and the headers before it or with it; the call's end waits for them.

    An error that ends the call while they are on their way would bring them again. grpc refuses that
    (TOO_MANY_OPERATIONS), and a reader who goes on after all would wait for good. They do not go with a large message,
    which is on its way for as long as its reader takes.
    """
    large = (len(response) if response.__class__ is bytes else response.ByteSize()) > _APART
    sending = call.context.send_initial_metadata(()) if large else call.context.write(response)
    call.sending_headers = asyncio.ensure_future(sending)
    call.sending_headers.add_done_callback(_noted)
    await asyncio.wait({call.sending_headers})  # which goes on where this is cancelled
    call.sending_headers.result()
    call.sending_headers = None
    if large:
        await call.context.write(response)


def _noted(sent: asyncio.Future[None]) -> None:
    """Whoever waited for it may have left: that it failed is no news."""
    if not sent.cancelled():
        sent.exception()


async def _headers_sent(call: RpcCall) -> None:
    """Wait for those that are on their way."""
    if call.sending_headers is not None:
        await asyncio.wait({call.sending_headers})
        if call.sending_headers.exception() is not None:
            raise asyncio.CancelledError  # the caller has gone away


async def _let_it_send(call: RpcCall, behavior: Callable[..., Any], request: Any) -> None:
    """A handler of the grpcio packages that writes by itself."""
    await behavior(request, call.context)


# The request is read by the handler, also where it is one only.
_MAKERS: dict[tuple[bool, bool], Callable[[Any], tuple[Any, Any]]] = {
    (False, False): lambda handler: (handler.unary_unary, grpc.stream_unary_rpc_method_handler),
    (False, True): lambda handler: (handler.unary_stream, grpc.stream_stream_rpc_method_handler),
    (True, False): lambda handler: (handler.stream_unary, grpc.stream_unary_rpc_method_handler),
    (True, True): lambda handler: (handler.stream_stream, grpc.stream_stream_rpc_method_handler),
}
