"""What there is to a MySQL or MariaDB table besides what its rows are written by: collations, kinds of index, more."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import Connection, text

from rowgate_server.core.mysql_words import unknown_words
from rowgate_server.core.tables import Check, Index, IndexPart, Table, TableKind
from rowgate_server.engines.values import ValueType

_COLUMNS = text(
    "SELECT column_name, collation_name, extra FROM information_schema.columns"
    " WHERE table_schema = :schema AND table_name = :table"
)
_PARTS = text(
    "SELECT index_name, seq_in_index, index_type, sub_part, collation = 'D' FROM information_schema.statistics"
    " WHERE table_schema = :schema AND table_name = :table"
)
_TRIGGERS = text(
    "SELECT trigger_name FROM information_schema.triggers"
    " WHERE event_object_schema = :schema AND event_object_table = :table ORDER BY trigger_name"
)
_CHECKS = text(
    "SELECT constraint_name, check_clause FROM information_schema.check_constraints"
    " WHERE constraint_schema = :schema AND table_name = :table"
)
_METHODS = {"FULLTEXT": "fulltext", "SPATIAL": "spatial"}


class _Part(NamedTuple):
    method: str
    length: int | None
    descending: bool


def completed(table: Table, connection: Connection) -> Table:
    """The table, whole; a view as it is."""
    if table.kind is TableKind.VIEW:
        return table
    place = {"schema": table.schema, "table": table.name}
    told = {
        str(name): (str(collation or ""), "VIRTUAL" in str(extra).upper())
        for name, collation, extra in connection.execute(_COLUMNS, place)
    }
    parts = {
        (str(name), int(number) - 1): _part(str(kind), length, bool(downwards))
        for name, number, kind, length, downwards in connection.execute(_PARTS, place)
    }
    indexes = tuple(_index(index, parts) for index in table.indexes)
    plain = {
        index.name for index in indexes if all(part.length is None and not part.descending for part in index.parts)
    }
    table = replace(
        table,
        columns=tuple(
            replace(column, collation=told[column.name][0], virtual=told[column.name][1]) for column in table.columns
        ),
        indexes=indexes,
        # A part of a column, or the other direction, is told of an index only.
        unique_constraints=tuple(key for key in table.unique_constraints if key.name in plain),
        besides=tuple(_besides(table)),
    )
    triggers = tuple(f"TRIGGER {name}" for (name,) in connection.execute(_TRIGGERS, place))
    return with_checks(replace(table, besides=table.besides + triggers), connection)


def with_checks(table: Table, connection: Connection) -> Table:
    """The table with all of its checks; MySQL's are told whole as it is, and MariaDB's by its own tables."""
    if not getattr(connection.dialect, "is_mariadb", False):
        return table
    rows = connection.execute(_CHECKS, {"schema": table.schema, "table": table.name})
    checks = (Check(str(name), str(clause)) for name, clause in rows)
    return replace(table, checks=tuple(sorted(checks, key=lambda check: check.name)))


def _part(kind: str, length: int | None, downwards: bool) -> _Part:
    method = _METHODS.get(kind.upper(), "")
    # Of a spatial one 32 bytes are told, whatever it is of.
    return _Part(method, None if method or length is None else int(length), downwards)


def _index(index: Index, told: dict[tuple[str, int], _Part]) -> Index:
    parts: list[IndexPart] = []
    method = ""
    for place, part in enumerate(index.parts):
        found = told.get((index.name, place), _Part("", None, part.descending))
        method = found.method
        parts.append(replace(part, length=found.length, descending=found.descending))
    return replace(index, parts=tuple(parts), method=method)


def _besides(table: Table) -> Iterator[str]:
    yield from unknown_words(table.create_statement)
    for column in table.columns:
        # The database tells bytes that are no text as question marks.
        if column.type is ValueType.BYTES and "?" in (column.default or ""):
            yield f"{column.name} DEFAULT {column.default}"
