"""A place in a transaction to come back to."""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

from rowgate._begin import TransactionState
from rowgate._errors import Outcome, RowgateError, TransactionFailed
from rowgate._exchange import Exchange
from rowgate.v1 import transact_pb2 as pb
from rowgate.v1.query_service_pb2 import TransactRequest


class Savepoint:
    """A place in a transaction; made by `Transaction.savepoint`, for one `async with`.

    Leaving the block keeps what was done in it; leaving it by an exception undoes that, and the transaction goes on.
    """

    def __init__(self, exchange: Exchange, open_ones: list[Savepoint]) -> None:
        self._exchange = exchange
        self._open_ones = open_ones
        self._wire = pb.Savepoint()

    async def __aenter__(self) -> Self:
        """Mark the place.

        Raises:
            RowgateError: it is not marked.
            RuntimeError: its block has not ended.
        """
        if self in self._open_ones:
            raise RuntimeError("this savepoint's block has not ended: make another one within it")
        self._open_ones.append(self)
        self._wire.name = f"savepoint {len(self._open_ones)}"
        try:
            await self._exchange.ask(TransactRequest(savepoint=self._wire))
        except BaseException:
            self._open_ones.remove(self)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Keep what was done, or undo it.

        Raises:
            TransactionFailed: a statement has failed, and nobody came back here: what was done is undone.
            RuntimeError: a savepoint within this one is still open, in another task.
            RowgateError: the transaction is lost.
        """
        innermost = self._open_ones[-1] is self
        self._open_ones.remove(self)
        if self._exchange.over:
            return  # by what is told already, or told by the transaction's own end
        if not innermost:
            raise RuntimeError("a savepoint within this one is still open: blocks of several tasks must not overlap")
        if error is None:
            await self._keep()
        elif isinstance(error, Exception | asyncio.CancelledError):
            try:
                await self._undo()
            except RowgateError as failure:
                # What ends the block is told. But where others catch that, they must not commit what should be undone.
                self._exchange.cancel(failure)

    async def rollback(self) -> None:
        """Undo what was done since the block began, which goes on.

        Raises:
            RowgateError: the transaction is lost.
        """
        await self._exchange.ask(TransactRequest(rollback_to=self._wire))

    async def _keep(self) -> None:
        if self._exchange.state is TransactionState.FAILED:
            failure = self._exchange.failure
            await self._undo()
            raise TransactionFailed(
                "a statement has failed since the savepoint, so what was done since then was undone",
                outcome=Outcome.ROLLED_BACK,
            ) from failure
        await self._exchange.ask(TransactRequest(release=self._wire))

    async def _undo(self) -> None:
        await self.rollback()
        await self._exchange.ask(TransactRequest(release=self._wire))
