"""What to use instead of SQL that is refused for what it may do to transactions."""

from __future__ import annotations

from itertools import islice

from rowgate_server.core.sqltext import ParsedStatement
from rowgate_server.core.sqltext.effects import Effect, effect_of
from rowgate_server.core.sqltext.words import words
from rowgate_server.engines.dialects import Dialect

_BY_REQUEST = (
    "use Transact and its requests begin, commit, rollback, savepoint, rollback_to and release, or ExecuteBatch; each "
    "other call is a transaction of its own"
)
_OPTIONS = "Transact's begin takes isolation, read_only and lock_timeout; each other call is a transaction of its own"
_OUTSIDE = "run it by ExecuteQuery, before the transaction or after it"
_ROWS = "lock rows, by SELECT ... FOR UPDATE within Transact"
_SESSION = "a backup takes a session of its own, and no call keeps one: use the database's own client"
_ADVISORY = f"{_ROWS}, or what you like by pg_advisory_xact_lock"
_ALONE = "Transact is a transaction in one database; none reaches over several calls or databases"
_PREPARED = "send the statement itself, with its values as parameters"
_ITSELF = "send its statements themselves, one by one"
_PROFILE = "ExecuteQuery with the mode PROFILE tells what a statement costs"

_OF_CONTROL = {
    "LOCK": _ROWS,
    "UNLOCK": _ROWS,
    "FLUSH": _ROWS,
    "BACKUP": _SESSION,
    "XA": _ALONE,
    "PREPARE": _ALONE,
    "SET": _OPTIONS,
}
_OF_HIDDEN = {
    **dict.fromkeys(("PREPARE", "EXECUTE"), _PREPARED),
    **dict.fromkeys(("BEGIN", "IF", "CASE", "LOOP", "WHILE", "REPEAT", "FOR"), _ITSELF),
    "ANALYZE": _PROFILE,
}


def instead_of(statement: ParsedStatement) -> str:
    """What to use instead, as an error's hint."""
    keyword, effect = statement.keyword, effect_of(statement)
    if keyword == "SET" and list(islice(words(statement), 1, 2)) == ["STATEMENT"]:
        return "leave SET STATEMENT out: limits are options of the request, options.timeout among them"
    if effect is Effect.CONTROLS:
        if keyword == "LOCK" and statement.dialect is Dialect.POSTGRESQL:
            return _ADVISORY
        return _OF_CONTROL.get(keyword, _BY_REQUEST)
    return _OF_HIDDEN.get(keyword, _OUTSIDE) if effect is Effect.HIDES else _OUTSIDE
