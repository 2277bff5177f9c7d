"""What a column's texts are compared by: as its engine calls it, or what tells the same apart on another engine."""

from __future__ import annotations

import re

from rowgate_server.core.ddl.checking import invalid
from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.core.ddl.kinds import Family, kind_of
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_TEXTS = frozenset({Family.CHAR, Family.VARCHAR, Family.TEXT, Family.ENUM})
_WORD = re.compile(r"\w+\Z", re.ASCII)
_QUOTED = re.compile(r'"(?:[^"]|"")+"(?:\.(?:\w+|"(?:[^"]|"")+"))?\Z')
_EXACT_OF_POSTGRESQL = re.compile(r"(?:|default|C|POSIX|ucs_basic|[a-z]{2,3}(?:_[A-Z]{2})?(?:[.@].*)?|[\w-]+-x-icu)\Z")
"""A database's own collations; of one that somebody has made it is not known."""


def is_exact(name: str, source: Dialect) -> bool:
    """Whether it tells apart texts that differ in a letter's case or accent; one that is not told does."""
    if source is Dialect.MYSQL:
        return not name or name.endswith(("_bin", "_cs")) or name == "binary"
    if source is Dialect.SQLITE:
        return name.upper() in ("", "BINARY")
    return _EXACT_OF_POSTGRESQL.match(name) is not None


def collate(column: TableColumn, source: Dialect, target: Dialect, field: str, *, mariadb: bool) -> str:
    """The COLLATE behind a column's type; empty for what the engine does by itself.

    Args:
        column: whose texts they are.
        source: the engine that the description is of.
        target: the engine that it is written for.
        field: where the description has the collation.
        mariadb: whether it is MariaDB that is called MySQL.

    Raises:
        RowgateError: INVALID_REQUEST for what is no name.
    """
    if source is target:
        return f" COLLATE {named(column.collation, target, field)}" if column.collation else ""
    kind = kind_of(column, source)
    # MySQL's own collations take letters of another case for the same; the other engines' don't.
    if target is not Dialect.MYSQL or kind is None or kind.family not in _TEXTS:
        return ""
    if not is_exact(column.collation, source):
        return ""
    # The blanks at the end of a CHAR count nowhere.
    return f" COLLATE {'utf8mb4_bin' if kind.fixed else 'utf8mb4_nopad_bin' if mariadb else 'utf8mb4_0900_bin'}"


def named(name: str, target: Dialect, field: str) -> str:
    """A collation of the engine's own, as SQL has it; one in quotes may be told with its schema.

    Raises:
        RowgateError: INVALID_REQUEST for what is no name.
    """
    known = _WORD if target is Dialect.MYSQL else _QUOTED if name.startswith('"') else None
    if known is not None and not known.match(name):
        raise invalid("this is no name of a collation", field)
    return quoted(name, target) if known is None else name


def check_keyed(column: TableColumn, source: Dialect, target: Dialect, field: str) -> None:
    """Refuse a column of a key that would tell other texts apart on another engine.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    if source is target or is_exact(column.collation, source):
        return
    raise RowgateError(
        Reason.NOT_SUPPORTED,
        "a key compares the column's texts by a collation that the other engine does not have",
        field=field,
        outcome=Outcome.NOT_RUN,
        column=column.name,
        hint="leave the collation out to have them compared as that engine does, letter by letter",
    )
