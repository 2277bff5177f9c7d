"""A table as its caller may know it: columns that are hidden from it are not there, nor is what tells of them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from types import MappingProxyType

from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.access import TableAccess
from rowgate_server.core.policy.fitting import fitted
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import ForeignKey, Table, TableColumn, TableKind
from rowgate_server.errors import RowgateError

Sees = Callable[[str, str, Sequence[str]], bool]
"""Whether a table of a schema may be known of, with some columns."""

_PLAIN = re.compile(
    r"'(?:[^'\\]|'')*'(?:::[\w ]+)?|[-+]?[\d.]+|null|true|false|(?:current_timestamp|now)(?:\(\d*\))?", re.IGNORECASE
)
"""A default that names nothing."""
_UNTOLD = "what the caller may not know of"


def narrowed(table: KnownTable, access: TableAccess) -> KnownTable:
    """The table for a caller.

    Keys are those whose columns may all be compared: a key tells by what is found whether there is a row.

    Raises:
        MisfitError: PERMISSION_DENIED: the rules name columns that are not there.
    """
    access = fitted(access, table.columns, table.database, table.name)
    if access.unlimited:
        return table
    columns = {name: column for name, column in table.columns.items() if name in access.shown}
    comparable = frozenset(access.columns(Operation.READ).among(columns)) - frozenset(access.masks)
    keys = tuple(key for key in table.keys if comparable.issuperset(key.columns))
    primary = table.described.primary_key
    return replace(
        table,
        described=replace(
            table.described,
            columns=tuple(columns.values()),
            primary_key=primary if primary is not None and comparable.issuperset(primary.columns) else None,
        ),
        columns=MappingProxyType(columns),
        keys=keys,
        keys_by_columns={frozenset(key.columns): key for key in reversed(keys)},
        access=access,
        narrowed_from=table,
        made={},
    )


def described(table: Table, access: TableAccess, sees: Sees) -> Table:
    """The description for a caller, whose access is `fitted`.

    What is in the database's words (checks, expressions, defaults, the table's comment) may name what is hidden. What
    no field is for may name any table: a trigger's body, what a partition is of. It is told that there is such a thing,
    so that a copy is refused.
    """
    besides = (_UNTOLD,) if table.besides else ()
    if access.unlimited:
        keys = tuple(key for key in table.foreign_keys if _seen(key, sees))
        told = table.kind is TableKind.TABLE and len(keys) == len(table.foreign_keys) and not besides
        statement = table.create_statement if told else ""
        return replace(table, foreign_keys=keys, create_statement=statement, besides=besides)
    read = access.grants.get(Operation.READ)
    columns = tuple(column for column in table.columns if column.name in access.shown)
    shown = frozenset(column.name for column in columns)
    hidden = len(columns) < len(table.columns)

    def whole(names: Iterable[str]) -> bool:
        return shown.issuperset(names)

    primary = table.primary_key
    return replace(
        table,
        comment="" if hidden else table.comment,
        columns=tuple(_discreet_column(column) for column in columns) if hidden else columns,
        primary_key=primary if primary is not None and whole(primary.columns) else None,
        foreign_keys=tuple(key for key in table.foreign_keys if whole(key.columns) and _seen(key, sees)),
        unique_constraints=tuple(key for key in table.unique_constraints if whole(key.columns)),
        indexes=tuple(
            index
            for index in table.indexes
            if not (hidden and (index.partial or any(part.expression for part in index.parts)))
            and all(part.expression or part.text in shown for part in index.parts)
            and whole(index.include)
        ),
        checks=() if hidden else table.checks,
        row_estimate=table.row_estimate if read is not None and read.rows is None else None,
        create_statement="",
        besides=besides,
    )


def discreet(error: RowgateError, table: KnownTable) -> RowgateError:
    """An error of the database's without what it tells of columns and tables that the caller may not know."""
    said = "sqlstate" in error.metadata or "vendor_code" in error.metadata
    if table.access is None or not said or len(table.columns) == len(table.whole.columns):
        return error
    error.message = f"the database refused it ({error.reason.value})"
    error.args = (error.message,)
    if error.metadata.get("column") not in table.columns:
        error.metadata.pop("column", None)
        error.field = None
    for key in ("constraint", "hint", "position"):
        error.metadata.pop(key, None)
    if error.metadata.get("table") != table.name:
        error.metadata.pop("table", None)
    return error


def _discreet_column(column: TableColumn) -> TableColumn:
    """A default that is no more than a value names no column."""
    plain = column.default is None or _PLAIN.fullmatch(column.default) is not None
    return replace(column, generation_expression="", default=column.default if plain else None)


def _seen(key: ForeignKey, sees: Sees) -> bool:
    return sees(key.referred_schema, key.referred_table, key.referred_columns)
