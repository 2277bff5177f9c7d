"""What the executor asks of a dialect: connect, run a statement, stop it, clean up after it.

`engines/dialects` has one implementation for each. They work on the driver's own connection beneath SQLAlchemy's
pool: on MariaDB a point select costs 91 µs of CPU so, against 257 through `exec_driver_sql`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple, Protocol

from sqlalchemy.engine import URL

from rowgate_server.engines.description import Description
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.outliving import Outliving
from rowgate_server.engines.results import Column, Completion, Row
from rowgate_server.engines.roles import Role
from rowgate_server.engines.values import AnyStatement, BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError


class ExecuteMode(NamedTuple):
    """How to run a statement.

    Attributes:
        streaming: read from a server-side cursor and let a slow reader hold it back.
        read_only: in a session that refuses writes.
        reads: the statement's first word says that it reads, so ending it early undoes no write.
        row_limit: the driver may stop after this many rows.
        byte_cap: a driver that holds the whole result fails with RESULT_TOO_LARGE when it is sure to be over this.
        role_bytes: that is of the caller's role.
        strict: what a column can't hold is an error, and 0 is 0 in every column, whatever the server's settings.
        typed: the type of each parameter follows from where it stands, as that of a column does.
        floats: the result may have single-precision columns.
    """

    streaming: bool = False
    read_only: bool = False
    reads: bool = False
    row_limit: int | None = None
    byte_cap: int | None = None
    role_bytes: bool = False
    strict: bool = False
    typed: bool = False
    floats: bool = True


class Isolation(Enum):
    """How much a transaction sees of others; each engine gives at least that."""

    READ_UNCOMMITTED = "READ UNCOMMITTED"
    READ_COMMITTED = "READ COMMITTED"
    REPEATABLE_READ = "REPEATABLE READ"
    SERIALIZABLE = "SERIALIZABLE"


@dataclass(frozen=True, slots=True)
class TransactionOptions:
    """What a transaction is like.

    Attributes:
        isolation: None: as the database has it.
        read_only: it refuses writes.
        deferrable: PostgreSQL: it waits until it can run without ever failing to be serialised.
        lock_timeout: the longest a statement may wait for a lock, in seconds. None: as the database has it.
        many: `execute_many` will be asked for.
    """

    isolation: Isolation | None = None
    read_only: bool = False
    deferrable: bool = False
    lock_timeout: float | None = None
    many: bool = False


class Standing(Enum):
    """What a statement has left of its transaction: it goes on; it takes only a rollback; it is over; by a commit."""

    ACTIVE = 1
    FAILED = 2
    ENDED = 3
    COMMITTED = 4


class Remains(Enum):
    """What is left of a statement that has failed.

    Attributes:
        REFUSED: nothing; it was refused before any of it ran.
        NOTHING: of what it did.
        UNTIL_ROLLBACK: what a rollback undoes.
        FOR_GOOD: what nothing undoes.
    """

    REFUSED = 0
    NOTHING = 1
    UNTIL_ROLLBACK = 2
    FOR_GOOD = 3


class NotUndoneError(RowgateError):
    """A rollback was done, but tables without transactions keep what they were given."""

    def __init__(self) -> None:
        super().__init__(
            Reason.NOT_SUPPORTED,
            "tables whose storage engine has no transactions were changed, and keep it; all else was rolled back",
            outcome=Outcome.UNKNOWN,
            hint="look at the tables that are not of InnoDB",
        )


class PreparedError(RowgateError):
    """A distributed transaction was prepared on the connection: the database keeps it until somebody ends it.

    Args:
        words: what to do about it.
        name: what it is called, as the database's commands take it; empty where that is not known.
        vendor_code: the database's.
    """

    def __init__(self, words: str, name: str, vendor_code: str) -> None:
        told = f"{words}: {name}" if name else words
        super().__init__(Reason.INVALID_REQUEST, told, outcome=Outcome.UNKNOWN, vendor_code=vendor_code)
        self._words, self._vendor_code = words, vendor_code

    def told(self, *, has_parameters: bool) -> PreparedError:
        """The error, without the name where that may be a parameter's value."""
        return PreparedError(self._words, "", self._vendor_code) if has_parameters else self


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What a server tells of itself.

    Attributes:
        version: its own.
        default_schema: empty where a connection has none.
        advice: what of its settings callers suffer from, and what to do; empty: nothing.
    """

    version: str = ""
    default_schema: str = ""
    advice: str = ""


class Cursor(Protocol):
    """A statement that has begun."""

    @property
    def columns(self) -> tuple[Column, ...]:
        """The result's columns; empty for a statement that returns no rows."""

    async def fetch(self) -> Sequence[Row]:
        """The next rows, as many as the driver has at hand and at least one; empty at the end."""

    async def finish(self) -> Completion:
        """End the statement after the last row."""

    async def stop(self) -> Completion | None:
        """End the statement before its last row; None if that takes a kill of the session."""


class Session(Protocol):
    """One checked-out connection.

    Attributes:
        begins_late: the command that begins a transaction goes with the first statement of it.
    """

    begins_late: bool

    async def execute(self, statement: AnyStatement, mode: ExecuteMode) -> Cursor:
        """Run one statement: in the transaction that was begun, or in one of its own."""

    async def execute_many(self, statements: Sequence[BoundStatement]) -> Sequence[int] | int:
        """Run one write, that returns no rows, for many sets of values in a transaction that was begun for that.

        After an error some of those behind may have run too: the transaction must be rolled back.

        Args:
            statements: alike but for their values; at least one.

        Returns:
            The rows that each has changed; where the engine does not tell of each, that all have together.

        Raises:
            RunFailedError: where it is known which has failed.
        """

    async def describe(self, statement: BoundStatement, *, valued: bool) -> Description:
        """What the database tells of a statement without running it.

        Args:
            statement: where the values are not known, NULL stands for each.
            valued: whether they are.
        """

    async def begin(self, options: TransactionOptions) -> None:
        """Begin a transaction."""

    async def commit(self) -> None:
        """Commit it."""

    async def rollback(self) -> None:
        """Roll it back.

        Raises:
            NotUndoneError: but for what can't be.
        """

    async def control(self, sql: str) -> None:
        """Run a command about savepoints.

        Raises:
            NotUndoneError: it goes back to one, but for what can't be undone.
        """

    async def standing(self, error: Exception | None) -> Standing:
        """What is left of the transaction after a statement, and the error it ended in."""

    async def remains(self) -> Remains:
        """What is left of the statement that has just failed; in a transaction, what a rollback of that would leave."""

    async def reset(self) -> None:
        """Wipe out everything a caller's SQL may have left behind; any error means: drop the connection."""

    def defer_reset(self, *, reads: bool) -> bool:
        """Promise to reset before the next statement, in one write with it; False where that is not safe.

        Args:
            reads: the first word of what ran says that it reads.
        """

    def alive(self) -> bool:
        """Whether the link is still up, as far as this side has heard."""

    def lost(self) -> bool:
        """Whether the link is down, and this side did not close it by giving up an answer."""

    async def kill(self) -> bool:
        """Stop the statement that may still run; the connection is dropped afterwards.

        Returns:
            Whether it is gone. If not, the server has taken note that it is to end, and it has not ended yet.
        """

    def reflecting(self) -> AbstractContextManager[None]:
        """While this lasts, cells come as SQLAlchemy's reflection wants them."""

    def abort(self) -> None:
        """Cut the link at once, without a word to the server and without waiting for it."""

    def occupies(self) -> asyncio.Future[Any] | None:
        """Done when nothing of a closed connection runs in this process any more; None: nothing does."""


class Driver(Protocol):
    """One kind of database, and how to reach one of them."""

    dialect: Dialect

    @property
    def engine_url(self) -> URL:
        """What SQLAlchemy picks its dialect by; holds no password."""

    @property
    def adapter_options(self) -> dict[str, Any]:
        """What SQLAlchemy's adapter of the driver is to be told besides."""

    @property
    def outliving(self) -> Outliving | None:
        """The sessions whose statements would outlive this process; None where the server ends them by itself."""

    async def connect(self) -> Any:
        """A new driver connection, set up for the gateway's use."""

    def session(self, connection: Any) -> Session:
        """The session on a driver connection."""

    async def probe(self) -> ServerFacts:
        """Ask the database, apart from the pool, whether it answers."""

    async def role(self) -> Role:
        """Ask what it is among several, on the same connection."""

    def schema_version(self) -> int | None:
        """A number that changes when anyone changes tables; None where it can't be told at once, without a request."""

    async def close(self) -> None:
        """Let go of what the driver holds besides the pool."""

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        """The gateway's words for a driver's error; None for one that is not the driver's.

        With parameters, words of the database's that may quote one are left out.
        """

    def is_broken(self, error: BaseException) -> bool:
        """Whether the connection that raised it can no longer be trusted."""
