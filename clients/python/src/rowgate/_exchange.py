"""One Transact call: requests and their answers, one at a time, and what is known of the transaction's fate."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any, Final

import grpc.aio

from rowgate._assembled import assembled
from rowgate._begin import TransactionState
from rowgate._connection import Connection, TransactCall
from rowgate._ending import Ending
from rowgate._errors import Outcome, ProtocolError, RowgateError, TransactionOver
from rowgate._options import Metadata, tell_timeout
from rowgate._retry import Deadline
from rowgate._status import error_from_answer
from rowgate._wire import word_of
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, ExecuteQueryResponse, TransactRequest, TransactResponse
from rowgate.v1.transact_pb2 import BeginTransaction, Commit, Rollback
from rowgate.v1.transact_pb2 import TransactionState as WireState

_LAST_WORDS: Final = 5.0
"""Seconds that a rollback, or the end of the stream, is waited for; then the call is cancelled, which does the same."""


class Exchange:
    """A transaction's stream. Requests of several tasks wait for each other.

    Args:
        connection: the channel.

    Attributes:
        state: where it stands; None before it has begun.
        failure: what made it fail, or end.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._call: TransactCall | None = None
        self._ending: Ending | None = None
        self._turns = asyncio.Lock()
        self._sequence = 0
        self._committing = False
        self._cancelled = False
        self._reading: AnswerInParts | None = None
        self.state: TransactionState | None = None
        self.failure: RowgateError | None = None

    @property
    def over(self) -> bool:
        """Whether nothing can be done in it any more."""
        return self.state not in (None, TransactionState.ACTIVE, TransactionState.FAILED)

    async def begin(self, request: BeginTransaction, deadline: Deadline, metadata: Metadata) -> None:
        """Begin the transaction; where that fails, it may be tried again.

        Raises:
            RowgateError: it was not begun.
        """
        timeout = deadline.remaining()
        if timeout is not None:
            tell_timeout(request, timeout)
        self._call = self._connection.begin_transact(timeout=timeout, metadata=metadata)
        self._ending = Ending(self._call)
        self._sequence, self.state, self.failure, self._cancelled = 0, None, None, False
        await self.ask(TransactRequest(begin=request))

    async def commit(self) -> None:
        """Make the changes last.

        Raises:
            TransactionOver: the transaction is.
            RowgateError: they do not (`outcome` ROLLED_BACK), or nobody knows (UNKNOWN).
        """
        await self.ask(TransactRequest(commit=Commit()), last=True)

    async def rollback(self) -> None:
        """Undo the changes, and see that they are. Nothing is raised: whatever happens, they are undone.

        What other tasks still ask in it is not waited for, and ends with it; nor is the rest of a result.
        """
        try:
            if not self.over and self._reading is None and not self._turns.locked():
                async with asyncio.timeout(_LAST_WORDS):
                    await self.ask(TransactRequest(rollback=Rollback()), last=True)
        except (RowgateError, TimeoutError):
            pass
        finally:
            self.cancel()

    def cancel(self, failure: RowgateError | None = None) -> None:
        """End the call, and with it the transaction, without a wait; `failure` is why."""
        self._cancelled = True
        self.failure = self.failure or failure
        if self._call is not None:
            self._call.cancel()
        if not self.over:
            in_doubt = self._committing or (failure is not None and failure.outcome is Outcome.UNKNOWN)
            self.state = TransactionState.UNKNOWN if in_doubt else TransactionState.ROLLED_BACK

    async def ask(self, request: TransactRequest, *, last: bool = False) -> Any:
        """The whole answer to a request, of the request's kind; `last`: no other comes after it.

        Raises:
            TransactionOver: the transaction is.
            RuntimeError: a stream of it is being read.
            RowgateError: the answer is an error, or there is none.
        """
        async with self._turn() as call:
            await self._send(call, request, last=last)
            try:
                parts = [await self.next_part(call)]
                while not parts[-1].last:
                    parts.append(await self.next_part(call))
            finally:
                if last and not call.done():
                    await self._goodbye(call)
            return assembled(parts)

    async def stream(self, request: ExecuteQueryRequest) -> tuple[AnswerInParts, ExecuteQueryResponse]:
        """The answer to a statement, to be read part by part, and the first part.

        Raises:
            TransactionOver, RuntimeError, RowgateError: as `ask`.
        """
        async with self._turn() as call:
            await self._send(call, TransactRequest(execute_query=request), last=False)
            first = await self.next_part(call)
            self._reading = AnswerInParts(self, call, ended=first.last)
            return self._reading, first.execute_query

    async def next_part(self, call: TransactCall) -> TransactResponse:
        """The next message of the answer; where there is none, the transaction is over.

        Raises:
            RowgateError: there is none, or it is an error.
        """
        with self._ending_on_error():
            message = await self._connection.next_message(call)
            if message is None:
                raise ProtocolError("the gateway ended the stream without an answer")
            if message.sequence != self._sequence:
                raise ProtocolError(f"request {self._sequence} was answered by the answer to {message.sequence}")
        if message.last:
            self.state = word_of(WireState, message.state, TransactionState) or TransactionState.UNKNOWN
            error = error_from_answer(message.error) if message.HasField("error") else None
            self.failure = None if self.state is TransactionState.ACTIVE else self.failure or error
            if error is not None:
                raise error
        return message

    def check_not_over(self) -> None:
        """See that something can still be done in it.

        Raises:
            TransactionOver: nothing can.
        """
        if self.over:
            words = {TransactionState.COMMITTED: "was committed", TransactionState.ROLLED_BACK: "was rolled back"}
            how = words.get(self.state or TransactionState.UNKNOWN, "may have been committed")
            raise TransactionOver(f"the transaction is over: it {how}", outcome=Outcome.NOT_RUN) from self.failure

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[TransactCall]:
        async with self._turns:
            if self._call is None:
                raise RuntimeError("the transaction has not begun: use `async with`")
            if self._reading is not None:
                with suppress(RowgateError):  # what it did to the transaction is known, and told below
                    await self._reading.finish()
                self._reading = None
            self.check_not_over()
            yield self._call

    async def _send(self, call: TransactCall, request: TransactRequest, *, last: bool) -> None:
        self._sequence += 1
        self._committing = request.HasField("commit")
        with self._ending_on_error(), self._connection.translated():
            try:
                await call.write(request)
                if last:
                    await call.done_writing()
            except asyncio.InvalidStateError:
                pass  # it has ended: how, is told by reading
            except grpc.aio.AioRpcError as error:
                ended = self._ending and self._ending.error
                raise ended or error from None

    async def _goodbye(self, call: TransactCall) -> None:
        """Wait for the end of the stream, which comes behind the last answer: a cancel would look like a failure."""
        with suppress(RowgateError, TimeoutError):
            async with asyncio.timeout(_LAST_WORDS):
                await self._connection.next_message(call)

    @contextmanager
    def _ending_on_error(self) -> Iterator[None]:
        """End the call with any error of its own, and say what becomes of the transaction: that is known here."""
        try:
            yield
        except RowgateError as error:
            if self._sequence == 1:
                error.outcome = Outcome.NOT_RUN
            elif not self._committing:
                error.outcome = Outcome.ROLLED_BACK  # it is never committed without having been asked to
            else:
                error.outcome = error.outcome or Outcome.UNKNOWN
                self._committing = error.outcome is Outcome.UNKNOWN
            self.cancel(error)
            raise
        except asyncio.CancelledError:
            task, others = asyncio.current_task(), self._cancelled
            self.cancel()
            if others and not (task and task.cancelling()):
                # gRPC raises that in the task that waits for an answer when another one has ended the transaction.
                fate = Outcome.UNKNOWN if self.state is TransactionState.UNKNOWN else Outcome.ROLLED_BACK
                raise TransactionOver("the transaction was ended by another task", outcome=fate) from self.failure
            raise
        except BaseException:
            self.cancel()
            raise


class AnswerInParts:
    """A result that is read part by part: nothing else can be asked until it has ended, or was let go of.

    Args:
        exchange: whose it is.
        call: where it comes from.
        ended: whether the first part was the last.
    """

    def __init__(self, exchange: Exchange, call: TransactCall, *, ended: bool) -> None:
        self._exchange = exchange
        self._call = call
        self._ended = ended
        self._released = False

    async def next_piece(self) -> ExecuteQueryResponse | None:
        """The next part, or None behind the last.

        Raises:
            RowgateError: the statement failed, or the transaction is lost.
        """
        if self._ended:
            return None
        try:
            part = await self._exchange.next_part(self._call)
        except BaseException:
            self._ended = True
            raise
        self._ended = part.last
        return part.execute_query

    def release(self) -> None:
        """Let others have their turn: they drop what was not read."""
        self._released = True

    dropped = release

    async def finish(self) -> None:
        """Drop what was not read.

        Raises:
            RuntimeError: it is still being read.
            RowgateError: as `next_piece`.
        """
        if not (self._ended or self._released):
            raise RuntimeError(
                "a stream of this transaction is being read: read it to its end, or leave its `async with`, first"
            )
        while await self.next_piece() is not None:
            pass
