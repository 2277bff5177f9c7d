"""Calls through the interceptors: however one ends, it is answered, counted and logged once, and rightly."""

from __future__ import annotations

import asyncio
import gc
import random
import weakref
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Event
from typing import Any

import grpc
import grpc.aio
import pytest
from google.rpc import error_details_pb2, status_pb2
from unit.transport.wrapped import (
    MOST_UNREAD,
    STREAM,
    UNARY,
    Behaviour,
    Context,
    Ending,
    Service,
    Wrapped,
    ending,
    request,
    unguarded,
)

from rowgate.v1 import query_service_pb2_grpc
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import MethodLabels, Metrics
from rowgate_server.transport.interceptors import Chain, RpcCall, current_call
from rowgate_server.transport.interceptors.access_log import AccessLog
from rowgate_server.transport.interceptors.audit import Audit
from rowgate_server.transport.interceptors.authentication import Authentication
from rowgate_server.transport.interceptors.errors import Errors
from rowgate_server.transport.interceptors.metrics import CODE_NAMES, CallCounter
from rowgate_server.transport.interceptors.request_id import RequestId
from rowgate_server.transport.interceptors.requests import Requests
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.interceptors.unread import Unread

PLANTED = "planted-text"


async def _well(_: Context) -> None:
    """Nothing goes wrong."""


async def _known_error(_: Context) -> None:
    raise RowgateError(Reason.DEADLOCK, "it was a deadlock", retry_after=0.5, outcome=Outcome.ROLLED_BACK)


async def _bug(_: Context) -> None:
    secret = PLANTED
    raise ValueError(secret)


async def _stopped_by_itself(_: Context) -> None:
    """As when something that the handler waits for is cancelled behind its back."""
    inner = asyncio.ensure_future(asyncio.Event().wait())
    asyncio.get_running_loop().call_soon(inner.cancel)
    await inner


async def _raises_cancelled(_: Context) -> None:
    raise asyncio.CancelledError


async def _hangs(_: Context) -> None:
    await asyncio.Event().wait()


async def _aborts(context: Context) -> None:
    await context.abort(grpc.StatusCode.NOT_FOUND, "not here")


@dataclass(frozen=True)
class Kind:
    """A way for a call to end: what the handler does, what the caller does, and what is told of it."""

    name: str
    behaviour: Behaviour
    code: grpc.StatusCode
    reason: str = ""
    timeout: float | None = None
    cancelled: bool = False


KINDS = [
    Kind("well", _well, grpc.StatusCode.OK),
    Kind("known error", _known_error, grpc.StatusCode.ABORTED, "DEADLOCK"),
    Kind("bug", _bug, grpc.StatusCode.INTERNAL, "INTERNAL"),
    Kind("stopped by itself", _stopped_by_itself, grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN", timeout=20),
    Kind("raises cancelled", _raises_cancelled, grpc.StatusCode.UNAVAILABLE, "SHUTTING_DOWN"),
    Kind("cancelled by the caller", _hangs, grpc.StatusCode.CANCELLED, cancelled=True),
    Kind("out of the caller's time", _hangs, grpc.StatusCode.DEADLINE_EXCEEDED, "STATEMENT_TIMEOUT", timeout=0.5),
    Kind("aborted by the handler", _aborts, grpc.StatusCode.NOT_FOUND),
]
ALL_KINDS = pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
BOTH_METHODS = pytest.mark.parametrize("labels", [UNARY, STREAM], ids=["unary", "stream"])


def _method(wrapped: Wrapped, labels: MethodLabels) -> Callable[..., Any]:
    method: Callable[..., Any] = wrapped.unary if labels is UNARY else wrapped.stream
    return method


async def _call(wrapped: Wrapped, labels: MethodLabels, kind: Kind, request_id: str = "") -> Ending:
    """One call of that kind, up to its end on both sides."""
    wrapped.service.behaviours[kind.name] = kind.behaviour
    wrapped.service.entered.clear()
    metadata = (("x-request-id", request_id),) if request_id else ()
    call = _method(wrapped, labels)(request(kind.name), timeout=kind.timeout, metadata=metadata)
    waiting = asyncio.create_task(ending(call))
    if kind.cancelled:
        await wrapped.service.entered.wait()
        call.cancel()
    return await waiting


def _error_info(ended: Ending) -> error_details_pb2.ErrorInfo:
    packed = ended.trailers["grpc-status-details-bin"]
    assert isinstance(packed, bytes)
    status = status_pb2.Status.FromString(packed)
    return error_details_pb2.ErrorInfo.FromString(status.details[0].value)


def test_the_order_of_the_interceptors() -> None:
    order = [type(interceptor) for interceptor in unguarded(Metrics(), CallsUnderWay())]
    expected = [RequestId, AccessLog, Audit, CallCounter, Errors, CallsUnderWay, Authentication]
    assert order == expected, "see interceptors() for the reason of each position"


@ALL_KINDS
@BOTH_METHODS
async def test_each_call_is_answered_counted_and_logged_once(
    wrapped: Wrapped, labels: MethodLabels, kind: Kind
) -> None:
    ended = await _call(wrapped, labels, kind)
    call = await wrapped.left.get()
    assert ended.code is kind.code
    assert (call.code, call.reason) == (kind.code, kind.reason)
    assert wrapped.started(labels) == 1
    assert wrapped.handled(labels) == {CODE_NAMES[kind.code]: 1}
    (line,) = wrapped.calls()
    assert (line["code"], line.get("reason", "")) == (kind.code.name, kind.reason)
    assert line["method"] == f"{labels.grpc_service}/{labels.grpc_method}"
    assert line["request_id"] == call.id
    assert line["peer"].startswith("ipv4:127.0.0.1:")


@ALL_KINDS
@BOTH_METHODS
async def test_what_the_handler_holds_is_let_go_before_the_call_is_counted(
    wrapped: Wrapped, labels: MethodLabels, kind: Kind
) -> None:
    await _call(wrapped, labels, kind)
    await wrapped.left.get()
    assert wrapped.service.cleaned_up.is_set()


@pytest.mark.parametrize("kind", KINDS[1:3], ids=[kind.name for kind in KINDS[1:3]])
@BOTH_METHODS
async def test_a_call_that_failed_holds_nothing_until_a_garbage_collection(
    wrapped: Wrapped, labels: MethodLabels, kind: Kind
) -> None:
    held: list[weakref.ref[Event]] = []

    async def behaviour(context: Context) -> None:
        result = Event()  # stands for the rows of a result that is refused
        held.append(weakref.ref(result))
        await kind.behaviour(context)
        result.set()

    gc.disable()
    try:
        await _call(wrapped, labels, replace(kind, behaviour=behaviour))
        await _call(wrapped, labels, KINDS[0])  # by now the first call's task is over
        assert held[0]() is None
    finally:
        gc.enable()


@BOTH_METHODS
async def test_an_error_of_the_gateways_own_words_arrives_whole(wrapped: Wrapped, labels: MethodLabels) -> None:
    ended = await _call(wrapped, labels, KINDS[1], "my-request")
    assert ended.message == "it was a deadlock"
    info = _error_info(ended)
    assert (info.reason, info.domain) == ("DEADLOCK", "rowgate")
    assert info.metadata == {"outcome": "ROLLED_BACK", "correlation_id": "my-request"}


@BOTH_METHODS
async def test_a_bug_is_told_by_its_correlation_id_alone(wrapped: Wrapped, labels: MethodLabels) -> None:
    ended = await _call(wrapped, labels, KINDS[2], "my-request")
    assert "my-request" in ended.message
    assert PLANTED not in repr(ended)
    assert "ValueError" not in repr(ended)
    assert _error_info(ended).metadata["correlation_id"] == "my-request"


@BOTH_METHODS
async def test_a_bug_is_logged_once_with_its_traceback(wrapped: Wrapped, labels: MethodLabels) -> None:
    await _call(wrapped, labels, KINDS[2], "my-request")
    await wrapped.left.get()
    (line,) = [line for line in wrapped.lines() if "exception" in line]
    (error,) = line["exception"]
    assert (line["event"], line["level"], line["request_id"]) == ("bug", "error", "my-request")
    assert (error["exc_type"], error["frames"][-1]["name"]) == ("ValueError", "_bug")
    assert wrapped.calls()[0]["level"] == "error"


@BOTH_METHODS
@pytest.mark.parametrize("kind", [KINDS[3], KINDS[4]], ids=["inner", "raised"])
async def test_a_handler_that_is_stopped_behind_its_back_is_answered_at_once(
    wrapped: Wrapped, labels: MethodLabels, kind: Kind
) -> None:
    # Without the answer the caller would wait for its own deadline, and get that for an error.
    ended = await _call(wrapped, labels, kind)
    assert ended.code is grpc.StatusCode.UNAVAILABLE
    assert _error_info(ended).reason == "SHUTTING_DOWN"


async def test_messages_are_counted_as_they_are_sent(wrapped: Wrapped) -> None:
    await _call(wrapped, STREAM, KINDS[0])
    await _call(wrapped, STREAM, KINDS[1])
    await _call(wrapped, UNARY, KINDS[0])
    await _call(wrapped, UNARY, KINDS[1])
    sent = [
        wrapped.metrics.registry.get_sample_value("grpc_server_msg_sent_total", labels._asdict())
        for labels in (STREAM, UNARY)
    ]
    assert sent == [3, 1]


async def test_seconds_are_observed_once_a_call(wrapped: Wrapped) -> None:
    for kind in (KINDS[0], KINDS[1], KINDS[6]):
        await _call(wrapped, UNARY, kind)
        await wrapped.left.get()
    count, total = (
        wrapped.metrics.registry.get_sample_value(f"grpc_server_handling_seconds_{part}", UNARY._asdict())
        for part in ("count", "sum")
    )
    assert count == 3
    assert total is not None
    assert total >= 0.3, "the call that ran out of time took all of it"


async def test_at_rest_as_many_calls_are_handled_as_were_started(wrapped: Wrapped) -> None:
    dice = random.Random(20240131)
    mix = [(dice.choice((UNARY, STREAM)), dice.choice(KINDS)) for _ in range(200)]
    few = asyncio.Semaphore(20)

    async def call(labels: MethodLabels, kind: Kind) -> None:
        async with few:
            await _call(wrapped, labels, kind)

    # Those that are cancelled wait until they have entered, so they go one by one.
    await asyncio.gather(*(call(labels, kind) for labels, kind in mix if not kind.cancelled))
    for labels, kind in mix:
        if kind.cancelled:
            await call(labels, kind)
    for _ in mix:
        await wrapped.left.get()
    assert wrapped.left.empty()
    for labels in (UNARY, STREAM):
        expected = Counter(CODE_NAMES[kind.code] for made, kind in mix if made is labels)
        assert wrapped.handled(labels) == expected
        assert wrapped.started(labels) == expected.total()
    assert len(wrapped.calls()) == len(mix)


async def test_each_call_has_its_own_context(wrapped: Wrapped) -> None:
    seen: list[RpcCall] = []
    together = asyncio.Barrier(5)

    async def look(context: Context) -> None:
        await together.wait()
        assert current_call().context is context
        seen.append(current_call())

    wrapped.service.behaviours["look"] = look
    ids = [f"call-{number}" for number in range(5)]
    calls = [wrapped.unary(request("look"), metadata=(("x-request-id", number),)) for number in ids]
    assert {(await ending(call)).code for call in calls} == {grpc.StatusCode.OK}
    assert sorted(call.id for call in seen) == ids


def test_metrics_are_there_from_the_start_for_every_method_and_code() -> None:
    class Registered:
        """Takes the handlers, as the server would."""

        def add_generic_rpc_handlers(self, handlers: Any) -> None:
            pass

        def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
            pass

    metrics, calls = Metrics(), CallsUnderWay()
    server: Any = Registered()
    chain: Any = Chain(server, unguarded(metrics, calls), calls, Requests(0), Unread(MOST_UNREAD))
    query_service_pb2_grpc.add_QueryServiceServicer_to_server(Service(), chain)
    for labels in (UNARY, STREAM):
        for code in CODE_NAMES.values():
            found = {**labels._asdict(), "grpc_code": code}
            assert metrics.registry.get_sample_value("grpc_server_handled_total", found) == 0
        for name in ("started_total", "msg_received_total", "msg_sent_total", "handling_seconds_count"):
            assert metrics.registry.get_sample_value(f"grpc_server_{name}", labels._asdict()) == 0
