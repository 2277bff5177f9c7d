"""One transaction that a caller holds: its statements, its savepoints, its limits, its end."""

from __future__ import annotations

import contextlib
import math
from collections.abc import AsyncGenerator, Awaitable, Callable
from enum import Enum

from rowgate_server.core.kept_tables import HeldTables
from rowgate_server.core.query import QueryRequest, QueryRunner, may_alter
from rowgate_server.core.transactions.statements import may_end
from rowgate_server.engines import clock
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import NotUndoneError
from rowgate_server.engines.results import Chunk
from rowgate_server.engines.routing import Route
from rowgate_server.engines.transaction import Transaction, TransactionState
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.ids import new_id

_LONGEST_NAME = 64
_BEFORE_CALL = "\0"
"""No caller's name for a savepoint."""


class State(Enum):
    """What may be done next; as the protos have it."""

    NONE = 0
    ACTIVE = 1
    FAILED = 2
    COMMITTED = 3
    ROLLED_BACK = 4
    UNKNOWN = 5


_STATES = {state: State[state.name] for state in TransactionState}


class HeldTransaction:
    """One transaction; `Transactions.holding` begins it and ends it.

    Args:
        database: where.
        transaction: the engine's.
        queries: runs raw SQL.
        read_only: whether it refuses writes.
        deadline: when it must be over.
        idle: the longest that it may be idle, and whose limit that is.
    """

    def __init__(
        self,
        database: Database,
        transaction: Transaction,
        queries: QueryRunner,
        *,
        read_only: bool,
        deadline: Deadline,
        idle: Deadline,
    ) -> None:
        self.id = new_id()
        self.database = database
        self.deadline = deadline
        self._transaction = transaction
        transaction.listing.name = self.id
        self._queries = queries
        self._read_only = read_only
        self._idle = idle
        self._began = clock.now()
        self._alters = False
        self.tables = HeldTables()
        """What it knows of tables by itself."""
        self._runs_out = math.inf
        self._end: Callable[[RowgateError], None] = _nothing
        self.idle_since: float | None = None
        """Since when it is its caller's turn."""

    @property
    def state(self) -> State:
        """Where it stands."""
        state = _STATES[self._transaction.state]
        in_doubt = self._transaction.keeps and state is State.ROLLED_BACK
        return State.UNKNOWN if in_doubt else state

    @property
    def over(self) -> bool:
        """Whether there is nothing left to be done in it."""
        return self.state in (State.COMMITTED, State.ROLLED_BACK, State.UNKNOWN)

    @property
    def timed_out(self) -> bool:
        """Whether its time has run out, and it was rolled back."""
        return self.state is State.ROLLED_BACK and self.deadline.remaining() <= 0

    @property
    def expired(self) -> bool:
        """Whether it ends because its time, or the time that it may be idle, has run out."""
        return self.timed_out or clock.now() >= self._runs_out

    @property
    def idle_timeout(self) -> float:
        """The longest that it may be idle, in seconds."""
        return self._idle.seconds

    def idle_until(self) -> tuple[float, Deadline]:
        """When it expires if nothing happens from now on, and by which limit."""
        at = clock.now() + self._idle.seconds
        return (at, self._idle) if at < self.deadline.at else (self.deadline.at, self.deadline)

    def may_commit(self, sql: str) -> bool:
        """Whether a statement that is run in it may make what was done last, be it that of no `commit`."""
        return may_end(sql, self.database.dialect)

    def wait(self, end: Callable[[RowgateError], None]) -> None:
        """It is its caller's turn: until it is `busy` it is listed as idle, and `end` ends it for who asks for that."""
        self.idle_since, self._end = clock.now(), end
        if self._transaction.sound and not self.over:
            self._transaction.listing.idle(self._began, self.deadline, end, self.give_way)

    def busy(self) -> None:
        """It is the database's turn."""
        self.idle_since = None
        self._transaction.listing.busy()

    def give_way(self, seconds: float) -> None:
        """End it, as it has been idle for so long: its place is another's turn."""
        self.idle_since, self._runs_out = None, clock.now()
        self._end(
            RowgateError(
                Reason.TRANSACTION_EXPIRED,
                "the transaction was idle while others waited, and its caller has more than they",
                limit=f"{seconds:g}s idle while others wait",
            )
        )

    def view(self) -> Database:
        """The database for one request: all its statements run in the transaction."""
        return self.database.within(self._transaction)

    async def execute(self, request: QueryRequest, cells_per_chunk: int) -> AsyncGenerator[Chunk, None]:
        """The result of a statement, chunk by chunk.

        Raises:
            RowgateError: from the text, the parameters, the limits or the database.
        """
        if request.options.read_only and not self._read_only:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "within a transaction it is begin that says whether it is read_only",
                field="options.read_only",
                outcome=Outcome.NOT_RUN,
            )
        if request.options.reading.route is not Route.PRIMARY:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "a transaction is where it was begun",
                field="options.route",
                hint="set begin.route",
                outcome=Outcome.NOT_RUN,
            )
        request = request._replace(options=request.options._replace(read_only=self._read_only))
        if may_alter(request.sql, self.database.dialect):
            self._alters = True
            if self.database.dialect is not Dialect.MYSQL:  # which would commit the transaction with that
                self.tables.alter()
        chunks = self._queries.stream(request, cells_per_chunk, within=self.view())
        if may_end(request.sql, self.database.dialect):
            chunks = self._watched(chunks, has_parameters=bool(request.params or request.positional_params))
        async with contextlib.aclosing(chunks):
            async for chunk in chunks:
                yield chunk

    def forgo(self) -> None:
        """See `Transaction.forgo`, of what `execute` gives."""
        self._transaction.forgo()

    async def _watched(
        self, chunks: AsyncGenerator[Chunk, None], *, has_parameters: bool
    ) -> AsyncGenerator[Chunk, None]:
        """A CALL's result, on MySQL. Its procedure may commit, and fail, or begin anew: a savepoint before it tells.

        The last chunk is kept back until that is known. Of one that was cut off with its connection, nobody knows.
        """
        await self._transaction.savepoint(_BEFORE_CALL)
        last: Chunk | None = None
        try:
            async with contextlib.aclosing(chunks):
                async for chunk in chunks:
                    if last is not None:
                        yield last
                    last = chunk
        except RowgateError as error:
            if not await self._undone(error):
                left = await self._transaction.left_prepared()
                self._transaction.doubt()
                error.metadata["outcome"] = Outcome.UNKNOWN.value
                if left is not None:
                    error.metadata["hint"] = left.told(has_parameters=has_parameters).message
            raise
        if self._transaction.state is TransactionState.ACTIVE and not await self._is_the_same():
            left = await self._transaction.left_prepared()
            self._transaction.doubt()
            if left is not None:
                raise left.told(has_parameters=has_parameters)
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "the procedure ended the transaction and began another one; what was before it may last",
                outcome=Outcome.UNKNOWN,
                hint="call such a procedure by ExecuteQuery",
            )
        if self._transaction.state is TransactionState.ROLLED_BACK:
            self._transaction.doubt()
        if last is not None:
            yield last

    async def _undone(self, error: RowgateError) -> bool:
        """Undo what a CALL did before it failed, which stays otherwise; whether the transaction is still the same."""
        if error.outcome == Outcome.ROLLED_BACK:
            try:
                await self._transaction.rollback_to(_BEFORE_CALL)
            except NotUndoneError:
                error.metadata["outcome"] = Outcome.UNKNOWN.value
            except RowgateError:
                return False
        return await self._is_the_same()

    async def _is_the_same(self) -> bool:
        """Whether the savepoint is still there that was set before a CALL."""
        try:
            await self._transaction.release(_BEFORE_CALL)
        except RowgateError:
            return False
        return True

    async def savepoint(self, name: str) -> None:
        """Mark a place to come back to.

        Raises:
            RowgateError: INVALID_REQUEST, and what the database has against it.
        """
        if not 0 < len(name) <= _LONGEST_NAME:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                f"a savepoint's name has 1 to {_LONGEST_NAME} characters",
                field="name",
                outcome=Outcome.NOT_RUN,
            )
        await self._told(self._transaction.savepoint(name))

    async def rollback_to(self, name: str) -> None:
        """Undo what came after a savepoint."""
        self.tables.forget()
        await self._told(self._transaction.rollback_to(name))

    async def release(self, name: str) -> None:
        """Forget a savepoint."""
        await self._told(self._transaction.release(name))

    async def commit(self) -> None:
        """Make the changes last.

        Raises:
            RowgateError: ROLLED_BACK where the database says so or was not asked, UNKNOWN where it did not answer.
        """
        try:
            await self._told(self._transaction.commit())
        finally:
            if self._alters:  # others may have looked at the tables meanwhile, and found them as they were
                self._queries.altered(self.database.name)

    async def rollback(self) -> None:
        """Undo the changes."""
        await self._told(self._transaction.rollback())

    def expiry(self, limit: Deadline, last_sequence: int, at: float, *, committing: bool = False) -> RowgateError:
        """The error to end with at that time, when it has been idle, or has taken, too long; until it is asked anew."""
        idle = limit is self._idle
        self._runs_out = at
        return self.ended_by(
            RowgateError(
                Reason.TRANSACTION_EXPIRED,
                f"the transaction {'was idle' if idle else 'took'} too long; {limit.limit} decided",
                limit=limit.limit,
            ),
            last_sequence,
            at,
            committing=committing,
        )

    def ended_by(self, error: RowgateError, last_sequence: int, at: float, *, committing: bool = False) -> RowgateError:
        """An error that ends it from outside at that time, with what is known of it.

        Nobody knows what becomes of a commit that is under way then; and of one that was answered, whether the caller
        has read that.
        """
        in_doubt = committing or self._transaction.keeps or self.state in (State.COMMITTED, State.UNKNOWN)
        return error.with_defaults(
            database=self.database.name,
            transaction_id=self.id,
            elapsed=f"{at - self._began:.3f}s",
            last_sequence=str(last_sequence),
            outcome=(Outcome.UNKNOWN if in_doubt else Outcome.ROLLED_BACK).value,
        )

    async def _told(self, work: Awaitable[None]) -> None:
        try:
            await work
        except RowgateError as error:
            raise error.with_defaults(database=self.database.name) from error.__cause__


def _nothing(_: RowgateError) -> None:
    """It has not been its caller's turn yet."""
