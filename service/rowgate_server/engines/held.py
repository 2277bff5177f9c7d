"""Stands in for the executor where a transaction is open already: for one request, all of whose statements run in it.

What the request does in a transaction of its own, it does behind a savepoint.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from typing import TypeVar

from sqlalchemy import Inspector

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.description import Description
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import NotUndoneError, TransactionOptions
from rowgate_server.engines.results import Chunk, Result, Stats
from rowgate_server.engines.running import Call, Work
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.errors import Outcome, Reason, RowgateError

_T = TypeVar("_T")

_WHOLE = "the whole request"
_NOTHING = "DO 0"


class HeldExecutor:
    """Runs the statements of one request in a transaction.

    Args:
        transaction: which.
        dialect: how its SQL is written.
    """

    def __init__(self, transaction: Transaction, dialect: Dialect) -> None:
        self._transaction = transaction
        self._dialect = dialect
        self._ended_by: RowgateError | None = None
        self._kept = False

    async def run(self, call: Call) -> Result:
        """As `Executor.run`. After an error that was the transaction's end, a second try tells it again."""
        self._check()
        try:
            return await self._transaction.run(call)
        except RowgateError as error:
            self._note(error)
            raise

    async def describe(self, call: Call, *, valued: bool) -> tuple[Description, Stats]:
        """Refused: a statement that the database can't describe would be the end of the transaction."""
        del call, valued
        raise RowgateError(
            Reason.NOT_SUPPORTED, "statements are not described within a transaction", outcome=Outcome.NOT_RUN
        )

    @property
    def active(self) -> bool:
        """Whether the transaction takes statements."""
        return self._transaction.state is TransactionState.ACTIVE

    async def inspect(self, call: Call, read: Callable[[Inspector], _T]) -> _T:
        """As `Executor.inspect`. An error of the database's leaves the transaction as it was."""

        async def look(_: Call, work: Work, __: float) -> _T:
            work.sent = True
            if self._dialect is Dialect.MYSQL:
                await work.session.control(_NOTHING)  # with which the transaction begins, if it has not
            try:
                return await self._transaction.lease.inspect(read)
            except RowgateError:
                work.spoiled = True
                raise

        self._check()
        try:
            if self._dialect is not Dialect.POSTGRESQL:
                return await self._transaction.perform(call, look)
            async with self.transaction(TransactionOptions(), call.deadline) as transaction:
                found = await transaction.perform(call, look)
                await self.keep(transaction)
        except RowgateError as error:
            self._note(error)
            raise
        return found

    async def stream(self, call: Call, cells_per_chunk: int | None = None) -> AsyncGenerator[Chunk, None]:
        """As `Executor.stream`; to close it early is to end the transaction, but for `Transaction.forgo`."""
        async with contextlib.aclosing(self._transaction.stream(call, cells_per_chunk)) as chunks:
            async for chunk in chunks:
                yield chunk

    @contextlib.asynccontextmanager
    async def transaction(self, options: TransactionOptions, deadline: Deadline) -> AsyncIterator[Transaction]:
        """What is done in it is undone unless it is kept; the rest of the transaction stays."""
        del options, deadline
        self._check()
        transaction, self._kept = self._transaction, False
        await transaction.savepoint(_WHOLE)
        try:
            yield transaction
        except RowgateError as error:
            self._note(error)
            outcome = Outcome.ROLLED_BACK
            try:
                await self._undo()
            except NotUndoneError:
                outcome = Outcome.UNKNOWN
            if error.outcome != Outcome.NOT_RUN:
                error.metadata["outcome"] = outcome.value
            raise
        await self._undo()

    async def keep(self, transaction: Transaction) -> None:
        """Keep what was done behind the savepoint."""
        self._kept = True
        await transaction.release(_WHOLE)

    def _check(self) -> None:
        if self._ended_by is not None and self._transaction.state is not TransactionState.ACTIVE:
            raise self._ended_by

    def _note(self, error: RowgateError) -> None:
        if self._ended_by is None and self._transaction.state is not TransactionState.ACTIVE:
            self._ended_by = error

    async def _undo(self) -> None:
        over = self._transaction.state in (TransactionState.COMMITTED, TransactionState.ROLLED_BACK)
        if self._kept or over:
            return
        try:
            await self._transaction.rollback_to(_WHOLE)
        finally:
            if self._transaction.state is TransactionState.ACTIVE:
                await self._transaction.release(_WHOLE)
