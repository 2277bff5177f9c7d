"""One call, as what stands around its handler sees it, and what it does for it."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

import grpc
import grpc.aio

from rowgate_server.engines.deadline import Imposed
from rowgate_server.identity.principal import ANONYMOUS
from rowgate_server.observability.callers import current_caller
from rowgate_server.observability.metrics import MethodLabels
from rowgate_server.transport.interceptors.whole import Whole

Context = grpc.aio.ServicerContext[Any, Any]


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
        whole: its answer, if that is sent whole.
        sending_headers: what sends a stream's, until they are sent.
        principal: who it is made for, once the authentication interceptor has entered.
    """

    __slots__ = (
        "_expiry",
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
        "sending_headers",
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
        self.sending_headers: asyncio.Future[None] | None = None
        self.reason = ""
        self.facts: dict[str, Any] = {}
        self.statements: Sequence[str] = ()
        self.outcome = ""
        self.audited: Callable[[RpcCall, Any, Any], None] | None = None
        self.whole: Whole | None = None
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
        """As `Whole.may_run`; there is room for each message of a stream."""
        return self.whole is None or self.whole.may_run()

    async def room(self, patience: float) -> None:
        """As `Whole.room`."""
        if self.whole is not None:
            await self.whole.room(patience)

    def keeps(self, octets: int) -> int | None:
        """As `Whole.keeps`."""
        return None if self.whole is None else self.whole.keeps(octets)

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
        finally:
            self._expiry = None  # what is over can be ended no more


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
