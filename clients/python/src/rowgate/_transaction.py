"""A transaction: what can be asked within it, its savepoints, and its end."""

from __future__ import annotations

from dataclasses import replace
from types import TracebackType
from typing import Any, Self, TypedDict, Unpack

from rowgate._begin import TransactionOptions, TransactionState, begin_request
from rowgate._calls import Calls
from rowgate._errors import Outcome, TransactionFailed
from rowgate._exchange import Exchange
from rowgate._requests import Requests
from rowgate._results import Result
from rowgate._retry import Deadline, run
from rowgate._savepoint import Savepoint
from rowgate._statements import statement
from rowgate._stream import Piece, RowStream, Source
from rowgate._table import TableRows
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, TransactRequest


class StatementChanges(TypedDict, total=False):
    """What `with_options` of a transaction takes; what is left out stays as it is.

    Attributes:
        timeout: seconds for a statement; one that takes longer ends the transaction. None: until that has to end.
        max_rows: cut results after so many rows; None: no limit of the client's.
        max_bytes: cut results before the row that goes past so many bytes; None: no limit of the client's.
        tag: a label for the gateway's logs: 1 to 64 of `A-Z a-z 0-9 . _ / : -`; "": none.
    """

    timeout: float | None
    max_rows: int | None
    max_bytes: int | None
    tag: str


class Statements:
    """What is asked within a transaction, with the options that its statements have."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    def with_options(self, **changes: Unpack[StatementChanges]) -> Statements:
        """A view of the same transaction whose statements have other options; what is left out stays as it is.

        Raises:
            TypeError: there is no such option.
            ValueError: one is out of range.
        """
        if unknown := changes.keys() - StatementChanges.__annotations__:
            raise TypeError(f"a statement of a transaction has no option {min(unknown)!r}")
        options = replace(self._requests.options, **changes)
        return Statements(replace(self._requests, options=options))

    async def query(self, sql: str, /, *positional: Any, **named: Any) -> Result:
        """Run one statement, and answer with its whole result; there is no cap on it but memory.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order.
            **named: values for `:name`.

        Raises:
            RowgateError: there is no result. `state` says whether the transaction goes on.
        """
        response = await self._requests.exchange.ask(
            TransactRequest(execute_query=self._request(sql, positional, named))
        )
        return Result.from_wire(response.result, response.stats)

    def stream(self, sql: str, /, *positional: Any, **named: Any) -> RowStream:
        """Run one statement, and read its rows while they arrive; until then, nothing else can be asked.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order.
            **named: values for `:name`.

        Raises:
            RowgateError: the statement can't be sent. Whatever comes later is raised by the stream.
        """
        request = self._request(sql, positional, named)

        async def start() -> tuple[Source, Piece]:
            return await self._requests.exchange.stream(request)

        return RowStream(start)

    def table(self, name: str, *, schema: str | None = None) -> TableRows:
        """The rows of a table or view, to read and write within the transaction. Nothing is sent.

        Args:
            name: its name, exactly as the database writes it.
            schema: None: the database's default one.

        Raises:
            TypeError: a name is no text.
            InvalidParameter: a name is empty, or can't be sent.
        """
        return TableRows.of(self._requests, name, schema)

    def _request(self, sql: str, positional: tuple[Any, ...], named: dict[str, Any]) -> ExecuteQueryRequest:
        request = statement(ExecuteQueryRequest, self._requests, sql, positional, named)
        if self._requests.options.timeout is not None:
            request.options.timeout.FromNanoseconds(round(self._requests.options.timeout * 1e9))
        return request


class Transaction(Statements):
    """A transaction; made by `Database.transaction`, begun by `async with`, once.

    Leaving the block commits; leaving it by an exception rolls back, and so does everything else that ends it.
    Statements of several tasks wait for each other.

    Args:
        calls: the view's.
        asked: what it is to be like.
        deadline: the end of something longer that it is a part of; None: it has the whole time.
    """

    def __init__(self, calls: Calls, asked: TransactionOptions, deadline: Deadline | None = None) -> None:
        self._begin = begin_request(calls.database, calls.options, asked)
        timeout = asked.get("timeout", calls.options.timeout)
        self._calls = replace(calls, options=replace(calls.options, timeout=timeout))
        self._exchange = Exchange(calls.connection)
        self._deadline = deadline
        self._entered = False
        self._undone = False
        self._savepoints: list[Savepoint] = []
        # It is where it was begun, and so are its requests.
        options = replace(
            calls.options, timeout=None, read_only=self._begin.read_only, route="primary", max_staleness=None
        )
        super().__init__(Requests(self._exchange, self._calls, options))

    @property
    def state(self) -> TransactionState:
        """Where it stands, as far as it was told: the last answer's word.

        Raises:
            RuntimeError: it has not begun.
        """
        if self._exchange.state is None:
            raise RuntimeError("the transaction has not begun: use `async with`")
        return self._exchange.state

    @property
    def undone(self) -> bool:
        """Whether it is certain that nothing of it lasts."""
        return self._exchange.state in (None, TransactionState.ROLLED_BACK)

    async def __aenter__(self) -> Self:
        """Begin it.

        Raises:
            RowgateError: it was not begun.
            RuntimeError: it was begun before.
        """
        if self._entered:
            raise RuntimeError("a transaction is begun once: make another one")
        self._entered = True
        deadline = self._deadline or self._calls.deadline()

        async def attempt() -> None:
            await self._exchange.begin(self._begin, deadline, self._calls.options.metadata)

        # A transaction that was not begun has done nothing.
        await run(attempt, retry=self._calls.options.retry, deadline=deadline, repeatable=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Commit it; after an exception, roll it back.

        Raises:
            RowgateError: it was not committed (`outcome` ROLLED_BACK), or nobody knows (UNKNOWN).
            TransactionFailed: a statement has failed, and nobody went back to a savepoint.
        """
        exchange = self._exchange
        try:
            if error is not None:
                if isinstance(error, Exception):
                    await exchange.rollback()
            elif self.state is TransactionState.ACTIVE:
                await exchange.commit()
            elif self.state is not TransactionState.COMMITTED and not self._undone:
                await exchange.rollback()
                raise self._failed() from exchange.failure
        finally:
            exchange.cancel()

    async def commit(self) -> None:
        """Commit it before the block ends.

        Raises:
            TransactionFailed: a statement has failed, and nobody went back to a savepoint.
            RowgateError: it was not committed (`outcome` ROLLED_BACK), or nobody knows (UNKNOWN).
        """
        if self.state is TransactionState.FAILED:
            await self._exchange.rollback()
            raise self._failed() from self._exchange.failure
        await self._exchange.commit()

    async def rollback(self) -> None:
        """Roll it back before the block ends, which then ends without an error.

        Raises:
            TransactionOver: it was committed, or may have been.
            TransactionFailed: something of it may last: tables without transactions keep what they were given.
        """
        if self.state in (TransactionState.COMMITTED, TransactionState.UNKNOWN):
            self._exchange.check_not_over()
        await self._exchange.rollback()
        self._undone = True
        if self.state is TransactionState.UNKNOWN:
            words = "not all of the transaction could be rolled back"
            raise TransactionFailed(words, outcome=Outcome.UNKNOWN) from self._exchange.failure

    def savepoint(self) -> Savepoint:
        """A place to come back to: an exception that leaves its `async with` undoes what was done there, and no more.

        They nest.
        """
        return Savepoint(self._exchange, self._savepoints)

    def _failed(self) -> TransactionFailed:
        if self.state is TransactionState.UNKNOWN:
            return TransactionFailed(
                "the transaction ended before, and something of it may last", outcome=Outcome.UNKNOWN
            )
        return TransactionFailed(
            "the transaction was rolled back, because something in it had failed", outcome=Outcome.ROLLED_BACK
        )
