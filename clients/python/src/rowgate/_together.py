"""Several statements together: the transactions and batches of a database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, Literal, TypeVar, Unpack, cast, overload

from rowgate._begin import TransactionOptions
from rowgate._calls import Calls
from rowgate._errors import RowgateError, TransactionAborted, TransactionExpired, TransactionFailed
from rowgate._retry import Retry
from rowgate._steps import Mode, Step, StepResult, run_batch
from rowgate._transaction import Transaction

_T = TypeVar("_T")

ATTEMPTS: Final = 5


class Together:
    """What a database can do with several statements."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    def transaction(self, **options: Unpack[TransactionOptions]) -> Transaction:
        """A transaction, begun by `async with db.transaction() as tx:`.

        Leaving the block commits. Leaving it by an exception rolls back, and so does everything else that ends it: a
        cancelled task, a lost connection, a limit.

        Args:
            **options: `isolation`, `read_only`, `deferrable`, `lock_timeout`, `idle_timeout`, `timeout`: see
                `TransactionOptions`. The view's `timeout`, `read_only` and `tag` hold as well.

        Raises:
            TypeError: there is no such option, or no such isolation level.
            ValueError: one is out of range.
        """
        return Transaction(self._calls, options)

    async def run_transaction(
        self,
        work: Callable[[Transaction], Awaitable[_T]],
        *,
        attempts: int = ATTEMPTS,
        **options: Unpack[TransactionOptions],
    ) -> _T:
        """Run a function in a transaction, and again from the start when the database gave up on it.

        That is after Deadlock, SerializationFailure and LockTimeout (whatever else is TransactionAborted, but for a
        TransactionExpired: it would only take as long again), with a growing, random pause. It is never done when the
        transaction may have been committed.

        Args:
            work: is given the transaction, and may be called several times: what it does elsewhere is not undone.
            attempts: how often it is called at most.
            **options: as in `transaction`; `timeout` is for all attempts together.

        Returns:
            What the function answered the time that was committed.

        Raises:
            ValueError: an argument is out of range.
            RowgateError: the last attempt's. Whatever else the function raises is raised at once.
        """
        pauses = Retry(attempts=attempts, first_delay=0.05).delays()
        calls = self._calls
        if "timeout" in options:
            calls = replace(calls, options=calls.options.changed({"timeout": options["timeout"]}))
        deadline = calls.deadline()
        while True:
            transaction = Transaction(calls, options, deadline)
            try:
                async with transaction:
                    answer = await work(transaction)
            except (TransactionAborted, TransactionFailed) as error:
                pause = next(pauses, None)
                if pause is None or not _may_go_through(error, transaction):
                    raise
                pause = max(pause, error.retry_after or 0.0)
                if not deadline.allows(pause):
                    raise
            else:
                return answer
            await asyncio.sleep(pause)

    @overload
    async def batch(self, steps: Iterable[Step | str], *, mode: Literal["atomic"] = "atomic") -> list[StepResult]: ...

    @overload
    async def batch(
        self, steps: Iterable[Step | str], *, mode: Literal["independent"]
    ) -> list[StepResult | RowgateError]: ...

    async def batch(
        self, steps: Iterable[Step | str], *, mode: Mode = "atomic"
    ) -> list[StepResult] | list[StepResult | RowgateError]:
        """Run several statements in one round trip.

        Args:
            steps: what to run, in this order: SQL, or a `Step` with its values.
            mode: "atomic": all steps in one transaction, or none. "independent": each in one of its own, whatever
                became of those before it.

        Returns:
            A result for each step; with "independent", the error of one that failed in its place.

        Raises:
            TypeError: there is no such mode, or a step is none.
            RowgateError: with "atomic", a step's: its `step` says which, from 0. Otherwise, nothing was run, or that is
                not known: see its `outcome`.
        """
        answers = await run_batch(self._calls, steps, mode)
        return cast("list[StepResult]", answers) if mode == "atomic" else answers

    async def execute_many(self, sql: str, rows: Iterable[Sequence[Any] | Mapping[str, Any]]) -> StepResult:
        """Run one statement for many rows in one round trip, all or none: a write that returns no rows.

        Args:
            sql: one statement, in the database's own dialect.
            rows: the values of each run, 100,000 at most: sequences for `?`, or dicts for `:name`.

        Returns:
            The figures: `affected_rows` of all runs together, `affected_by_run` of each.

        Raises:
            TypeError: a row is neither.
            InvalidParameter: there is no row, or a value can't be sent.
            RowgateError: nothing was changed, or that is not known: see its `outcome`.
        """
        (result,) = await self.batch([Step.many(sql, rows)])
        return result


def _may_go_through(error: RowgateError, transaction: Transaction) -> bool:
    """Whether nothing is left of the transaction, and the database has said that another time it may go through."""
    cause = error.__cause__ if isinstance(error, TransactionFailed) else error
    return isinstance(cause, TransactionAborted) and not isinstance(cause, TransactionExpired) and transaction.undone
