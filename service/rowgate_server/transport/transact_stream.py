"""One Transact stream: requests in, answers out in their order, and the transaction's end when the stream ends.

The caller's silence is bounded, be it that it sends nothing or that it reads nothing: `RpcCall.end_at` ends a stream
that waits for either too long, however it is occupied then. While the database works, its own deadline holds.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import AsyncExitStack

from rowgate.v1 import query_service_pb2
from rowgate_server.core.transactions.held import HeldTransaction, State
from rowgate_server.core.transactions.opening import Transactions
from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.transactions import STATES, decode_begin, encode_begun
from rowgate_server.transport.interceptors.call import Context, RpcCall
from rowgate_server.transport.status import request_error
from rowgate_server.transport.transact_answers import TransactAnswers

_LATER = 0.25
"""Seconds after the deadline: what the executor says of it knows more."""

Requests = AsyncIterator[query_service_pb2.TransactRequest]
Answers = AsyncGenerator[query_service_pb2.TransactResponse, None]


class TransactStream:
    """Serves one stream.

    Args:
        transactions: begins them.
        answers: does what the requests ask.
        call: the call.
        first_wait: the longest that the first request may take.
    """

    def __init__(self, transactions: Transactions, answers: TransactAnswers, call: RpcCall, first_wait: float) -> None:
        self._transactions = transactions
        self._answers = answers
        self._call = call
        self._first_wait = first_wait
        self._held: HeldTransaction | None = None
        self._sequence = 0
        self._committing = False
        self._stopping: float | None = None
        self._ended: RowgateError | None = None
        self._ends_at = 0.0
        self._tag = ""
        self._unread: RowgateError | None = None
        """What was wrong with the request that is to be answered."""

    async def serve(self, requests: Requests, context: Context) -> Answers:
        """The answers, until the caller half-closes."""
        self._call.received = 0
        async with AsyncExitStack() as holding:
            self._wait()
            async for request in self._received(requests):
                self._committing = self._may_commit(request)
                await self._work()
                async with contextlib.aclosing(self._answer(request, context, holding)) as parts:
                    async for part in parts:
                        part.sequence = self._sequence
                        if part.last and self._call.audited is not None:
                            self._call.audited(self._call, request, part)
                        self._wait()
                        yield part
                        await self._work()
                if self._held is not None and self._held.over:
                    # Its connection is free for others, however long the caller keeps the stream.
                    await holding.aclose()
                    if self._held.timed_out and request.WhichOneof("request") not in ("commit", "rollback"):
                        raise self._held.expiry(self._held.deadline, self._sequence, clock.now())
                del request
                self._wait()

    def stop_at(self, when: float) -> None:
        """The gateway stops: end the transaction then, unless it is over before."""
        self._stopping = when
        if self._ends_at > when:
            self._end_at(self._ends_at, None)

    async def _received(self, requests: Requests) -> Requests:
        """The requests. Of a stream whose transaction is over, silence is no error.

        Within a transaction one that could not be read is no end of it: it is empty, and `_answer` tells why.
        """
        while True:
            over = self._held is not None and self._held.over
            try:
                async with asyncio.timeout(self._held.idle_timeout if over and self._held else None):
                    request = await anext(requests, None)
            except TimeoutError:
                return
            except RowgateError as error:
                if self._held is None:
                    raise
                request, self._unread = query_service_pb2.TransactRequest(), error
            if request is None:
                return
            self._sequence += 1
            self._call.received += 1
            yield request
            del request  # not held while its caller thinks

    async def _answer(
        self, request: query_service_pb2.TransactRequest, context: Context, holding: AsyncExitStack
    ) -> Answers:
        """The answer to a request; an error is one too, once there is a transaction."""
        kind = request.WhichOneof("request")
        held = self._held
        if held is None:
            yield await self._begin(request, context, holding)
            return
        try:
            if self._unread is not None:
                unread, self._unread = self._unread, None
                raise unread
            if kind == "begin":
                raise _refused("the transaction has begun already; a stream holds one")
            async with contextlib.aclosing(self._answers.parts(held, request, kind, self._tagged)) as parts:
                async for part in parts:
                    if part.last:
                        part.state = STATES[held.state]
                    yield part
        except RowgateError as error:
            error.with_defaults(database=held.database.name, transaction_id=held.id)
            if held.state is State.ROLLED_BACK and error.outcome == Outcome.UNKNOWN:
                error.metadata["outcome"] = Outcome.ROLLED_BACK.value
            yield query_service_pb2.TransactResponse(
                last=True, state=STATES[held.state], error=request_error(error, self._call.id)
            )
        finally:
            self._tagged(self._tag)

    async def _begin(
        self, request: query_service_pb2.TransactRequest, context: Context, holding: AsyncExitStack
    ) -> query_service_pb2.TransactResponse:
        if request.WhichOneof("request") != "begin":
            raise _refused("the first request is not begin")
        if self._stopping is not None:
            raise _stopping()
        # The types say that it is never None; without a deadline of the caller's it is.
        call_timeout: float | None = context.time_remaining()
        begin = decode_begin(request.begin, call_timeout)
        facts = self._call.facts
        self._tag = begin.tag
        self._tagged(begin.tag)
        if database := self._transactions.database_name(begin.database):
            facts["database"] = database
        self._held = held = await holding.enter_async_context(self._transactions.holding(begin))
        facts.update(database=held.database.name, transaction_id=held.id)
        return query_service_pb2.TransactResponse(last=True, state=STATES[State.ACTIVE], begin=encode_begun(held))

    def _tagged(self, tag: str) -> None:
        """What runs from now on is called so."""
        facts = self._call.facts
        if tag:
            facts["tag"] = tag
        else:
            facts.pop("tag", None)

    def _wait(self) -> None:
        """The caller's turn, to read or to send: it has so long."""
        held = self._held
        if held is None:
            limit = Deadline.soonest((self._first_wait, "server.request_timeout"))
            words = f"no begin came in time; {limit.limit} decided"
            error = RowgateError(Reason.TRANSACTION_EXPIRED, words, limit=limit.limit, outcome=Outcome.NOT_RUN)
            self._end_at(limit.at, error)
            return
        if held.over:
            # Nothing is held but the stream.
            at, limit = clock.now() + 2 * held.idle_timeout, held.deadline
            words = "the transaction is over, and its stream was neither read nor ended"
            self._end_at(at, RowgateError(Reason.TRANSACTION_EXPIRED, words))
            return
        self._committing = False
        at, limit = held.idle_until()
        self._end_at(at, held.expiry(limit, self._sequence, at))
        held.wait(self._end_idle)

    async def _work(self) -> None:
        """The database's turn: its deadline is the transaction's."""
        held = self._held
        if self._ended is not None:
            # While it was idle, just now: the call's end is on its way here, and nothing more is begun.
            await asyncio.get_running_loop().create_future()
        if held is not None:
            held.busy()
            at = held.deadline.at + _LATER
            self._end_at(at, held.expiry(held.deadline, self._sequence, at, committing=self._committing))

    def _may_commit(self, request: query_service_pb2.TransactRequest) -> bool:
        held = self._held
        return request.HasField("commit") or (held is not None and held.may_commit(request.execute_query.sql))

    def _end_idle(self, error: RowgateError) -> None:
        """Somebody asks for the end of the transaction while it waits for its caller: it is rolled back."""
        if self._held is not None and self._ended is None:
            now = clock.now()
            self._ended = self._held.ended_by(error, self._sequence, now)
            self._call.end_at(now, error)

    def _end_at(self, when: float, error: RowgateError | None) -> None:
        if self._ended is not None:
            return
        self._ends_at = when
        stopping = self._stopping
        if stopping is not None and stopping < when:
            when, error = stopping, _stopping()
            if self._held is not None:
                self._held.ended_by(error, self._sequence, when, committing=self._committing)
        if error is not None:
            self._call.end_at(when, error)


def _refused(message: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field="begin", outcome=Outcome.NOT_RUN)


def _stopping() -> RowgateError:
    return RowgateError(Reason.SHUTTING_DOWN, "the gateway is stopping", retry_after=1.0)
