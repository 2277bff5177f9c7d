"""A table as requests are planned against it: described, with its keys, and as SQLAlchemy Core has it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

import sqlalchemy
from sqlalchemy.sql.elements import quoted_name
from sqlalchemy.types import NullType

from rowgate_server.core.crud.coercion import coercer, unfit
from rowgate_server.core.crud.numbers import Coercer
from rowgate_server.core.crud.unfit import UnfitError
from rowgate_server.core.near_misses import column_hint
from rowgate_server.core.policy.access import TableAccess, denied
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import Key, Table, TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue
from rowgate_server.errors import Outcome, Reason, RowgateError


class StaleTableError(RowgateError):
    """The table is not what it was when it was read: nothing has been changed, and it is to be read anew."""


@dataclass(frozen=True, slots=True, eq=False)
class KnownTable:
    """One table or view, at one moment. Never changed: a later moment has another.

    Attributes:
        database: its name in the gateway's configuration.
        dialect: how its SQL is written.
        described: what the database tells of it.
        columns: its columns by name, in the table's order.
        keys: what tells its rows apart, the primary key first. Columns of a unique key may be NULL, on SQLite of the
            primary key too: then the key does not tell these rows apart.
        keys_by_columns: the same, whatever the order of their columns.
        core: for statements. Its columns have no types: values come with their own.
        coercers: what makes a value one of a column's, by its name.
        soft_delete: the column that marks deleted rows, if the configuration has one for it.
        access: what its caller may do with it, where that is not everything.
        narrowed_from: the same table with all its columns and keys, where the caller's has fewer.
        made: whoever makes something of it may leave that here, to find it there next time.
    """

    database: str
    dialect: Dialect
    described: Table
    columns: Mapping[str, TableColumn]
    keys: tuple[Key, ...]
    keys_by_columns: Mapping[frozenset[str], Key]
    core: sqlalchemy.Table
    coercers: Mapping[str, Coercer]
    soft_delete: TableColumn | None = None
    access: TableAccess | None = None
    narrowed_from: KnownTable | None = None
    made: dict[Any, Any] = field(default_factory=dict)

    @property
    def whole(self) -> KnownTable:
        """The table itself: for statements, once it is decided what the caller may ask and get."""
        return self.narrowed_from or self

    @property
    def readable(self) -> tuple[str, ...]:
        """The columns that may be answered with."""
        if self.access is None:
            return tuple(self.columns)
        return tuple(self.access.columns(Operation.READ).among(self.columns))

    def column(self, name: str, field: str) -> TableColumn:
        """The column of that name.

        Raises:
            RowgateError: UNKNOWN_COLUMN, with near misses and the field of the request that names it.
        """
        found = self.columns.get(name)
        if found is None:
            raise RowgateError(
                Reason.UNKNOWN_COLUMN,
                "the table has no column of that name",
                field=field,
                outcome=Outcome.NOT_RUN,
                table=self.name,
                column=name,
                hint=column_hint(name, self.columns),
            )
        return found

    def read(self, name: str, field: str) -> TableColumn:
        """The column of that name, to be answered with.

        Raises:
            RowgateError: UNKNOWN_COLUMN, or PERMISSION_DENIED for one that may only be written.
        """
        found = self.column(name, field)
        if self.access is not None and name not in self.access.columns(Operation.READ):
            raise _not_this(name, field, "read this column")
        return found

    def compared(self, name: str, field: str) -> TableColumn:
        """The column of that name, to be compared or sorted by.

        Raises:
            RowgateError: UNKNOWN_COLUMN, or PERMISSION_DENIED where an answer would tell what may not be read.
        """
        found = self.read(name, field)
        if self.access is not None and name in self.access.masks:
            raise _not_this(name, field, "compare or sort by this column, which is masked")
        return found

    def written(self, name: str, field: str, operation: Operation) -> TableColumn:
        """The column of that name, to be written.

        Raises:
            RowgateError: UNKNOWN_COLUMN, or PERMISSION_DENIED for one that may only be read.
        """
        found = self.column(name, field)
        if self.access is not None and name not in self.access.columns(operation):
            raise _not_this(name, field, "write this column")
        return found

    def coerced(self, column: TableColumn, value: BoundValue, field: str) -> BoundValue:
        """The value as the column holds it; `field` is where the caller gave it.

        Raises:
            RowgateError: INVALID_PARAMETER or VALUE_OUT_OF_RANGE, with the column's name.
        """
        try:
            return self.coercers[column.name](value)
        except UnfitError as error:
            raise unfit(column, error, field) from None

    @property
    def name(self) -> str:
        """The table's name."""
        return self.described.name

    @property
    def primary_key(self) -> Key | None:
        """The primary key, if it has one that tells its rows apart."""
        key = self.described.primary_key
        return key if key is None or key.columns not in self.described.untold else None

    def index_of(self, key: Key) -> str:
        """The index that a key of MySQL's is, by which the database refuses to look for rows where it is gone."""
        return "PRIMARY" if key is self.described.primary_key else key.name


def _not_this(name: str, field: str, words: str) -> RowgateError:
    error = denied(words)
    error.field = field
    return error.with_defaults(column=name)


def not_one_row(table: KnownTable) -> StaleTableError:
    """What a key names is more than one row: it is unique no longer."""
    return StaleTableError(
        Reason.INVALID_REQUEST,
        "more rows than one have these values: the columns are not a unique key of the table",
        field="key",
        outcome=Outcome.ROLLED_BACK,
        table=table.name,
    )


def known(database: str, dialect: Dialect, table: Table, soft_delete: str | None) -> KnownTable:
    """The table that was read, ready to be planned against."""
    columns = {column.name: column for column in table.columns}
    keys = {frozenset(key.columns): key for key in reversed(list(_keys(table)))}
    return KnownTable(
        database=database,
        dialect=dialect,
        described=table,
        columns=MappingProxyType(columns),
        keys=tuple(reversed(keys.values())),
        keys_by_columns=keys,
        core=_core(table),
        coercers={column.name: coercer(column, dialect) for column in table.columns},
        soft_delete=None if soft_delete is None else columns[soft_delete],
    )


def _keys(table: Table) -> Iterator[Key]:
    """The primary key, unique constraints and unique indexes."""
    indexes = (
        Key(index.name, tuple(part.text for part in index.parts))
        for index in table.indexes
        if index.unique and not index.partial and not any(part.expression for part in index.parts)
    )
    for key in (table.primary_key, *table.unique_constraints, *indexes):
        if key is not None and key.columns not in table.untold:
            yield key


def _core(table: Table) -> sqlalchemy.Table:
    """Names are always quoted, so that none is ever a keyword, and none is folded."""
    return sqlalchemy.Table(
        quoted_name(table.name, quote=True),
        sqlalchemy.MetaData(),
        *(
            sqlalchemy.Column(quoted_name(column.name, quote=True), NullType(), key=column.name)
            for column in table.columns
        ),
        schema=quoted_name(table.schema, quote=True) if table.schema else None,
    )
