"""Orders planned against a table: what the caller asked for, and behind it what tells the remaining rows apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rowgate_server.core.crud.conditions import check_comparable
from rowgate_server.core.crud.plans import SortTerm
from rowgate_server.core.crud.requests import Nulls, Order
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.tables import Key, TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

MOST_COLUMNS = 32
_LONG_TYPES = ("text", "mediumtext", "longtext", "blob", "mediumblob", "longblob", "json")
_LONG = 255


class RowOrder(NamedTuple):
    """An order of rows.

    Attributes:
        terms: what it goes by, one after the other.
        settling: the columns that tell any two rows apart, as long as none of them is NULL; empty: nothing is known
            to do that.
    """

    terms: tuple[SortTerm, ...]
    settling: tuple[str, ...]


def plan_order(table: KnownTable, order_by: Sequence[Order]) -> RowOrder:
    """The order that a request asks for.

    Raises:
        RowgateError: UNKNOWN_COLUMN, INVALID_REQUEST or NOT_SUPPORTED, with the field at fault.
    """
    if len(order_by) > MOST_COLUMNS:
        raise _refusal("the order has too many columns", "order_by", limit=f"{MOST_COLUMNS} columns")
    terms: list[SortTerm] = []
    named: set[str] = set()
    for index, order in enumerate(order_by):
        field = f"order_by[{index}].column"
        column = table.compared(order.column, field)
        check_comparable(table, column, field)
        if order.column in named:
            raise _refusal("the order names a column twice", field)
        named.add(order.column)
        terms.append(_term(table, column, order))
    key = _settling_key(table, named)
    if key is None:
        return RowOrder(tuple(terms), ())
    # In the direction of what goes before, so that one index may serve the whole order.
    descending = terms[-1].descending if terms else False
    terms += [
        _term(table, table.columns[name], Order(name, descending), whole=True)
        for name in key.columns
        if name not in named
    ]
    whole = tuple(term._replace(cut=term.cut and term.column not in key.columns) for term in terms)
    return RowOrder(whole, key.columns)


def _settling_key(table: KnownTable, named: set[str]) -> Key | None:
    """A key that the order has whole already, else the primary key, else a unique key without NULLs."""

    def never_null(key: Key) -> bool:
        return not any(table.columns[name].nullable for name in key.columns)

    keys = [key for key in table.keys if key is table.primary_key or never_null(key)]
    return next((key for key in keys if named.issuperset(key.columns) and never_null(key)), next(iter(keys), None))


def _term(table: KnownTable, column: TableColumn, order: Order, *, whole: bool = False) -> SortTerm:
    nulls_first = None
    if column.nullable:
        nulls_first = order.nulls is Nulls.FIRST or (order.nulls is Nulls.SMALLEST and not order.descending)
    return SortTerm(order.column, order.descending, nulls_first, cut=not whole and _is_long(table, column))


def _is_long(table: KnownTable, column: TableColumn) -> bool:
    """Whether MySQL may sort by the beginning of a column only: by `max_sort_length` bytes, 1,024 of them.

    Where it compares it takes all of it, so a page that went on after the last row's whole value would leave rows out.
    """
    if table.dialect is not Dialect.MYSQL or column.labels:
        return False
    word = column.database_type.partition("(")[0].partition(" ")[0]
    return word in _LONG_TYPES or (word.startswith("var") and (column.length or 0) > _LONG)


def columns_of(terms: Iterable[SortTerm]) -> list[str]:
    """The columns that an order goes by."""
    return [term.column for term in terms]


def _refusal(message: str, field: str, *, limit: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN, limit=limit)
