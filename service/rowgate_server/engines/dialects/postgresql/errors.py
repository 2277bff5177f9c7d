"""What PostgreSQL's SQLSTATEs mean.

Codes: https://www.postgresql.org/docs/current/errcodes-appendix.html
"""

from __future__ import annotations

import re

import asyncpg

from rowgate_server.engines.dialects.names import apart
from rowgate_server.engines.dialects.postgresql import arrays
from rowgate_server.engines.dialects.postgresql.heads import TooLongError
from rowgate_server.engines.results import row_too_large
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.causes import in_a_line

_STATES: dict[str, Reason] = {
    "23505": Reason.DUPLICATE_KEY,
    "23503": Reason.FOREIGN_KEY_VIOLATION,
    "23001": Reason.FOREIGN_KEY_VIOLATION,
    "23502": Reason.NOT_NULL_VIOLATION,
    "23514": Reason.CHECK_VIOLATION,
    "23P01": Reason.CHECK_VIOLATION,
    "44000": Reason.CHECK_VIOLATION,
    "42703": Reason.UNKNOWN_COLUMN,
    "42P01": Reason.UNKNOWN_TABLE,
    "3F000": Reason.UNKNOWN_TABLE,
    "40P01": Reason.DEADLOCK,
    "40001": Reason.SERIALIZATION_FAILURE,
    "55P03": Reason.LOCK_TIMEOUT,
    "57014": Reason.QUERY_CANCELLED,
    "25006": Reason.READ_ONLY,
    "42501": Reason.PERMISSION_DENIED,
    "0A000": Reason.NOT_SUPPORTED,
    "57P01": Reason.DATABASE_UNAVAILABLE,
    "57P02": Reason.DATABASE_UNAVAILABLE,
    "57P03": Reason.DATABASE_UNAVAILABLE,
    "57P04": Reason.DATABASE_UNAVAILABLE,
    "57P05": Reason.DATABASE_UNAVAILABLE,
}

_CLASSES: dict[str, Reason] = {
    "08": Reason.DATABASE_UNAVAILABLE,
    "28": Reason.DATABASE_UNAVAILABLE,
    "22": Reason.VALUE_OUT_OF_RANGE,
    "40": Reason.SERIALIZATION_FAILURE,
    "53": Reason.DATABASE_UNAVAILABLE,
    "58": Reason.DATABASE_UNAVAILABLE,
    "XX": Reason.DATABASE_UNAVAILABLE,
}

_FIXED: dict[Reason, str] = {
    Reason.DUPLICATE_KEY: "a unique key already holds this value",
    Reason.FOREIGN_KEY_VIOLATION: "a foreign key does not allow this",
    Reason.NOT_NULL_VIOLATION: "a column that may not be NULL has no value",
    Reason.CHECK_VIOLATION: "a CHECK or exclusion constraint does not hold",
    Reason.VALUE_OUT_OF_RANGE: "a value does not fit where it should go",
    Reason.DEADLOCK: "the database ended this statement to break a deadlock",
    Reason.SERIALIZATION_FAILURE: "the transaction could not be serialised with others",
    Reason.LOCK_TIMEOUT: "a lock was not granted in time",
    Reason.QUERY_CANCELLED: "the statement was cancelled in the database",
    Reason.STATEMENT_TIMEOUT: "the database's own limit on a statement's time was reached",
    Reason.READ_ONLY: "the session, or the database, is read-only",
    Reason.PERMISSION_DENIED: "the database does not allow this to the gateway's login",
    Reason.DATABASE_UNAVAILABLE: "the database cannot be reached, or the connection broke",
}

# What a class of states has in common says too little of these.
_WORDS: dict[str, str] = {
    "22001": "a text is too long for where it should go",
    "22003": "a number is beyond what its type holds",
    "22007": "a text is not written as a date or time is",
    "22008": "a date or time is beyond what its type holds",
    "22012": "a division by zero",
    "22021": "a text holds a character that the database's encoding has not, such as NUL",
    "22023": "a function does not take such an argument",
    "22P02": "a text is not written as a value of its type is",
    "22P03": "a value's binary form is not that of its type",
}

_MISSING: dict[Reason, re.Pattern[str]] = {
    Reason.UNKNOWN_TABLE: re.compile(
        r'(?:relation|table|view|sequence) "(?P<table>[^"]+)"|schema "(?P<schema>[^"]+)" does not exist'
    ),
    Reason.UNKNOWN_COLUMN: re.compile(
        r'column (?:"(?P<column>[^"]+)" of relation "(?P<table>[^"]+)"|"(?P<bare>[^"]+)"|(?P<of_table>[^"]+)) '
        r"does not exist"
    ),
}

_RETRY_AFTER: dict[Reason, float] = {
    Reason.DATABASE_UNAVAILABLE: 1.0,
    Reason.DEADLOCK: 0.05,
    Reason.SERIALIZATION_FAILURE: 0.05,
    Reason.LOCK_TIMEOUT: 0.5,
}

_BREAKING_CLASSES = ("08", "57P", "58", "XX")

_OF_THE_DRIVER = "\nNOTE: pgbouncer "
_TIMEOUT = "due to statement timeout"
_QUOTED = re.compile(r'".*"|".*', re.DOTALL)


def translate(error: BaseException, *, has_parameters: bool) -> RowgateError | None:
    """The gateway's words for an error of asyncpg's; None for any other exception.

    An error with a position is about the SQL, where parameters never stand. One without came up while it ran, and may
    quote a value: `to_tsquery($1)`, `$1::regclass`. The classes that mostly do (22 and 23) have fixed words.
    """
    if isinstance(error.__cause__, TooLongError):
        return _too_long(error.__cause__)
    if isinstance(error, asyncpg.PostgresError) and error.sqlstate:
        return _from_server(error, error.sqlstate, has_parameters=has_parameters)
    if isinstance(error, UnicodeError) or type(error) is LookupError:
        # asyncpg goes along with a change of `client_encoding`, as far as Python has such a codec.
        return RowgateError(
            Reason.NOT_SUPPORTED,
            "the answer is not in UTF-8",
            hint="leave client_encoding as it is",
            outcome=Outcome.UNKNOWN,
        )
    if isinstance(error, asyncpg.UnsupportedClientFeatureError):
        return RowgateError(
            Reason.NOT_SUPPORTED,
            "the statement has a type that the gateway cannot read",
            hint="cast it to text in the SQL",
        )
    if isinstance(error, (asyncpg.InterfaceError, asyncpg.InternalClientError, OSError, TimeoutError, EOFError)):
        return RowgateError(
            Reason.DATABASE_UNAVAILABLE,
            _FIXED[Reason.DATABASE_UNAVAILABLE],
            retry_after=1.0,
            cause=in_a_line(error),
        )
    return None


def is_broken(error: BaseException) -> bool:
    """Whether the connection is gone, or in a state that nobody can know."""
    if not isinstance(error, asyncpg.PostgresError) or not error.sqlstate:
        return True
    return error.sqlstate.startswith(_BREAKING_CLASSES)


def _too_long(error: TooLongError) -> RowgateError:
    """What is known of a message that was not read."""
    if error.arrays:
        return RowgateError(
            Reason.RESULT_TOO_LARGE,
            "the arrays in a row of the result have more members than are read at once",
            limit=f"{arrays.LIMIT} in a row",
            hint="select unnest(...) of the array, which gives a row for each member, or a slice of it",
            outcome=Outcome.UNKNOWN,
        )
    if error.row:
        return row_too_large(f"{error.most} bytes in a message")
    if error.sqlstate is None:
        return RowgateError(
            Reason.RESULT_TOO_LARGE,
            f"the database has more to say beside the result than is read ({error.most} bytes)",
            limit=f"{error.most} bytes",
            hint="have what the statement runs raise shorter notices, or fewer",
            outcome=Outcome.UNKNOWN,
        )
    reason = _reason(error.sqlstate)
    words = _WORDS.get(error.sqlstate) or _FIXED.get(reason) or "the database refused the statement"
    return RowgateError(
        reason,
        f"{words}; the database's own message about it is too long to be read",
        retry_after=_RETRY_AFTER.get(reason),
        outcome=None if reason is Reason.DATABASE_UNAVAILABLE else Outcome.ROLLED_BACK,
        sqlstate=error.sqlstate or None,
    )


def _reason(sqlstate: str) -> Reason:
    return _STATES.get(sqlstate) or _CLASSES.get(sqlstate[:2], Reason.INVALID_SQL)


def _from_server(error: asyncpg.PostgresError, sqlstate: str, *, has_parameters: bool) -> RowgateError:
    text = str(error.message or error.args[0])
    reason = _reason(sqlstate)
    # Whoever cancels it, the state is the same. In another language the executor tells by the time.
    if reason is Reason.QUERY_CANCELLED and _TIMEOUT in text:
        reason = Reason.STATEMENT_TIMEOUT
    # The driver writes behind some of the server's hints what its own users should know of pgbouncer.
    hint = (error.hint or "").partition(_OF_THE_DRIVER)[0].strip() if reason is Reason.INVALID_SQL else None
    if has_parameters and not error.position:
        text, hint = _QUOTED.sub('"…"', text), None
    # It counts in the SQL as it was sent, with $1 for :name.
    told_position = reason in (Reason.INVALID_SQL, Reason.UNKNOWN_COLUMN) and not has_parameters
    return RowgateError(
        reason,
        _WORDS.get(sqlstate) or _FIXED.get(reason) or text,
        retry_after=_RETRY_AFTER.get(reason),
        outcome=None if reason is Reason.DATABASE_UNAVAILABLE else Outcome.ROLLED_BACK,
        # RAISE may give a state of the server's own any text.
        cause=type(error).__name__ if reason is Reason.DATABASE_UNAVAILABLE else "",
        sqlstate=sqlstate,
        limit="statement_timeout" if reason is Reason.STATEMENT_TIMEOUT else None,
        constraint=error.constraint_name,
        hint=hint or None,
        position=error.position if told_position else None,
        **(_missing(reason, text) or {"table": error.table_name, "column": error.column_name}),
    )


def _missing(reason: Reason, text: str) -> dict[str, str | None]:
    """What is not there, which stands in the server's words alone; a name that may be a value is masked there."""
    pattern = _MISSING.get(reason)
    match = pattern.search(text) if pattern is not None else None
    if match is None or "…" in text:
        return {}
    found = {key: name for key, name in match.groupdict().items() if name is not None}
    if "bare" in found:
        return {"column": found["bare"]}
    if "of_table" in found:
        return apart({"column": found["of_table"]})
    return apart(found) if reason is Reason.UNKNOWN_TABLE else dict(found)
