"""What SQLite tells of a statement without running it.

`EXPLAIN` compiles it, and its answer is the program: how many columns a row has, and whether a transaction is opened
to write. The columns' names are only in the compiled statement, which Python's sqlite3 keeps to itself until it has
run. So of what reads, a statement is run that differs in its end only, LIMIT 0. Mostly it is over in ten steps; what
SQLite computes before it looks at the limit (a CTE that is used twice) ends at a thousand.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing

from rowgate_server.engines.description import Description, ParameterType
from rowgate_server.engines.dialects.sqlite import errors
from rowgate_server.engines.results import Column
from rowgate_server.engines.values import ValueType

# It matches everywhere, so it never goes back into a comment.
_KEYWORD = re.compile(r"(?:\s+|--[^\n]*|/\*.*?\*/)*([A-Z]*)", re.IGNORECASE | re.DOTALL)
_READING = frozenset({"SELECT", "VALUES", "WITH"})
# Programs of others, such as ALTER, have rows for SQLite's own use.
_GIVING_ROWS = _READING | {"DELETE", "INSERT", "PRAGMA", "REPLACE", "UPDATE"}
# Beside the transaction, what changes the file or its connection.
_CHANGES = frozenset({"AutoCommit", "Checkpoint", "JournalMode", "Savepoint", "Vacuum"})
_PROGRAM_WIDTH = 8
_SETS_ROWID, _IS_UPDATE = 0x20, 0x04
"""Flags of Insert: it is an INSERT's last step; it is an UPDATE's, and an upsert's."""

_LIMIT = re.compile(r"\bLIMIT\b", re.IGNORECASE)
_MOST_LIMITS = 4
_MOST_STEPS = 1000


def describe(connection: sqlite3.Connection, fragments: Sequence[str]) -> Description:
    """The columns of a statement's result, and whether it writes; a placeholder stands between two fragments."""
    sql, placeholders = "?".join(fragments), len(fragments) - 1
    program = _compile(connection, sql, placeholders)
    keyword = keyword_of(sql)
    writes = any(code in _CHANGES or (code == "Transaction" and second > 0) for code, second in program)
    rows = (second for code, second in program if code == "ResultRow" and keyword in _GIVING_ROWS)
    width = max(rows, default=0)
    names = _names(connection, fragments) if width and not writes and keyword in _READING else []
    if not names and keyword == "VALUES":
        names = [f"column{number}" for number in range(1, width + 1)]
    if len(names) != width:
        names = [""] * width
    return Description(
        columns=tuple(Column(name, ValueType.DYNAMIC) for name in names),
        parameters=(ParameterType(),) * placeholders,
        writes=writes,
    )


def only_inserts(connection: sqlite3.Connection, fragments: Sequence[str]) -> bool:
    """Whether all rows that a statement changes itself, not by triggers, are new ones and have rowids."""
    inserts = updates = False
    for code, first, flags in _own_steps(connection, "?".join(fragments), len(fragments) - 1):
        if code == "Insert":
            inserts = inserts or bool(flags & _SETS_ROWID)
            updates = updates or bool(flags & _IS_UPDATE)
        elif code == "VUpdate":
            inserts = inserts or first == 1
    return inserts and not updates


def _own_steps(connection: sqlite3.Connection, sql: str, placeholders: int) -> Iterator[tuple[str, int, int]]:
    """What is done, the first operand and the flags; the programs of triggers stand behind the statement's own."""
    for expected, step in enumerate(connection.execute(f"EXPLAIN {sql}", [None] * placeholders)):
        if step[0] != expected:
            break
        yield step[1], step[2], step[6]


def keyword_of(sql: str) -> str:
    """The first word, in capitals."""
    match = _KEYWORD.match(sql)
    return match[1].upper() if match is not None else ""


def _compile(connection: sqlite3.Connection, sql: str, placeholders: int) -> list[tuple[str, int]]:
    """The program, step by step: what is done, and the second operand."""
    # Closed on this thread, as the session's own cursors are.
    with closing(connection.execute(f"EXPLAIN {sql}", [None] * placeholders)) as cursor:
        if len(cursor.description) != _PROGRAM_WIDTH:
            # `QUERY PLAN SELECT ...` is no statement, but the rest of one.
            raise sqlite3.OperationalError("syntax error: the statement is the rest of an EXPLAIN")
        return [(step[1], step[3]) for step in cursor]


def _names(connection: sqlite3.Connection, fragments: Sequence[str]) -> list[str]:
    """The names of the columns; empty if they can't be told, or not in the few steps that it takes.

    The statement is known to compile. LIMIT is a reserved word, so LIMIT 0 behind the whole of it can only be the
    limit of the whole. It can't be behind a LIMIT; then it takes the place of one.
    """
    names = _names_of(connection, "?".join(fragments) + "\nLIMIT 0", len(fragments) - 1)
    places = [(index, found.start()) for index, text in enumerate(fragments) for found in _LIMIT.finditer(text)]
    for index, at in reversed(places[-_MOST_LIMITS:]):
        if names:
            break
        before = "?".join([*fragments[:index], fragments[index][:at]])
        if not _ends_in_a_comment(connection, before, index):
            # Nor was a literal, a quoted name or a parenthesis still open there: it would not have been closed.
            names = _names_of(connection, f"{before}LIMIT 0", index)
    return names


def _names_of(connection: sqlite3.Connection, sql: str, placeholders: int) -> list[str]:
    connection.set_progress_handler(lambda: True, _MOST_STEPS)
    try:
        return [column[0] for column in connection.execute(sql, [None] * placeholders).description]
    except sqlite3.OperationalError as error:
        if errors.is_locked(error):
            raise
        return []
    finally:
        connection.set_progress_handler(None, _MOST_STEPS)


def _ends_in_a_comment(connection: sqlite3.Connection, sql: str, placeholders: int) -> bool:
    """Whether a parenthesis behind it, where none is open, is not seen as the mistake that it is anywhere else."""
    try:
        connection.execute(f"EXPLAIN {sql})", [None] * placeholders)
    except sqlite3.OperationalError as error:
        if errors.is_locked(error):
            raise
        return False
    return True
