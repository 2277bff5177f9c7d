"""What can go wrong, in the gateway's own words.

A `RowgateError` has a reason (the vocabulary of `error.proto`), a message that is safe to show to any caller, and
metadata. It knows neither gRPC nor SQLAlchemy: `engines/dialects` make it from driver errors, `transport/status`
turns it into a status.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Self


class Reason(StrEnum):
    """Every reason an error can have; `transport/status` maps each to a canonical code."""

    INVALID_SQL = "INVALID_SQL"
    MULTIPLE_STATEMENTS = "MULTIPLE_STATEMENTS"
    INVALID_PARAMETER = "INVALID_PARAMETER"
    UNKNOWN_COLUMN = "UNKNOWN_COLUMN"
    VALUE_OUT_OF_RANGE = "VALUE_OUT_OF_RANGE"
    INVALID_REQUEST = "INVALID_REQUEST"
    UNKNOWN_DATABASE = "UNKNOWN_DATABASE"
    UNKNOWN_TABLE = "UNKNOWN_TABLE"
    ROW_NOT_FOUND = "ROW_NOT_FOUND"
    QUERY_NOT_FOUND = "QUERY_NOT_FOUND"
    DUPLICATE_KEY = "DUPLICATE_KEY"
    TABLE_EXISTS = "TABLE_EXISTS"
    FOREIGN_KEY_VIOLATION = "FOREIGN_KEY_VIOLATION"
    NOT_NULL_VIOLATION = "NOT_NULL_VIOLATION"
    CHECK_VIOLATION = "CHECK_VIOLATION"
    READ_ONLY = "READ_ONLY"
    UNFILTERED_WRITE = "UNFILTERED_WRITE"
    TOO_MANY_ROWS_AFFECTED = "TOO_MANY_ROWS_AFFECTED"
    PRECONDITION_FAILED = "PRECONDITION_FAILED"
    DDL_NOT_ALLOWED = "DDL_NOT_ALLOWED"
    DEADLOCK = "DEADLOCK"
    SERIALIZATION_FAILURE = "SERIALIZATION_FAILURE"
    LOCK_TIMEOUT = "LOCK_TIMEOUT"
    TRANSACTION_EXPIRED = "TRANSACTION_EXPIRED"
    STATEMENT_TIMEOUT = "STATEMENT_TIMEOUT"
    QUERY_CANCELLED = "QUERY_CANCELLED"
    POOL_EXHAUSTED = "POOL_EXHAUSTED"
    RESULT_TOO_LARGE = "RESULT_TOO_LARGE"
    QUOTA_EXCEEDED = "QUOTA_EXCEEDED"
    DATABASE_UNAVAILABLE = "DATABASE_UNAVAILABLE"
    SHUTTING_DOWN = "SHUTTING_DOWN"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    NOT_SUPPORTED = "NOT_SUPPORTED"
    INTERNAL = "INTERNAL"


class Outcome(StrEnum):
    """What became of a statement that ended in an error."""

    NOT_RUN = "NOT_RUN"
    ROLLED_BACK = "ROLLED_BACK"
    UNKNOWN = "UNKNOWN"
    COMMITTED = "COMMITTED"


class RowgateError(Exception):
    """An error that the caller is told about.

    Args:
        reason: which of the vocabulary.
        message: one sentence, safe to show: no DSN, password, parameter value or traceback.
        field: the request's field at fault, as a path (`options.timeout`, `params[id]`), if there is one.
        retry_after: seconds after which a retry may help, if it may.
        metadata: `database`, `sqlstate`, `vendor_code`, `constraint`, `limit`, `hint`, ... as they are known;
            None values are left out.
        cause: what the driver said, for the log: codes, and text that cannot hold a value of a statement's.
    """

    def __init__(
        self,
        reason: Reason,
        message: str,
        *,
        field: str | None = None,
        retry_after: float | None = None,
        outcome: Outcome | None = None,
        cause: str = "",
        **metadata: str | None,
    ) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message
        self.field = field
        self.retry_after = retry_after
        self.cause = cause
        self.value: int | None = None
        """Where, among all that a statement was given, the value at fault stands."""
        self.refused = False
        """The database is known to have run nothing of the statement, though it may undo what stood before."""
        self.metadata: dict[str, str] = {key: text for key, text in metadata.items() if text is not None}
        if outcome is not None:
            self.metadata["outcome"] = outcome.value

    @property
    def outcome(self) -> str | None:
        """The `outcome` in the metadata, if one is told."""
        return self.metadata.get("outcome")

    def of_value(self, index: int) -> RowgateError:
        """About one of the statement's values, which never got to the database; returns the same error."""
        self.value = index
        return self.with_defaults(outcome=Outcome.NOT_RUN.value)

    def copy(self) -> Self:
        """One like it, for another who is told of it: each adds to its own what it knows of its call."""
        copied = type(self).__new__(type(self), *self.args)
        vars(copied).update(vars(self), metadata=dict(self.metadata))
        return copied

    def with_defaults(self, **metadata: str | None) -> RowgateError:
        """Add what is not yet in the metadata; returns the same error, to be raised again."""
        for key, text in metadata.items():
            if text is not None:
                self.metadata.setdefault(key, text)
        return self
