# ruff: noqa: N818 - the classes carry the names of `error.proto`'s reasons, which end in no "Error"
"""Every exception of the client, in one tree.

RowgateError
├── RequestError                 INVALID_ARGUMENT: as it is written, the request can't be carried out
│   ├── InvalidSql               INVALID_SQL
│   ├── MultipleStatements       MULTIPLE_STATEMENTS
│   ├── InvalidParameter         INVALID_PARAMETER; the client's own, too, for a value that it can't send
│   ├── UnknownColumn            UNKNOWN_COLUMN
│   ├── ValueOutOfRange          VALUE_OUT_OF_RANGE
│   └── InvalidRequest           INVALID_REQUEST
├── NotFound                     NOT_FOUND
│   ├── UnknownDatabase          UNKNOWN_DATABASE
│   ├── UnknownTable             UNKNOWN_TABLE
│   ├── RowNotFound              ROW_NOT_FOUND
│   └── QueryNotFound            QUERY_NOT_FOUND
├── IntegrityError               a constraint would be broken
│   ├── DuplicateKey             DUPLICATE_KEY
│   ├── ForeignKeyViolation      FOREIGN_KEY_VIOLATION
│   ├── NotNullViolation         NOT_NULL_VIOLATION
│   └── CheckViolation           CHECK_VIOLATION
├── TableExists                  TABLE_EXISTS
├── ReadOnly                     READ_ONLY
├── DdlNotAllowed                DDL_NOT_ALLOWED
├── WriteRefused                 a write to a table that was not let through; nothing was changed
│   ├── UnfilteredWrite          UNFILTERED_WRITE
│   ├── TooManyRowsAffected      TOO_MANY_ROWS_AFFECTED
│   └── PreconditionFailed       PRECONDITION_FAILED
├── TransactionAborted           ABORTED: the database gave up on it, and it may go through the next time
│   ├── Deadlock                 DEADLOCK
│   ├── SerializationFailure     SERIALIZATION_FAILURE
│   ├── LockTimeout              LOCK_TIMEOUT
│   └── TransactionExpired       TRANSACTION_EXPIRED
├── Timeout                      DEADLINE_EXCEEDED
│   ├── StatementTimeout         STATEMENT_TIMEOUT: the gateway ended the statement
│   └── DeadlineExceeded         the client's own: the time ran out before an answer came
├── QueryCancelled               QUERY_CANCELLED
├── LimitExceeded                RESOURCE_EXHAUSTED
│   ├── PoolExhausted            POOL_EXHAUSTED
│   ├── ResultTooLarge           RESULT_TOO_LARGE
│   └── QuotaExceeded            QUOTA_EXCEEDED
├── Unavailable                  UNAVAILABLE
│   ├── DatabaseUnavailable      DATABASE_UNAVAILABLE
│   ├── ShuttingDown             SHUTTING_DOWN
│   └── GatewayUnreachable       the client's own: no gateway answered
├── PermissionDenied             PERMISSION_DENIED
│   └── Unauthenticated          UNAUTHENTICATED: the gateway accepts no credentials of this call
├── NotSupported                 NOT_SUPPORTED
├── Internal                     INTERNAL
├── ResultError                  the client's own: a result is not what was asked of it
│   ├── NoRows
│   ├── MultipleRows
│   ├── NoSuchColumn             (and a KeyError)
│   └── AmbiguousColumn          (and a KeyError)
├── TransactionFailed            the client's own: a block ended well, but a statement in it had failed; it was undone
├── TransactionOver              the client's own: something was asked of a transaction that is over
├── ProtocolError                the client's own: an answer that it can't make sense of
└── ClientClosed                 the client's own: it was closed
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

import grpc


class Outcome(StrEnum):
    """What became of a statement that ended in an error."""

    NOT_RUN = "NOT_RUN"
    """The database never got to run it: a retry is safe."""
    ROLLED_BACK = "ROLLED_BACK"
    """The database undid it: a retry is safe."""
    UNKNOWN = "UNKNOWN"
    """It may or may not have taken effect: look before a retry."""
    COMMITTED = "COMMITTED"
    """It is done, and lasts; only its answer was too large to be handed over: it is not to be repeated."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A field of the request that is at fault.

    Attributes:
        field: which, as a path: `options.timeout`, `params[id]`.
        description: what is wrong with it.
    """

    field: str
    description: str


class RowgateError(Exception):
    """Anything that this client raises, and an error of the gateway that has no class of its own.

    Attributes:
        message: one sentence, without any parameter's value.
        reason: the gateway's own word for it, as in `error.proto` (`DUPLICATE_KEY`); None where no gateway spoke.
        code: the gRPC status code; None where no call was made.
        metadata: what else the gateway told: `database`, `sqlstate`, `vendor_code`, `constraint`, `table`, `column`,
            `parameter`, `limit`, `hint`, `correlation_id`, `query_id`, `outcome`, as they are known.
        outcome: what became of the statement; None where that is not told.
        retry_after: seconds after which a retry may help; None where the gateway names none.
        field_violations: the request's fields at fault.
    """

    def __init__(
        self,
        message: str,
        *,
        reason: str | None = None,
        code: grpc.StatusCode | None = None,
        metadata: Mapping[str, str] | None = None,
        outcome: Outcome | None = None,
        retry_after: float | None = None,
        field_violations: tuple[FieldViolation, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.reason = reason
        self.code = code
        self.metadata: dict[str, str] = dict(metadata or {})
        self.outcome = outcome
        self.retry_after = retry_after
        self.field_violations = field_violations

    def __str__(self) -> str:
        hint = self.metadata.get("hint")
        return f"{self.message} ({hint})" if hint else self.message

    @property
    def query_id(self) -> str | None:
        """The statement's name in the gateway's logs."""
        return self.metadata.get("query_id")

    @property
    def correlation_id(self) -> str | None:
        """What finds this error in the gateway's logs."""
        return self.metadata.get("correlation_id")

    @property
    def step(self) -> int | None:
        """Which step of a batch it is about, from 0; None where it is about none."""
        told = self.metadata.get("step", "")
        return int(told) if told.isdecimal() else None


class RequestError(RowgateError):
    """As it is written, the request can't be carried out; the same one will fail again."""


class InvalidSql(RequestError):
    """The database refused the SQL, or it is empty, too long or not text."""


class MultipleStatements(RequestError):
    """More than one statement in one request."""


class InvalidParameter(RequestError):
    """A parameter is missing, unknown or malformed, or is a Python value that can't be sent."""


class UnknownColumn(RequestError):
    """A column is not there."""


class ValueOutOfRange(RequestError):
    """A value does not fit where it should go."""


class InvalidRequest(RequestError):
    """Something else in the request is malformed: see `field_violations`."""


class NotFound(RowgateError):
    """Something that the request names is not there."""


class UnknownDatabase(NotFound):
    """The gateway serves no database of that name."""


class UnknownTable(NotFound):
    """The table, view or schema is not there."""


class RowNotFound(NotFound):
    """No row has the key."""


class QueryNotFound(NotFound):
    """No query of that name runs: it has ended, or it is another caller's."""


class IntegrityError(RowgateError):
    """A constraint would be broken: `metadata["constraint"]` names it where the database does."""


class DuplicateKey(IntegrityError):
    """A unique or primary key already holds the value."""


class ForeignKeyViolation(IntegrityError):
    """A foreign key would be broken."""


class NotNullViolation(IntegrityError):
    """A NULL where none may be."""


class CheckViolation(IntegrityError):
    """A CHECK or exclusion constraint does not hold."""


class TableExists(RowgateError):
    """There is already a table or view of that name."""


class ReadOnly(RowgateError):
    """A write where only reading is allowed."""


class DdlNotAllowed(RowgateError):
    """The gateway's configuration does not allow tables to be made or dropped in this database."""


class WriteRefused(RowgateError):
    """A write to a table was not let through, and nothing was changed."""


class UnfilteredWrite(WriteRefused):
    """An update or delete had neither key nor filter, and no leave to mean every row."""


class TooManyRowsAffected(WriteRefused):
    """More rows were meant than `max_affected` allows."""


class PreconditionFailed(WriteRefused):
    """The row no longer has a value that `expected` names: `metadata["column"]` says of which columns."""


class TransactionAborted(RowgateError):
    """The database gave up on the transaction; run again, it may go through."""


class Deadlock(TransactionAborted):
    """The database ended the statement to break a deadlock."""


class SerializationFailure(TransactionAborted):
    """The transaction could not be serialised."""


class LockTimeout(TransactionAborted):
    """A lock was not granted in time."""


class TransactionExpired(TransactionAborted):
    """The transaction was idle for too long, or took too long: `metadata["limit"]` says whose limit decided."""


class Timeout(RowgateError):
    """The time ran out."""


class StatementTimeout(Timeout):
    """The gateway ended the statement: `metadata["limit"]` says whose limit decided."""


class DeadlineExceeded(Timeout):
    """The client's time ran out before the gateway answered; the gateway is told to end the statement."""


class QueryCancelled(RowgateError):
    """Someone else cancelled the statement."""


class LimitExceeded(RowgateError):
    """A limit of the gateway's, or the client's `max_message_bytes`, was reached."""


class PoolExhausted(LimitExceeded):
    """No connection to the database became free in time."""


class ResultTooLarge(LimitExceeded):
    """The result is over the gateway's cap for one answer: `stream` has none, but each row has to fit a message."""


class QuotaExceeded(LimitExceeded):
    """The caller, or its address, has had what it may have for now: `retry_after` says when there is more.

    Look at `outcome` before a write is repeated: an answer that was not read is lost, and what it tells of may be done.
    """


class Unavailable(RowgateError):
    """Something on the way does not answer; later it may."""


class DatabaseUnavailable(Unavailable):
    """The gateway can't reach the database, or its connection broke."""


class ShuttingDown(Unavailable):
    """The gateway is stopping; or, for `cancel`, one of its workers did not answer."""


class GatewayUnreachable(Unavailable):
    """No gateway answers at the address, or the connection to it broke."""


class PermissionDenied(RowgateError):
    """The database refuses this to the gateway's login, or the gateway refuses it to the caller."""


class Unauthenticated(PermissionDenied):
    """The gateway accepts no credentials of this call, or it has none; the gateway does not tell why."""


class NotSupported(RowgateError):
    """The engine, or this version of the gateway, has no such thing."""


class Internal(RowgateError):
    """A fault of the gateway's: `correlation_id` finds it in its logs."""


class ResultError(RowgateError):
    """A result is not what was asked of it."""


class NoRows(ResultError):
    """A row was asked of a result that has none."""


class MultipleRows(ResultError):
    """The only row was asked of a result that has more."""


class NoSuchColumn(ResultError, KeyError):
    """A row has no column of that name."""


class AmbiguousColumn(ResultError, KeyError):
    """A row has several columns of that name, and only their positions tell them apart."""


class TransactionFailed(RowgateError):
    """A transaction or savepoint was left as if all were well, but something in it had failed: its work was undone.

    `__cause__` is the error that it failed with, where there was one.
    """


class TransactionOver(RowgateError):
    """Something was asked of a transaction that was committed or rolled back; `__cause__` is what ended it."""


class ProtocolError(RowgateError):
    """An answer makes no sense to this client: the gateway is newer, or is no gateway."""


class ClientClosed(RowgateError):
    """The client was closed, before the call or during it."""
