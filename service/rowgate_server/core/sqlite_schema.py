"""What SQLAlchemy's reflection leaves out of a SQLite table, or guesses: told by SQLite's own pragmas.

SQLAlchemy gives affinities for declared types, takes every integer key for the row's number, passes over indexes of
expressions, and finds actions and unique constraints by patterns that not every CREATE TABLE matches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection, select, sql
from sqlalchemy.exc import OperationalError

from rowgate_server.core.ddl.expressions import quoted, unquoted
from rowgate_server.core.sqlite_text import ColumnWords, TableWords, index_words, table_words
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
from rowgate_server.engines.dialects import Dialect

_OF_A_COLUMN = 0
"""Column numbers from here up are columns of the table; -1 is the row's number, -2 an expression."""

_SORTING = "EXPLAIN SELECT 1 FROM {schema}.{table} ORDER BY +{column}"
_SORTED_BY = re.compile(r"k\(1,-?(?:N\.)?([^)]*)\)")
_A_NAME = re.compile(r'(?:[^\W\d]\w*|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])\Z')
_NO_NAMES = frozenset({"NULL", "TRUE", "FALSE", "CURRENT_TIMESTAMP", "CURRENT_DATE", "CURRENT_TIME"})
_ALWAYS = re.compile(r"\s*generated\s+always\s*\Z", re.IGNORECASE)


def completed(table: Table, connection: Connection, *, whole: bool) -> Table:
    """The table, with what SQLite itself says of it: all of it, or what its rows are written by."""
    pragmas = _Pragmas(connection, table.schema)
    indexes = pragmas.indexes(table.name)
    written = table_words(pragmas.text(table.name)) if whole and table.kind is TableKind.TABLE else TableWords()
    names = {_folded(columns): name for name, columns in written.unique}
    unique = [pragmas.constrained(index.name) for index in indexes if index.origin == "u"]
    collations = {column.name: column.collation.upper() or "BINARY" for column in written.columns}
    primary = table.primary_key
    return replace(
        table,
        columns=_columns(table, pragmas, _rowid(table, indexes), written),
        primary_key=primary and replace(primary, name=written.primary_name),
        foreign_keys=_foreign_keys(table, pragmas, written) if whole else (),
        unique_constraints=tuple(
            sorted((Key(names.get(_folded(columns), ""), columns) for columns in unique), key=_in_order)
        ),
        indexes=tuple(
            _index(index, pragmas, collations)
            for index in sorted(indexes, key=lambda index: index.name)
            if index.origin == "c"
        ),
        checks=tuple(sorted(written.checks, key=lambda check: check.name)),
        untold=_untold(table, pragmas, [index for index in indexes if index.unique and not index.partial]),
        options=tuple(written.options),
        besides=(*written.besides, *(pragmas.triggers(table.name) if whole else ())),
    )


def _in_order(key: Key | ForeignKey) -> tuple[str, tuple[str, ...]]:
    """Those without a name too, whatever the order that they were made in."""
    return key.name, key.columns


def _folded(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name.lower() for name in names)


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
        self._master = sql.table("sqlite_master", *map(sql.column, ("type", "name", "tbl_name", "sql")), schema=schema)

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

    def collation(self, table: str, column: str) -> str:
        """What a column is compared by, which no pragma tells: a program that sorts by it does (BINARY is B there)."""
        names = {"schema": self._schema, "table": table, "column": column}
        query = _SORTING.format_map({key: quoted(name, Dialect.SQLITE) for key, name in names.items()})
        try:
            program = list(self._connection.exec_driver_sql(query))
        except OperationalError:  # a collation that is not known here
            return ""
        found = next((match for row in program if (match := _SORTED_BY.match(str(row[5])))), None)
        name = found[1].upper() if found else ""
        return "BINARY" if name == "B" else name

    def parts(self, index: str) -> list[tuple[int, str | None, bool, str]]:
        """Each part of an index: its column's number and name, its direction, what it is kept by.

        An expression has no name.
        """
        query = 'SELECT cid, name, "desc", coll FROM pragma_index_xinfo(?, ?) WHERE key ORDER BY seqno'
        return [(cid, name, bool(downwards), kept.upper()) for cid, name, downwards, kept in self._ask(query, index)]

    def triggers(self, table: str) -> tuple[str, ...]:
        """Each of a table's, in its own words."""
        master = self._master.c
        of_table = master.type == "trigger", master.tbl_name.collate("NOCASE") == table
        return tuple(self._connection.scalars(select(master.sql).where(*of_table)))

    def actions(self, table: str) -> dict[tuple[tuple[str, ...], str], tuple[str, str]]:
        """ON DELETE and ON UPDATE, by the referring columns and the table referred to."""
        found = self._ask('SELECT id, "table", "from", on_delete, on_update FROM pragma_foreign_key_list(?, ?)', table)
        keys: dict[int, tuple[list[str], str, tuple[str, str]]] = {}
        for number, referred, column, on_delete, on_update in found:
            keys.setdefault(number, ([], referred, (on_delete, on_update)))[0].append(column)
        return {(tuple(columns), referred): actions for columns, referred, actions in keys.values()}

    def text(self, name: str) -> str:
        """The CREATE statement of a table, view or index; empty for what has none. Triggers have names of their own."""
        master = self._master.c
        named = select(master.sql).where(master.name == name, master.type != "trigger")
        return self._connection.scalar(named) or ""

    def _ask(self, query: str, name: str) -> list[Any]:
        return list(self._connection.exec_driver_sql(query, (name, self._schema)))


def _columns(table: Table, pragmas: _Pragmas, rowid: str | None, written: TableWords) -> tuple[TableColumn, ...]:
    declared = pragmas.columns(table.name)
    told = {column.name: column for column in written.columns}
    nothing = ColumnWords("")
    return tuple(
        replace(
            column,
            database_type=declared[column.name],
            nullable=column.nullable and column.name != rowid,
            default=_default(column.default),
            autoincrement=column.name == rowid,
            generation_expression=told.get(column.name, nothing).generation,
            collation=told.get(column.name, nothing).collation,
            virtual=told.get(column.name, nothing).virtual,
        )
        for column in table.columns
    )


def _default(text: str | None) -> str | None:
    """A name is, as a default, text; within the parentheses that a default may be written in it would be a column."""
    name = _A_NAME.match(text) if text else None
    if text is None or name is None or name[0].upper() in _NO_NAMES:
        return text
    return "'" + (text if text[0] not in '"`[' else unquoted(text)).replace("'", "''") + "'"


def _index(index: _Listed, pragmas: _Pragmas, collations: Mapping[str, str]) -> Index:
    written = index_words(pragmas.text(index.name))
    parts = []
    for (number, name, downwards, kept), text, told in zip(
        pragmas.parts(index.name), written.parts, written.collations, strict=True
    ):
        column = number >= _OF_A_COLUMN and name is not None
        # A column's is told where it is kept by another than its own; an expression's, where it is written.
        collation = (kept if kept != collations.get(name or "", kept) else "") if column else told
        parts.append(IndexPart(name or "" if column else text, not column, downwards, collation))
    return Index(index.name, tuple(parts), index.unique, index.partial, written.condition)


def _untold(table: Table, pragmas: _Pragmas, indexes: list[_Listed]) -> frozenset[tuple[str, ...]]:
    """The columns of unique indexes that are all kept by other collations than their columns'."""
    told: dict[tuple[str, ...], bool] = {}
    for index in indexes:
        parts = [(name or "", kept) for _, name, _, kept in pragmas.parts(index.name)]
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


def _foreign_keys(table: Table, pragmas: _Pragmas, written: TableWords) -> tuple[ForeignKey, ...]:
    actions = pragmas.actions(table.name)
    told = {_folded((each.table, *each.columns)): each for each in written.references}
    keys = []
    for key in table.foreign_keys:
        on_delete, on_update = actions[key.columns, key.referred_table]
        words = told.get(_folded((key.referred_table, *key.columns)))
        keys.append(
            replace(
                key,
                name=words.name if words else key.name,
                on_delete=ReferentialAction.named(on_delete),
                on_update=ReferentialAction.named(on_update),
                deferral=words.deferral if words else key.deferral,
            )
        )
    return tuple(sorted(keys, key=_in_order))
