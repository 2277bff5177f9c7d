"""What MySQL's and MariaDB's error numbers mean.

Numbers: https://mariadb.com/kb/en/mariadb-error-codes/ and the MySQL server error reference.
"""

from __future__ import annotations

import re
from typing import Any

from asyncmy import errors as driver_errors

from rowgate_server.engines.dialects.mysql.bounded import TooLongError
from rowgate_server.engines.dialects.mysql.columns import OtherCharacterSetError
from rowgate_server.engines.dialects.names import apart
from rowgate_server.engines.driver import PreparedError
from rowgate_server.engines.results import row_too_large
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.causes import in_a_line

_REASONS: dict[int, Reason] = {
    1022: Reason.DUPLICATE_KEY,
    1062: Reason.DUPLICATE_KEY,
    1169: Reason.DUPLICATE_KEY,
    1586: Reason.DUPLICATE_KEY,
    1216: Reason.FOREIGN_KEY_VIOLATION,
    1217: Reason.FOREIGN_KEY_VIOLATION,
    1451: Reason.FOREIGN_KEY_VIOLATION,
    1452: Reason.FOREIGN_KEY_VIOLATION,
    1048: Reason.NOT_NULL_VIOLATION,
    1364: Reason.NOT_NULL_VIOLATION,
    3819: Reason.CHECK_VIOLATION,
    4025: Reason.CHECK_VIOLATION,
    1054: Reason.UNKNOWN_COLUMN,
    1072: Reason.UNKNOWN_COLUMN,
    1049: Reason.UNKNOWN_TABLE,
    1051: Reason.UNKNOWN_TABLE,
    1109: Reason.UNKNOWN_TABLE,
    1146: Reason.UNKNOWN_TABLE,
    1264: Reason.VALUE_OUT_OF_RANGE,
    1265: Reason.VALUE_OUT_OF_RANGE,
    1292: Reason.VALUE_OUT_OF_RANGE,
    1366: Reason.VALUE_OUT_OF_RANGE,
    1406: Reason.VALUE_OUT_OF_RANGE,
    1411: Reason.VALUE_OUT_OF_RANGE,
    1416: Reason.VALUE_OUT_OF_RANGE,
    1525: Reason.VALUE_OUT_OF_RANGE,
    1690: Reason.VALUE_OUT_OF_RANGE,
    1213: Reason.DEADLOCK,
    1020: Reason.SERIALIZATION_FAILURE,
    1205: Reason.LOCK_TIMEOUT,
    3572: Reason.LOCK_TIMEOUT,
    1317: Reason.QUERY_CANCELLED,
    1399: Reason.INVALID_REQUEST,
    1969: Reason.STATEMENT_TIMEOUT,
    3024: Reason.STATEMENT_TIMEOUT,
    1290: Reason.READ_ONLY,
    1792: Reason.READ_ONLY,
    1836: Reason.READ_ONLY,
    1044: Reason.PERMISSION_DENIED,
    # A statement without the FILE privilege; a login that is refused fails in the pool, which says UNAVAILABLE.
    1045: Reason.PERMISSION_DENIED,
    1142: Reason.PERMISSION_DENIED,
    1143: Reason.PERMISSION_DENIED,
    1227: Reason.PERMISSION_DENIED,
    1370: Reason.PERMISSION_DENIED,
    1148: Reason.NOT_SUPPORTED,
    1178: Reason.NOT_SUPPORTED,
    1235: Reason.NOT_SUPPORTED,
    1295: Reason.NOT_SUPPORTED,
    4166: Reason.NOT_SUPPORTED,
    1153: Reason.VALUE_OUT_OF_RANGE,
    1021: Reason.DATABASE_UNAVAILABLE,
    1037: Reason.DATABASE_UNAVAILABLE,
    1040: Reason.DATABASE_UNAVAILABLE,
    1041: Reason.DATABASE_UNAVAILABLE,
    1047: Reason.DATABASE_UNAVAILABLE,
    1053: Reason.DATABASE_UNAVAILABLE,
    1077: Reason.DATABASE_UNAVAILABLE,
    1080: Reason.DATABASE_UNAVAILABLE,
    1129: Reason.DATABASE_UNAVAILABLE,
    1130: Reason.DATABASE_UNAVAILABLE,
    1152: Reason.DATABASE_UNAVAILABLE,
    1203: Reason.DATABASE_UNAVAILABLE,
    1226: Reason.DATABASE_UNAVAILABLE,
    1927: Reason.DATABASE_UNAVAILABLE,
}

_LIMITS = {1969: "max_statement_time", 3024: "max_execution_time"}
"""The variables that have decided; their values are not told."""

_CLIENT_ERRORS = range(2000, 3000)
"""Numbers that the driver makes up: the link, not the statement, is at fault."""

_LEFT_PREPARED = (
    "the statement prepared a distributed transaction and left it open: the database keeps it, with what it changed and"
    " the locks it holds, until XA COMMIT or XA ROLLBACK ends it; XA RECOVER lists it"
)
_XA_STATE = 1399
"""Not in this state of a distributed transaction (XAER_RMFAIL); a reset does not end each of them."""

# After these the server's side of the connection is gone or its state unknown, whatever the driver says.
_BREAKING = {1047, 1053, 1080, 1152, 1153, 1317, 1399, 1927}

# Where a message also quotes a value, the pattern holds on to the message's end: a value can say anything.
_KEY = re.compile(r"for key '(?P<constraint>[^']+)'\Z")
_FOREIGN_KEY = re.compile(r"\(`[^`]*`\.`(?P<table>[^`]+)`, CONSTRAINT `(?P<constraint>[^`]+)`")
_CHECK = re.compile(r"CONSTRAINT `(?P<constraint>[^`]+)` failed for `[^`]*`\.`(?P<table>[^`]+)`")
_CHECK_MYSQL = re.compile(r"Check constraint '(?P<constraint>[^']+)' is violated")
_COLUMN = re.compile(r"(?:[Cc]olumn|Field) '(?P<column>[^']+)'")
_COLUMN_AT_ROW = re.compile(r"for column '(?P<column>[^']+)' at row \d+\Z")
_TABLE = re.compile(r"[Tt]able '(?P<table>[^']+)'")
_COLUMN_BACKTICKED = re.compile(r"for column `[^`]*`\.`(?P<table>[^`]+)`\.`(?P<column>[^`]+)` at row \d+\Z")

_DETAILS: dict[Reason, tuple[re.Pattern[str], ...]] = {
    Reason.DUPLICATE_KEY: (_KEY,),
    Reason.FOREIGN_KEY_VIOLATION: (_FOREIGN_KEY,),
    Reason.CHECK_VIOLATION: (_CHECK, _CHECK_MYSQL),
    Reason.NOT_NULL_VIOLATION: (_COLUMN,),
    Reason.UNKNOWN_COLUMN: (_COLUMN,),
    Reason.UNKNOWN_TABLE: (_TABLE,),
    Reason.VALUE_OUT_OF_RANGE: (_COLUMN_BACKTICKED, _COLUMN_AT_ROW),
}

_MISSING = (Reason.UNKNOWN_TABLE, Reason.UNKNOWN_COLUMN)
"""Their names are qualified."""

_FIXED: dict[Reason, str] = {
    Reason.DUPLICATE_KEY: "a unique key already holds this value",
    Reason.FOREIGN_KEY_VIOLATION: "a foreign key does not allow this",
    Reason.NOT_NULL_VIOLATION: "a column that may not be NULL has no value",
    Reason.CHECK_VIOLATION: "a CHECK constraint does not hold",
    Reason.VALUE_OUT_OF_RANGE: "a value does not fit where it should go",
    Reason.DEADLOCK: "the database ended this statement to break a deadlock",
    Reason.SERIALIZATION_FAILURE: "the row was changed by another transaction",
    Reason.LOCK_TIMEOUT: "a lock was not granted in time",
    Reason.QUERY_CANCELLED: "the statement was cancelled in the database",
    Reason.STATEMENT_TIMEOUT: "the database's own limit on a statement's time was reached",
    Reason.READ_ONLY: "the session, or the database, is read-only",
    Reason.PERMISSION_DENIED: "the database does not allow this to the gateway's login",
    Reason.DATABASE_UNAVAILABLE: "the database cannot be reached, or the connection broke",
}

_NAMES_ONLY = {1049, 1051, 1054, 1072, 1109, 1146, 1235, 1295, 1305}
"""Errors whose quoted words are names, never values."""

_RETRY_AFTER: dict[Reason, float] = {
    Reason.DATABASE_UNAVAILABLE: 1.0,
    Reason.DEADLOCK: 0.05,
    Reason.SERIALIZATION_FAILURE: 0.05,
    Reason.LOCK_TIMEOUT: 0.5,
}

_NO_LETTER = "\N{REPLACEMENT CHARACTER}"
_LETTERS_LOST = "a statement has set another character set, or max_error_count, so the text has lost letters"

_NEAR = re.compile(r"near '.*' at line (\d+)\Z", re.DOTALL)
_QUOTED = re.compile(r"'.*", re.DOTALL)
"""From the first quote on: a value may hold quotes of its own, and the server may have cut it."""


class LeftPreparedError(driver_errors.InternalError):
    """A statement has prepared a distributed transaction, and left it to whoever ends it.

    Args:
        name: as XA COMMIT takes it; empty when it is not known.
    """

    def __init__(self, name: str) -> None:
        super().__init__(_XA_STATE, _LEFT_PREPARED)
        self.name = name


def is_prepared(error: driver_errors.MySQLError) -> bool:
    """Whether a command was refused because a distributed transaction is prepared.

    The name of the state is the same in all languages.
    """
    return is_of_xa(error) and "PREPARED" in _number_and_text(error)[1]


def is_of_xa(error: driver_errors.MySQLError) -> bool:
    """Whether a command was refused because of a distributed transaction, whatever its state."""
    return _number_and_text(error)[0] == _XA_STATE


def translate(error: BaseException, *, has_parameters: bool) -> RowgateError | None:
    """The gateway's words for an error of asyncmy's; None for any other exception."""
    if isinstance(error, (OSError, TimeoutError, EOFError)):
        return RowgateError(
            Reason.DATABASE_UNAVAILABLE,
            _FIXED[Reason.DATABASE_UNAVAILABLE],
            retry_after=1.0,
            cause=in_a_line(error),
        )
    if isinstance(error, (UnicodeDecodeError, OtherCharacterSetError)):
        return RowgateError(
            Reason.NOT_SUPPORTED,
            "the database's answer is not in UTF-8: the statement, or one before it, has set another character set",
            outcome=Outcome.UNKNOWN,
            hint="leave SET NAMES and character_set_results alone; CONVERT(... USING ...) changes a single value",
        )
    if isinstance(error, LeftPreparedError):
        return PreparedError(_LEFT_PREPARED, error.name, str(_XA_STATE)).told(has_parameters=has_parameters)
    if isinstance(error, TooLongError):
        return row_too_large(f"{error.most} bytes in a message")
    if not isinstance(error, driver_errors.Error):
        return None
    number, text = _number_and_text(error)
    reason = _reason(number, error)
    return RowgateError(
        reason,
        _FIXED.get(reason) or _safe_text(number, text, has_parameters=has_parameters),
        retry_after=_RETRY_AFTER.get(reason),
        # What the executor knows of a lost connection is how far the statement had come; any other error undid it.
        outcome=None if reason is Reason.DATABASE_UNAVAILABLE else _outcome(number),
        sqlstate=str(error.sqlstate) if error.sqlstate else None,
        vendor_code=str(number) if number else None,
        # SIGNAL may give a number of the server's own any text.
        cause=in_a_line(error) if number == 0 or number in _CLIENT_ERRORS else "",
        limit=_LIMITS.get(number),
        hint=_LETTERS_LOST if _NO_LETTER in text and reason not in _FIXED else None,
        **_details(reason, text),
    )


def _outcome(number: int) -> Outcome:
    return Outcome.UNKNOWN if number == _XA_STATE else Outcome.ROLLED_BACK


def is_broken(error: BaseException) -> bool:
    """Whether the connection is gone, or in a state that nobody can know."""
    if not isinstance(error, driver_errors.Error):
        return True
    number, _ = _number_and_text(error)
    return number == 0 or number in _CLIENT_ERRORS or number in _BREAKING or isinstance(error, _NOT_FROM_THE_SERVER)


_NOT_FROM_THE_SERVER = (driver_errors.InterfaceError,)


def _number_and_text(error: BaseException) -> tuple[int, str]:
    arguments: tuple[Any, ...] = error.args
    number = arguments[0] if arguments and isinstance(arguments[0], int) else 0
    return number, str(arguments[1]) if len(arguments) > 1 else ""


def _reason(number: int, error: BaseException) -> Reason:
    if number in _REASONS:
        return _REASONS[number]
    if number == 0 or number in _CLIENT_ERRORS or isinstance(error, _NOT_FROM_THE_SERVER):
        return Reason.DATABASE_UNAVAILABLE
    return Reason.INVALID_SQL


def _details(reason: Reason, text: str) -> dict[str, str | None]:
    for pattern in _DETAILS.get(reason, ()):
        match = pattern.search(text)
        if match is not None:
            found = match.groupdict()
            return apart(found) if reason in _MISSING else dict(found)
    return {}


def _safe_text(number: int, text: str, *, has_parameters: bool) -> str:
    """The database's words, without what may be a parameter's value: literals are written into the SQL."""
    words = text.replace("; check the manual that corresponds to your MariaDB server version for the right syntax", "")
    words = words.replace("; check the manual that corresponds to your MySQL server version for the right syntax", "")
    if has_parameters and number not in _NAMES_ONLY:
        words = _NEAR.sub(r"at line \1", words)
        words = _QUOTED.sub("'…'", words)
    return words.replace("to use near", "near").replace("to use at line", "at line") or "the database refused the SQL"
