"""One table out of SQLAlchemy's Inspector, in the gateway's own terms and the same on every engine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import Connection, Inspector
from sqlalchemy import types as sqltypes
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.exc import (
    CompileError,
    DBAPIError,
    NoSuchTableError,
    UnreflectableTableError,
    UnsupportedCompilationError,
)

from rowgate_server.core import (
    broken_views,
    declared_types,
    held_types,
    mysql_schema,
    mysql_whole,
    postgresql_schema,
    postgresql_whole,
    sqlite_schema,
)
from rowgate_server.core.postgresql_rows import read_rows_table
from rowgate_server.core.table_facts import create_statement, kind_of, row_estimate
from rowgate_server.core.tables import (
    Check,
    ForeignKey,
    Index,
    IndexPart,
    Key,
    ReferentialAction,
    Table,
    TableColumn,
    TableKind,
    TableSummary,
)
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

_T = TypeVar("_T")

# The first that a type is an instance of; subclasses before their bases.
_VALUE_TYPES: tuple[tuple[type[Any] | tuple[type[Any], ...], ValueType], ...] = (
    (sqltypes.ARRAY, ValueType.LIST),
    (sqltypes.Boolean, ValueType.BOOL),
    (mysql.BIT, ValueType.UINT),
    ((sqltypes.Integer, mysql.YEAR, postgresql.OID), ValueType.INT),
    (sqltypes.Float, ValueType.DOUBLE),
    (sqltypes.Numeric, ValueType.DECIMAL),
    (sqltypes.JSON, ValueType.JSON),
    ((sqltypes.Uuid,), ValueType.UUID),
    ((sqltypes.Interval, postgresql.INTERVAL), ValueType.INTERVAL),
    (sqltypes.Date, ValueType.DATE),
    (sqltypes.Time, ValueType.TIME),
    ((sqltypes.LargeBinary, sqltypes.BINARY, sqltypes.VARBINARY), ValueType.BYTES),
    ((mysql.TINYBLOB, mysql.MEDIUMBLOB, mysql.LONGBLOB), ValueType.BYTES),
)

_LARGEST_SIZE = 2**31 - 1


def list_tables(inspector: Inspector, schema: str | None) -> list[TableSummary]:
    """Tables and views of one schema, by name."""
    name = schema or default_schema(inspector)
    found = {table: TableSummary(table, name) for table in inspector.get_table_names(schema)}
    for view in _view_names(inspector, schema):
        found[view] = TableSummary(view, name, TableKind.VIEW)
    return sorted(found.values(), key=lambda table: table.name)


def default_schema(inspector: Inspector) -> str:
    """The schema that is meant where none is named; empty where the connection has none."""
    return inspector.default_schema_name or ("main" if inspector.dialect.name == "sqlite" else "")


class Extent(Enum):
    """How much of a table is read: what its rows are written by, or all. MySQL and SQLite tell most at once."""

    ROWS = 1
    WHOLE = 2


def read_table(
    inspector: Inspector, name: str, schema: str | None, dialect: Dialect, extent: Extent = Extent.WHOLE
) -> Table:
    """One table or view.

    Raises:
        NoSuchTableError: it is not there.
    """
    connection = inspector.bind
    if not isinstance(connection, Connection):
        raise TypeError("the table is read on a connection")
    if extent is Extent.ROWS and dialect is Dialect.POSTGRESQL:
        return held_types.completed(read_rows_table(connection, name, schema), connection)
    kind = kind_of(connection, dialect, name, schema)
    try:
        columns = inspector.get_columns(name, schema)
    except (UnreflectableTableError, DBAPIError) as error:
        if not broken_views.tells_of_one(error):
            raise
        return broken_views.described(connection, dialect, name, schema or default_schema(inspector), kind)
    except UnicodeDecodeError:
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "the table has something in it that its database tells as no text, as a default of bytes",
            field="table",
            outcome=Outcome.NOT_RUN,
            table=name,
        ) from None
    if not columns:
        raise NoSuchTableError(name)
    unique = _optional(inspector.get_unique_constraints, name, schema)
    table = Table(
        name=name,
        schema=schema or default_schema(inspector),
        kind=kind,
        comment=_comment(inspector, name, schema),
        columns=tuple(_column(inspector, column, dialect) for column in columns),
        primary_key=_primary_key(inspector.get_pk_constraint(name, schema)),
        foreign_keys=_by_name(_foreign_key(key, inspector) for key in inspector.get_foreign_keys(name, schema)),
        unique_constraints=_by_name(Key(key["name"] or "", tuple(key["column_names"])) for key in unique),
        indexes=_by_name(
            _index(index)
            for index in inspector.get_indexes(name, schema)
            # PostgreSQL tells the index behind a constraint besides the constraint.
            if not index.get("duplicates_constraint")
        ),
        checks=_by_name(
            Check(check["name"] or "", check["sqltext"])
            for check in _optional(inspector.get_check_constraints, name, schema)
        ),
    )
    if extent is Extent.WHOLE:
        table = replace(
            table,
            row_estimate=row_estimate(connection, dialect, name, schema),
            create_statement=create_statement(connection, dialect, name, schema, kind),
        )
    return _completed(table, connection, dialect, extent)


def _completed(table: Table, connection: Connection, dialect: Dialect, extent: Extent) -> Table:
    """With what the Inspector does not tell."""
    if dialect is Dialect.SQLITE:
        return sqlite_schema.completed(table, connection, whole=extent is Extent.WHOLE)
    if dialect is Dialect.POSTGRESQL:
        whole = postgresql_whole.completed(postgresql_schema.completed(table, connection), connection)
        return held_types.completed(declared_types.completed(whole, connection, dialect), connection)
    table = mysql_schema.unescaped(table)
    mysql_schema.check_whole(table, connection)
    declared = declared_types.completed(table, connection, dialect)
    return mysql_whole.completed(declared, connection) if extent is Extent.WHOLE else declared


def _view_names(inspector: Inspector, schema: str | None) -> list[str]:
    return [*inspector.get_view_names(schema), *_optional(inspector.get_materialized_view_names, schema)]


def _optional(read: Callable[..., list[_T]], *names: str | None) -> list[_T]:
    """What not every dialect can tell."""
    try:
        return read(*names)
    except NotImplementedError:
        return []


def _comment(inspector: Inspector, name: str, schema: str | None) -> str:
    try:
        return inspector.get_table_comment(name, schema)["text"] or ""
    except NotImplementedError:
        return ""


def _by_name(things: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(sorted(things, key=lambda thing: thing.name))


def _column(inspector: Inspector, column: Mapping[str, Any], dialect: Dialect) -> TableColumn:
    kind, computed, identity = column["type"], column.get("computed"), column.get("identity")
    autoincrement = column.get("autoincrement") is True or identity is not None
    always = identity is not None and bool(identity["always"])
    return TableColumn(
        name=column["name"],
        type=_cell_type(kind, dialect),
        database_type=_written(inspector, kind),
        nullable=bool(column["nullable"]),
        default=None if autoincrement and dialect is Dialect.POSTGRESQL else column.get("default"),
        autoincrement=autoincrement,
        generated=computed is not None,
        always_counted=always,
        generation_expression=computed["sqltext"] if computed else "",
        comment=column.get("comment") or "",
        length=None if isinstance(kind, (sqltypes.Enum, mysql.SET)) else _size(kind, "length"),
        # A double's is told in bits.
        precision=None if isinstance(kind, sqltypes.Float) else _size(kind, "precision", "fsp"),
        scale=_size(kind, "scale"),
        labels=tuple(getattr(kind, "enums", None) or getattr(kind, "values", None) or ()),
    )


def _cell_type(kind: Any, dialect: Dialect) -> ValueType:
    if dialect is Dialect.SQLITE:
        return ValueType.DYNAMIC  # its declared types bind no cell
    if dialect is Dialect.MYSQL and isinstance(kind, sqltypes.Uuid):
        return ValueType.STRING  # MariaDB hands them out as text and says no more
    return value_type(kind)


def value_type(kind: Any) -> ValueType:
    """Which arm of Value the cells of a reflected type use; text where nothing better is known."""
    if isinstance(kind, postgresql.DOMAIN):
        return value_type(kind.data_type)
    if isinstance(kind, sqltypes.Integer) and getattr(kind, "unsigned", False):
        return ValueType.UINT
    if isinstance(kind, (sqltypes.TIMESTAMP, sqltypes.DateTime)):
        zoned = getattr(kind, "timezone", False) or isinstance(kind, mysql.TIMESTAMP)
        return ValueType.TIMESTAMP if zoned else ValueType.DATETIME
    for types, found in _VALUE_TYPES:
        if isinstance(kind, types):
            return found
    return ValueType.STRING


def _size(kind: Any, *attributes: str) -> int | None:
    """A length, precision or scale; SQLite takes numbers of any size here, and gives them no meaning."""
    for attribute in attributes:
        found = getattr(kind, attribute, None)
        if isinstance(found, int) and abs(found) <= _LARGEST_SIZE:
            return found
    return None


def _written(inspector: Inspector, kind: Any) -> str:
    """As CREATE TABLE has it."""
    try:
        return str(kind.compile(dialect=inspector.dialect)).lower()
    except (CompileError, UnsupportedCompilationError):
        return ""


def _primary_key(key: Mapping[str, Any]) -> Key | None:
    columns = tuple(key.get("constrained_columns") or ())
    return Key(key.get("name") or "", columns) if columns else None


def _foreign_key(key: Mapping[str, Any], inspector: Inspector) -> ForeignKey:
    options = key.get("options") or {}
    return ForeignKey(
        name=key["name"] or "",
        columns=tuple(key["constrained_columns"]),
        referred_schema=key["referred_schema"] or default_schema(inspector),
        referred_table=key["referred_table"],
        referred_columns=tuple(key["referred_columns"]),
        on_delete=ReferentialAction.named(options.get("ondelete")),
        on_update=ReferentialAction.named(options.get("onupdate")),
    )


def _index(index: Mapping[str, Any]) -> Index:
    expressions = index.get("expressions")
    sorting = index.get("column_sorting") or {}
    parts = []
    for position, column in enumerate(index["column_names"]):
        text = column if column is not None else (expressions or ())[position]
        descending = "desc" in sorting.get(text, ())
        parts.append(IndexPart(text, expression=column is None, descending=descending))
    partial = bool(index.get("dialect_options", {}).get("postgresql_where"))
    return Index(index["name"] or "", tuple(parts), unique=bool(index["unique"]), partial=partial)
