"""What SQLAlchemy's reflection leaves out of a SQLite table, or guesses: told by SQLite's own pragmas.

SQLAlchemy gives affinities for declared types, takes every integer key for the row's number, passes over indexes of
expressions, and finds actions and unique constraints by patterns that not every CREATE TABLE matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from rowgate_server.core.tables import (
    ForeignKey,
    Index,
    IndexPart,
    Key,
    ReferentialAction,
    Table,
    TableColumn,
    TableKind,
)

_OF_A_COLUMN = 0
"""Column numbers from here up are columns of the table; -1 is the row's number, -2 an expression."""

# Whole literals, quoted names and comments, so that a parenthesis or comma on its own is one of the statement's.
_PIECE = re.compile(
    r"""'(?:[^']|'')*+'|"(?:[^"]|"")*+"|`(?:[^`]|``)*+`|\[[^\]]*+\]"""
    r"""|--[^\n]*+|/\*.*?(?:\*/|\Z)|[(),]|[^'"`\[(),/-]++|.""",
    re.DOTALL,
)
_ORDER = re.compile(r"(?:\s+collate\s+\S+)?(?:\s+(?:asc|desc))?\s*\Z", re.IGNORECASE)
_SORTED_BY = re.compile(r"k\(1,-?(?:N\.)?([^)]*)\)")
_ALWAYS = re.compile(r"\s*generated\s+always\s*\Z", re.IGNORECASE)


def completed(table: Table, connection: Connection) -> Table:
    """The table, with what SQLite itself says of it."""
    pragmas = _Pragmas(connection, table.schema)
    indexes = pragmas.indexes(table.name)
    names = {key.columns: key.name for key in table.unique_constraints}
    unique = [pragmas.constrained(index.name) for index in indexes if index.origin == "u"]
    return replace(
        table,
        columns=_columns(table, pragmas, _rowid(table, indexes)),
        foreign_keys=_foreign_keys(table, pragmas),
        unique_constraints=tuple(
            sorted((Key(names.get(columns, ""), columns) for columns in unique), key=lambda key: key.name)
        ),
        indexes=tuple(
            Index(index.name, pragmas.parts(index.name), unique=index.unique, partial=index.partial)
            for index in sorted(indexes, key=lambda index: index.name)
            if index.origin == "c"
        ),
        untold=_untold(table, pragmas, [index for index in indexes if index.unique and not index.partial]),
    )


@dataclass(frozen=True, slots=True)
class _Listed:
    """A line of `index_list`. `origin` is c for CREATE INDEX, u for UNIQUE, pk for PRIMARY KEY."""

    name: str
    origin: str
    unique: bool
    partial: bool


class _Pragmas:
    """Asks the pragmas about one schema; as functions of a query, which take names as parameters."""

    def __init__(self, connection: Connection, schema: str) -> None:
        self._connection = connection
        self._schema = schema

    def columns(self, table: str) -> dict[str, str]:
        """The declared type of every column."""
        found = self._ask("SELECT name, type FROM pragma_table_xinfo(?, ?) ORDER BY cid", table)
        return {name: _ALWAYS.sub("", declared).lower() for name, declared in found}

    def indexes(self, table: str) -> list[_Listed]:
        """Every index, those that stand behind a constraint too."""
        found = self._ask('SELECT name, origin, "unique", partial FROM pragma_index_list(?, ?)', table)
        return [_Listed(name, origin, bool(unique), bool(partial)) for name, origin, unique, partial in found]

    def constrained(self, index: str) -> tuple[str, ...]:
        """The columns of a constraint's index."""
        return tuple(name for (name,) in self._ask("SELECT name FROM pragma_index_info(?, ?) ORDER BY seqno", index))

    def collated(self, index: str) -> list[tuple[str, str]]:
        """The columns of an index, each with the collation that it is kept by; an expression has no name."""
        found = self._ask("SELECT name, coll FROM pragma_index_xinfo(?, ?) WHERE key ORDER BY seqno", index)
        return [(name or "", collation.upper()) for name, collation in found]

    def collation(self, table: str, column: str) -> str:
        """What a column is compared by, which no pragma tells: a program that sorts by it does (BINARY is B there)."""
        schema, table, column = ('"' + name.replace('"', '""') + '"' for name in (self._schema, table, column))
        query = f"EXPLAIN SELECT 1 FROM {schema}.{table} ORDER BY +{column}"  # noqa: S608 - quoted
        try:
            program = list(self._connection.exec_driver_sql(query))
        except OperationalError:  # a collation that is not known here
            return ""
        found = next((match for row in program if (match := _SORTED_BY.match(str(row[5])))), None)
        name = found[1].upper() if found else ""
        return "BINARY" if name == "B" else name

    def parts(self, index: str) -> tuple[IndexPart, ...]:
        """The columns and expressions of an index."""
        found = self._ask('SELECT cid, name, "desc" FROM pragma_index_xinfo(?, ?) WHERE key ORDER BY seqno', index)
        texts = [_ORDER.sub("", text) for text in _members(_inside(self.text(index)))]
        return tuple(
            IndexPart(name if cid >= _OF_A_COLUMN else text, expression=cid < _OF_A_COLUMN, descending=bool(descending))
            for (cid, name, descending), text in zip(found, texts, strict=True)
        )

    def actions(self, table: str) -> dict[tuple[tuple[str, ...], str], tuple[str, str]]:
        """ON DELETE and ON UPDATE, by the referring columns and the table referred to."""
        found = self._ask('SELECT id, "table", "from", on_delete, on_update FROM pragma_foreign_key_list(?, ?)', table)
        keys: dict[int, tuple[list[str], str, tuple[str, str]]] = {}
        for number, referred, column, on_delete, on_update in found:
            keys.setdefault(number, ([], referred, (on_delete, on_update)))[0].append(column)
        return {(tuple(columns), referred): actions for columns, referred, actions in keys.values()}

    def text(self, name: str) -> str:
        """The CREATE statement of a table, view or index; empty for what has none."""
        schema = '"' + self._schema.replace('"', '""') + '"'
        found = self._connection.exec_driver_sql(f"SELECT sql FROM {schema}.sqlite_master WHERE name = ?", (name,))  # noqa: S608 - quoted
        return found.scalar() or ""

    def _ask(self, query: str, name: str) -> list[Any]:
        return list(self._connection.exec_driver_sql(query, (name, self._schema)))


def _columns(table: Table, pragmas: _Pragmas, rowid: str | None) -> tuple[TableColumn, ...]:
    declared = pragmas.columns(table.name)
    generated = any(column.generated for column in table.columns)
    definitions = dict(zip(declared, _members(_inside(pragmas.text(table.name))), strict=False)) if generated else {}
    return tuple(
        replace(
            column,
            database_type=declared[column.name],
            nullable=column.nullable and column.name != rowid,
            autoincrement=column.name == rowid,
            generation_expression=_inside(definitions[column.name], after="as") if column.generated else "",
        )
        for column in table.columns
    )


def _untold(table: Table, pragmas: _Pragmas, indexes: list[_Listed]) -> frozenset[tuple[str, ...]]:
    """The columns of unique indexes that are all kept by other collations than their columns'."""
    told: dict[tuple[str, ...], bool] = {}
    for index in indexes:
        parts = pragmas.collated(index.name)
        columns = tuple(name for name, _ in parts)
        if all(columns) and not told.get(columns):
            told[columns] = all(pragmas.collation(table.name, name) == collation for name, collation in parts)
    return frozenset(columns for columns, same in told.items() if not same)


def _rowid(table: Table, indexes: list[_Listed]) -> str | None:
    """The column that is the row's own number, never NULL and counted up: a key of one column without an index."""
    if table.kind is TableKind.VIEW or table.primary_key is None or any(index.origin == "pk" for index in indexes):
        return None
    columns = table.primary_key.columns
    return columns[0] if len(columns) == 1 else None


def _foreign_keys(table: Table, pragmas: _Pragmas) -> tuple[ForeignKey, ...]:
    actions = pragmas.actions(table.name)
    keys = []
    for key in table.foreign_keys:
        on_delete, on_update = actions[key.columns, key.referred_table]
        keys.append(
            replace(key, on_delete=ReferentialAction.named(on_delete), on_update=ReferentialAction.named(on_update))
        )
    return tuple(keys)


def _inside(text: str, after: str = "") -> str:
    """What stands in the first parentheses, or in the first that come after a word."""
    outside, inside, depth = "", "", 0
    wanted = re.compile(rf"\b{after}\s*\Z", re.IGNORECASE) if after else re.compile("")
    taking = False
    for piece in _pieces(text):
        depth -= piece == ")"
        if taking and not depth:
            break
        if taking:
            inside += piece
        elif not depth:
            outside += piece
        if piece == "(":
            taking = taking or (not depth and wanted.search(outside.removesuffix("(")) is not None)
            depth += 1
    return inside.strip()


def _members(text: str) -> list[str]:
    """A list's members: what stands between commas that are in no parentheses."""
    members, depth = [""], 0
    for piece in _pieces(text):
        depth += (piece == "(") - (piece == ")")
        if piece == "," and not depth:
            members.append("")
        else:
            members[-1] += piece
    return [member.strip() for member in members]


def _pieces(text: str) -> Iterator[str]:
    for match in _PIECE.finditer(text):
        if not match[0].startswith(("--", "/*")):
            yield match[0]
