"""Descriptions that no table is made from, whatever the database would say: refused before it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from rowgate_server.core.tables import Deferral, Table, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_LONGEST_NAME = 63
"""Bytes; PostgreSQL cuts a longer name, and says so to nobody."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
OPTIONS = {
    Dialect.MYSQL: frozenset[str](),
    Dialect.POSTGRESQL: frozenset({"UNLOGGED"}),
    Dialect.SQLITE: frozenset({"STRICT", "WITHOUT ROWID", "AUTOINCREMENT"}),
}
"""What may stand in a table's `options`."""


def check(table: Table, source: Dialect, target: Dialect) -> None:
    """Look at the description as a whole.

    Raises:
        RowgateError: INVALID_REQUEST, UNKNOWN_COLUMN or NOT_SUPPORTED, with the field at fault.
    """
    if not table.name:
        raise invalid("no table is named", "table.name")
    if table.kind is TableKind.VIEW:
        raise unsupported("this describes a view, and only tables are made", "table.kind")
    if not table.columns:
        raise invalid("the table has no columns", "table.columns")
    if table.besides:
        raise unsupported(
            f"the table has more to it than its description can make: {table.besides[0]}",
            "table.untold[0]",
            hint="take out of untold what the copy may go without",
        )
    for field, name in _names(table):
        _check_name(name, field, target)
    for field, columns in _columns(table):
        _check_columns(table, columns, field)
    for number, key in enumerate(table.foreign_keys):
        if len(key.columns) != len(key.referred_columns) or not key.referred_table:
            raise invalid("the foreign key refers to other than as many columns", f"table.foreign_keys[{number}]")
    _check_options(table, source)
    _check_features(table, source, target)


def _names(table: Table) -> Iterator[tuple[str, str]]:
    yield "schema", table.schema
    yield "table.name", table.name
    for number, column in enumerate(table.columns):
        field = f"table.columns[{number}].name"
        if not column.name:
            raise invalid("the column has no name", field)
        yield field, column.name
    if table.primary_key is not None:
        yield "table.primary_key.name", table.primary_key.name
    groups: tuple[tuple[str, Iterable[str]], ...] = (
        ("foreign_keys", (key.name for key in table.foreign_keys)),
        ("unique_constraints", (key.name for key in table.unique_constraints)),
        ("indexes", (index.name for index in table.indexes)),
        ("checks", (each.name for each in table.checks)),
    )
    for kind, names in groups:
        for number, name in enumerate(names):
            yield f"table.{kind}[{number}].name", name
    for number, key in enumerate(table.foreign_keys):
        for name in (key.referred_schema, key.referred_table, *key.referred_columns):
            yield f"table.foreign_keys[{number}]", name


def _check_name(name: str, field: str, target: Dialect) -> None:
    if "\0" in name:
        raise invalid("a name has a NUL in it", field)
    if target is Dialect.POSTGRESQL and len(name.encode()) > _LONGEST_NAME:
        raise invalid(f"PostgreSQL cuts names at {_LONGEST_NAME} bytes, and this one is longer", field)
    if target is Dialect.MYSQL and _CONTROL.search(name):
        raise invalid("a name has a line break or another control character in it", field)


def _columns(table: Table) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The columns of each key and index; an index may be of expressions alone."""
    if table.primary_key is not None:
        yield "table.primary_key", table.primary_key.columns
    for number, unique in enumerate(table.unique_constraints):
        yield f"table.unique_constraints[{number}]", unique.columns
    for number, foreign in enumerate(table.foreign_keys):
        yield f"table.foreign_keys[{number}]", foreign.columns
    for number, index in enumerate(table.indexes):
        field = f"table.indexes[{number}]"
        if not all(part.text for part in index.parts):
            raise invalid("an index has a part that is neither a column nor an expression", field)
        if not any(part.expression for part in index.parts):
            yield field, tuple(part.text for part in index.parts)
        yield f"{field}.", (*(part.text for part in index.parts if not part.expression), *index.include)


def _check_columns(table: Table, columns: tuple[str, ...], field: str) -> None:
    """SQLite takes a quoted name that is no column's for text."""
    if not columns and not field.endswith("."):
        raise invalid("a key or index has no columns", field)
    known = {column.name for column in table.columns}
    for name in columns:
        if name not in known:
            raise RowgateError(
                Reason.UNKNOWN_COLUMN,
                "the table has no column of that name",
                field=field.removesuffix("."),
                outcome=Outcome.NOT_RUN,
                column=name,
            )


def _check_options(table: Table, source: Dialect) -> None:
    for number, option in enumerate(table.options):
        if option not in OPTIONS[source]:
            raise invalid("tables of this engine have no such option", f"table.options[{number}]")


def _check_features(table: Table, source: Dialect, target: Dialect) -> None:
    """What only some engines have, of constraints and of columns."""
    postgresql, other = target is Dialect.POSTGRESQL, source is not target
    if other and not postgresql and "UNLOGGED" in table.options:
        raise unsupported("this engine has no unlogged tables", "table.options")
    for number, column in enumerate(table.columns):
        if column.always_counted and not postgresql:
            field = f"table.columns[{number}].autoincrement_always"
            raise unsupported("this engine lets other values be written to what it counts up", field)
    keys = [("table.primary_key", table.primary_key)] if table.primary_key is not None else []
    keys += [(f"table.unique_constraints[{number}]", key) for number, key in enumerate(table.unique_constraints)]
    for field, key in keys:
        if key.deferral is not Deferral.NEVER and not postgresql:
            raise unsupported("this engine does not defer keys", f"{field}.deferral")
        if key.nulls_not_distinct and not postgresql:
            raise unsupported("to this engine NULLs of unique keys are distinct", f"{field}.nulls_not_distinct")
    for number, foreign in enumerate(table.foreign_keys):
        if foreign.deferral is not Deferral.NEVER and target is Dialect.MYSQL:
            raise unsupported("this engine does not defer foreign keys", f"table.foreign_keys[{number}].deferral")


def invalid(message: str, field: str) -> RowgateError:
    """The error of what no engine would make."""
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN)


def unsupported(message: str, field: str, hint: str | None = None) -> RowgateError:
    """The error of what the engine does not have."""
    return RowgateError(Reason.NOT_SUPPORTED, message, field=field, outcome=Outcome.NOT_RUN, hint=hint)
