"""Puts the interceptors around every handler, once, when a service is registered.

grpc's own interceptors are asked for the handler at every call, and build it anew each time; these are not asked
again. Each has two moments: `enter` before the handler, outermost first, and `leave` after it, innermost first, where
it may exchange the error that the call ends with.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, cast

import grpc
import grpc.aio

from rowgate_server.engines.caller import caller
from rowgate_server.engines.deadline import Imposed
from rowgate_server.identity.principal import ANONYMOUS
from rowgate_server.observability.callers import current_caller
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.kept import MOST_OF_A_CALL, Kept
from rowgate_server.transport.interceptors.requests import Receive, Requests
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.status import StatusError

Context = grpc.aio.ServicerContext[Any, Any]
_Run = Callable[..., Awaitable[Any]]
_Write = Callable[[Any], bytes]
_GRPC_TYPES = {
    (False, False): "unary",
    (True, False): "client_stream",
    (False, True): "server_stream",
    (True, True): "bidi_stream",
}


def time_left(context: Context, otherwise: float) -> float:
    """Seconds until the caller's deadline; `otherwise` where it has set none."""
    # The types say that it is never None.
    remaining: float | None = context.time_remaining()
    return Imposed(otherwise) if remaining is None else remaining


class RpcCall:
    """One call, as the interceptors and the access log see it.

    Attributes:
        labels: which RPC.
        context: grpc's.
        id: the correlation id, in logs and errors.
        peer: the caller's address.
        code, reason: how it ended, once the errors interceptor has left.
        facts: what the servicer adds for the access log: database, query_id, rows, tag.
        held: for whom its request is held, and its bytes, while it is large and under way.
        statements: the SQL that the caller sent, for the audit log.
        outcome: what became of a statement that ended in an error, if that is known.
        audited: told of each request within the call and its last answer, where there is an audit log.
        whole: where answers that are sent whole are counted; None for one that is streamed.
        principal: who it is made for, once the authentication interceptor has entered.
    """

    __slots__ = (
        "_expiry",
        "_is_guess",
        "_kept",
        "_let_in",
        "_metadata",
        "audited",
        "code",
        "context",
        "error",
        "facts",
        "gone",
        "held",
        "id",
        "labels",
        "outcome",
        "peer",
        "principal",
        "reason",
        "received",
        "sent",
        "started",
        "statements",
        "whole",
    )

    def __init__(self, labels: MethodLabels, context: Context) -> None:
        self.labels = labels
        self.context = context
        self.id = ""
        # grpc forgets it when the call ends.
        self.peer = context.peer()
        self.principal = ANONYMOUS
        self._metadata: tuple[tuple[str, str | bytes], ...] | None = None
        self.started = 0.0
        self.received = 0
        self.sent = 0
        self.held: tuple[str, int] | None = None
        self.code = grpc.StatusCode.OK
        self.gone = False
        self.reason = ""
        self.facts: dict[str, Any] = {}
        self.statements: Sequence[str] = ()
        self.outcome = ""
        self.audited: Callable[[RpcCall, Any, Any], None] | None = None
        self.whole: Whole | None = None
        self._let_in = self._is_guess = False
        self._kept = 0
        self._expiry: asyncio.Timeout | None = None
        self.error: Exception | None = None

    @property
    def metadata(self) -> tuple[tuple[str, str | bytes], ...]:
        """What the caller sent besides the request; grpc makes it anew each time it is asked."""
        if self._metadata is None:
            self._metadata = tuple(self.context.invocation_metadata() or ())
        return self._metadata

    @property
    def rpc(self) -> str:
        """Which RPC, as the log tells it."""
        return f"{self.labels.grpc_service}/{self.labels.grpc_method}"

    @property
    def tag(self) -> str:
        """What the caller calls it; "" for nothing."""
        tag: str = self.facts.get("tag", "")
        return tag

    @property
    def identity(self) -> str:
        """Who it is made for; "" for nobody known."""
        return self.principal.identity

    def may_answer(self) -> bool:
        """Whether there is room for an answer, if it is one that is sent whole.

        Raises:
            RowgateError: QUOTA_EXCEEDED: many of them wait until their caller has read others.
        """
        if self.whole is None:
            return True
        who = caller.get()
        self.whole.unread.check(who)
        self._let_in = self._let_in or self.whole.kept.has_room(who)
        return self._let_in

    async def room(self, patience: float) -> None:
        """Wait until there is; then there is for all statements of this call."""
        whole, who = self.whole, caller.get()
        if whole is not None:
            octets = await whole.kept.turn(who, patience)
            if self.whole is None:  # it was somebody else's task that waited, and the call has ended meanwhile
                whole.kept.settle(who, octets, 0)
                return
            self._kept, self._let_in, self._is_guess = octets, True, True

    def keeps(self, octets: int) -> int | None:
        """So many bytes more are kept of its results, if they are sent whole; or the most that may be of several."""
        if self.whole is None:
            return None
        others = 0 if self._is_guess else self._kept
        if others and others + octets > MOST_OF_A_CALL:
            return MOST_OF_A_CALL
        self._keep(others + octets)
        return None

    def answered(self) -> None:
        """Its results are laid out."""
        if self.whole is not None and self._let_in and (self._is_guess or not self._kept):
            self.whole.kept.was_small(caller.get())
        self.keeps_nothing()

    def keeps_nothing(self) -> None:
        """Its results are laid out, or will never be."""
        if self._kept:
            self._keep(0)

    def _keep(self, octets: int) -> None:
        if self.whole is not None:
            change = self.whole.kept.settle if self._is_guess else self.whole.kept.change
            change(caller.get(), self._kept, octets)
            self._kept, self._is_guess = octets, False

    def end(self) -> None:
        """It keeps nothing more, whatever was done for it."""
        self.keeps_nothing()
        self.whole = None

    def end_at(self, when: float, error: Exception) -> None:
        """End a streaming call at that point of the loop's clock, however it is occupied then, with that error.

        A reader that reads no more would otherwise hold the handler, and what it has checked out, for good.
        """
        if self._expiry is not None and not self._expiry.expired():
            self.error = error
            self._expiry.reschedule(when)

    @contextlib.asynccontextmanager
    async def expiring(self) -> AsyncIterator[None]:
        """Within this, `end_at` works."""
        try:
            async with asyncio.timeout(None) as self._expiry:
                yield
        except TimeoutError:
            if self._expiry is not None and self._expiry.expired() and self.error is not None:
                raise self.error from None
            raise


class Whole(NamedTuple):
    """What there is of answers that are sent whole: results before they are laid out, and what nobody has read."""

    kept: Kept
    unread: Unread


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


def current_call() -> RpcCall:
    """The call that this task handles."""
    return cast("RpcCall", current_caller.get())


def when_sent(then: Callable[[asyncio.Future[Any]], None]) -> None:
    """Call this once grpc has done with the call that this task handles: it is read to its end, or its caller has gone.

    A done callback of grpc's would tell the same, and keep the call until the next collection: it refers to itself.
    """
    task = asyncio.current_task()
    if task is not None:
        task.add_done_callback(then)


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
        self._whole = Whole(Kept(), unread)
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
            call.whole = self._whole
            self._handlers.begin(call)
            request = response = None
            error = await self._enter(call)
            if error is None:
                try:
                    request = await receive(call)
                    call.received = 1
                    response = write(await behavior(request, context))
                    call.answered()
                    request = None
                    self._requests.end(call)  # an answer that waits for its reader holds no room for requests
                    await self._let_go(call, len(response))
                    call.sent = 1
                except BaseException as raised:  # noqa: BLE001 - the errors interceptor sorts them
                    error, response = raised, None
            try:
                await _end(context, self._leave(call, error))
            finally:
                call.end()
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
        unread, who, peer = self._whole.unread, caller.get(), call.peer
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
                await _end(context, self._leave(call, error))
            finally:
                self._handlers.end(call)
                self._requests.end(call)
                # Its traceback holds this frame, and so does the abort's, which grpc keeps: cycles, which would keep a
                # refused result, and what was asked, until the next collection.
                request = error = None
                call.statements = ()

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
                await call.context.write(response)
            except (grpc.aio.UsageError, grpc.aio.InternalError) as error:
                # The caller has gone away, and the cancellation that says so is still on its way.
                call.gone = True
                raise asyncio.CancelledError from error
            call.sent += 1


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
