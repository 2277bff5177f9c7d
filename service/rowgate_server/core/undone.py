"""Whether a statement that failed by itself left nothing behind.

Of one that stands in a transaction the engine tells. By itself it may do several things that are each committed (a
CALL), be none that is undone whole (see `atomic`), or change a table whose storage engine has no transactions: of that
MySQL and MariaDB say nothing, so they are asked what the tables are. Only errors pay for it. What PostgreSQL has not
even prepared has done nothing, whatever it is.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from rowgate_server.core.atomic import is_undone_whole
from rowgate_server.core.sqltext import ParsedStatement
from rowgate_server.core.sqltext.effects import Effect, effect_of
from rowgate_server.core.sqltext.targets import targets
from rowgate_server.core.sqltext.words import words
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.ids import new_id

_BEFORE_IT_RUNS = frozenset({
    *(Reason.READ_ONLY, Reason.MULTIPLE_STATEMENTS, Reason.NOT_SUPPORTED, Reason.INVALID_PARAMETER),
})  # fmt: skip
_OF_NAMES = frozenset({Reason.UNKNOWN_TABLE, Reason.UNKNOWN_COLUMN, Reason.PERMISSION_DENIED})
"""Before it runs, as a rule: a trigger or a function may have such an error too, behind rows that it has changed."""
_SYNTAX_ERROR, _NUMBER_OF_VALUES = "1064", "1136"
"""Of MySQL's errors that are INVALID_SQL; the latter is one like those of names."""
_MAY_COMMIT = re.compile(r"\b(?:commit|rollback|call|execute)\b", re.IGNORECASE)
_OPENING = (
    "(SELECT e.TRANSACTIONS FROM information_schema.TABLES t"
    " LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = "
)
"""Of a view it is NULL."""
_BETWEEN, _CLOSING = " AND t.TABLE_NAME = ", ")"


async def look(database: Database, statement: ParsedStatement, error: RowgateError, deadline: Deadline) -> None:
    """Where an error says that what the caller's statement did is undone, see whether it is."""
    if error.outcome != Outcome.ROLLED_BACK or error.refused or database.dialect is Dialect.SQLITE:
        return
    effect = effect_of(statement)
    if effect is Effect.HIDES:
        undone = statement.keyword == "DO" and not _MAY_COMMIT.search(statement.sql)
    elif database.dialect is not Dialect.MYSQL:
        undone = is_undone_whole(statement)
    elif effect is Effect.WRITES:
        undone = _never_ran(error) or await _undone_in(database, statement, error, deadline)
    else:
        # Of one that reads, its session has told.
        undone = effect is Effect.READS or _was_refused(error, effect, statement) or is_undone_whole(statement)
    if not undone:
        error.metadata["outcome"] = Outcome.UNKNOWN.value


async def have_transactions(
    database: Database, names: Sequence[tuple[str, str]], deadline: Deadline, *, missing: bool = False
) -> bool:
    """Whether those of the names that are tables of MySQL's have transactions: at least one, and no view.

    Args:
        database: where; any of its connections will do.
        names: each of a schema, or "" for the default one, and a table.
        deadline: when it must be told; False where it is not.
        missing: there need not be one.
    """
    if not names:
        return False
    default = database.availability.facts.default_schema
    texts = [text for schema, name in names for text in (schema or default, name)]
    fragments = [_OPENING, *[_BETWEEN, f"{_CLOSING} UNION ALL {_OPENING}"] * len(names)]
    fragments[-1] = _CLOSING
    statement = BoundStatement(tuple(fragments), tuple(BoundValue(ValueType.STRING, text) for text in texts))
    try:
        result = await database.executor.run(
            Call(statement=statement, deadline=deadline, limits=ResultLimits(), query_id=new_id(), reads=True)
        )
    except RowgateError:
        return False
    return (missing or bool(result.rows)) and all(row[0] == "YES" for row in result.rows)


def _was_refused(error: RowgateError, effect: Effect, statement: ParsedStatement) -> bool:
    """Whether it was for its syntax, or for want of a permission, which MySQL looks for before it changes tables.

    A permission may also be wanting for what a function does, which a SELECT within it may call.
    """
    if error.reason is Reason.PERMISSION_DENIED:
        return effect is Effect.COMMITS and "SELECT" not in words(statement)
    return error.metadata.get("vendor_code") == _SYNTAX_ERROR


async def _undone_in(database: Database, statement: ParsedStatement, error: RowgateError, deadline: Deadline) -> bool:
    """Whether the tables that a write names are all such as undo it; of an error of names, those that are there."""
    names = targets(statement)
    if names is None:
        return False
    of_names = error.reason in _OF_NAMES or error.metadata.get("vendor_code") == _NUMBER_OF_VALUES
    return await have_transactions(database, names, deadline, missing=of_names)


def _never_ran(error: RowgateError) -> bool:
    return error.reason in _BEFORE_IT_RUNS or error.metadata.get("vendor_code") == _SYNTAX_ERROR
