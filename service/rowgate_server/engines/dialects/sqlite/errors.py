"""What SQLite's result codes mean.

Codes: https://www.sqlite.org/rescode.html
"""

from __future__ import annotations

import re
import sqlite3

from rowgate_server.engines.dialects.names import apart
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.causes import in_a_line

_EXTENDED: dict[str, Reason] = {
    "SQLITE_CONSTRAINT_UNIQUE": Reason.DUPLICATE_KEY,
    "SQLITE_CONSTRAINT_PRIMARYKEY": Reason.DUPLICATE_KEY,
    "SQLITE_CONSTRAINT_ROWID": Reason.DUPLICATE_KEY,
    "SQLITE_CONSTRAINT_FOREIGNKEY": Reason.FOREIGN_KEY_VIOLATION,
    "SQLITE_CONSTRAINT_NOTNULL": Reason.NOT_NULL_VIOLATION,
    "SQLITE_CONSTRAINT_DATATYPE": Reason.VALUE_OUT_OF_RANGE,
}

# By the primary code, the extended code's first two words.
_PRIMARY: dict[str, Reason] = {
    "SQLITE_CONSTRAINT": Reason.CHECK_VIOLATION,
    "SQLITE_BUSY": Reason.LOCK_TIMEOUT,
    "SQLITE_LOCKED": Reason.LOCK_TIMEOUT,
    "SQLITE_READONLY": Reason.READ_ONLY,
    "SQLITE_INTERRUPT": Reason.QUERY_CANCELLED,
    "SQLITE_AUTH": Reason.PERMISSION_DENIED,
    "SQLITE_PERM": Reason.PERMISSION_DENIED,
    "SQLITE_TOOBIG": Reason.VALUE_OUT_OF_RANGE,
    "SQLITE_MISMATCH": Reason.VALUE_OUT_OF_RANGE,
    "SQLITE_CANTOPEN": Reason.DATABASE_UNAVAILABLE,
    "SQLITE_CORRUPT": Reason.DATABASE_UNAVAILABLE,
    "SQLITE_NOTADB": Reason.DATABASE_UNAVAILABLE,
    "SQLITE_IOERR": Reason.DATABASE_UNAVAILABLE,
    "SQLITE_FULL": Reason.DATABASE_UNAVAILABLE,
    "SQLITE_NOMEM": Reason.DATABASE_UNAVAILABLE,
}

# Where a message may quote a value, what it says of itself stands before: each matches from the start.
_BY_TEXT: tuple[tuple[re.Pattern[str], Reason], ...] = (
    (re.compile(r"(?:error in .+: )?no such (?:table|view|index): (?P<table>.+)"), Reason.UNKNOWN_TABLE),
    (re.compile(r"unknown database (?P<schema>.+)"), Reason.UNKNOWN_TABLE),
    (re.compile(r"(?:error in .+: )?no such column: (?P<column>.+)"), Reason.UNKNOWN_COLUMN),
    (re.compile(r"table (?P<table>.+) has no column named (?P<column>.+)"), Reason.UNKNOWN_COLUMN),
    (re.compile(r"cannot store .+ value in .+ column (?P<table>[^.]+)\.(?P<column>.+)"), Reason.VALUE_OUT_OF_RANGE),
    (re.compile(r"not authorized|access to .+ is prohibited"), Reason.PERMISSION_DENIED),
    (re.compile(r"You can only execute one statement at a time"), Reason.MULTIPLE_STATEMENTS),
    (re.compile(r"Incorrect number of bindings|too many SQL variables"), Reason.INVALID_PARAMETER),
    (re.compile(r"integer overflow|string or blob too big"), Reason.VALUE_OUT_OF_RANGE),
)

_MISSING = (Reason.UNKNOWN_TABLE, Reason.UNKNOWN_COLUMN)
"""Their names are qualified."""

_RESTRICTED = "FOREIGN KEY constraint failed"
"""ON DELETE RESTRICT is a trigger to SQLite, and its error is told as a trigger's."""
_FAILED = re.compile(
    r"(?P<kind>UNIQUE|NOT NULL|CHECK|FOREIGN KEY) constraint failed(?:: (?:index ')?(?P<what>[^']+)'?)?"
)
_QUALIFIED = re.compile(r"(?P<table>[^.]+)\.(?P<column>[^.,]+)\Z")

_FIXED: dict[Reason, str] = {
    Reason.LOCK_TIMEOUT: "a lock that was in the way was not let go in time",
    Reason.QUERY_CANCELLED: "the statement was cancelled in the database",
    Reason.PERMISSION_DENIED: "the gateway does not allow this on SQLite: it reaches files or settings",
    Reason.DATABASE_UNAVAILABLE: "the database file cannot be used",
    Reason.READ_ONLY: "the session, or the database, is read-only",
}

_WHO_LOCKS = "a writer keeps out other writers; without a write-ahead log, whoever reads keeps them out as well"

_CONSTRAINTS: dict[Reason, str] = {
    Reason.DUPLICATE_KEY: "a unique key already holds this value",
    Reason.FOREIGN_KEY_VIOLATION: "a foreign key does not allow this",
    Reason.NOT_NULL_VIOLATION: "a column that may not be NULL has no value",
    Reason.CHECK_VIOLATION: "a CHECK constraint does not hold",
}
"""Instead of SQLite's own words; a trigger's are its maker's."""

_ABOUT_THE_SQL = re.compile(r'near ".*": syntax error\Z|unrecognized token: ', re.DOTALL)
_QUOTED = re.compile(r"""(["']).*\1|["'].*""", re.DOTALL)

_RETRY_AFTER: dict[Reason, float] = {Reason.LOCK_TIMEOUT: 0.2, Reason.DATABASE_UNAVAILABLE: 1.0}


def translate(error: BaseException, *, has_parameters: bool) -> RowgateError | None:
    """The gateway's words for an error of sqlite3's; None for any other exception.

    Parameters are bound, so SQLite's words about the SQL hold no value of theirs; a function's words about its
    arguments may quote one.
    """
    if isinstance(error, OSError):
        return RowgateError(
            Reason.DATABASE_UNAVAILABLE,
            _FIXED[Reason.DATABASE_UNAVAILABLE],
            retry_after=1.0,
            cause=in_a_line(error),
        )
    if isinstance(error, (OverflowError, UnicodeEncodeError)):
        return RowgateError(Reason.VALUE_OUT_OF_RANGE, "a value does not fit where it should go")
    if not isinstance(error, sqlite3.Error):
        return None
    text = str(error)
    name = getattr(error, "sqlite_errorname", None) or ""
    if name == "unknown":  # to this Python
        name = ""
    reason, details = _reason(name, text)
    hint = _WHO_LOCKS if name.startswith("SQLITE_BUSY") else None
    if "Could not decode to UTF-8" in text:
        text, hint = "a TEXT cell of the result is not UTF-8", "select CAST(column AS BLOB)"
    return RowgateError(
        reason,
        _FIXED.get(reason) or _safe_text(reason, text, has_parameters=has_parameters),
        retry_after=_RETRY_AFTER.get(reason),
        outcome=None if reason is Reason.DATABASE_UNAVAILABLE else Outcome.ROLLED_BACK,
        vendor_code=name or None,
        cause=text if reason is Reason.DATABASE_UNAVAILABLE else "",
        hint=hint,
        **details,
    )


def is_locked(error: sqlite3.Error) -> bool:
    """Whether another connection has the file to itself at the moment."""
    return (getattr(error, "sqlite_errorname", None) or "").startswith("SQLITE_BUSY")


def is_broken(error: BaseException) -> bool:
    """Whether the file or the connection can no longer be trusted."""
    translated = translate(error, has_parameters=False)
    return translated is None or translated.reason is Reason.DATABASE_UNAVAILABLE


def _safe_text(reason: Reason, text: str, *, has_parameters: bool) -> str:
    if reason in _CONSTRAINTS and _FAILED.match(text):
        return _CONSTRAINTS[reason]
    if not has_parameters or reason is not Reason.INVALID_SQL or _ABOUT_THE_SQL.match(text):
        return text
    return _QUOTED.sub("'…'", text)


def _reason(name: str, text: str) -> tuple[Reason, dict[str, str | None]]:
    if name in _EXTENDED or name.startswith("SQLITE_CONSTRAINT"):
        if text == _RESTRICTED:
            return Reason.FOREIGN_KEY_VIOLATION, {}
        return _EXTENDED.get(name, Reason.CHECK_VIOLATION), _constraint(text)
    primary = "_".join(name.split("_")[:2])
    if primary in _PRIMARY:
        return _PRIMARY[primary], {}
    for pattern, reason in _BY_TEXT:
        match = pattern.match(text)
        if match is not None:
            found = match.groupdict()
            return reason, apart(found) if reason in _MISSING else dict(found)
    return Reason.INVALID_SQL, {}


def _constraint(text: str) -> dict[str, str | None]:
    match = _FAILED.search(text)
    if match is None or match["what"] is None:
        return {}
    qualified = _QUALIFIED.match(match["what"])
    if qualified is not None:
        return {"constraint": match["what"], **qualified.groupdict()}
    return {"constraint": match["what"]}
