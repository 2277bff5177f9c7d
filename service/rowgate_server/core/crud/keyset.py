"""Keyset pages: the condition that goes on after a row, by the values that the order goes by.

Each engine is given the form that its indexes serve. Measured on the last of 1,000,000 rows, ordered by an indexed
column and the key: MariaDB reads two ranges of `a > 1 or (a = 1 and b > 2)` in 0.2 ms, and for `(a, b) > (1, 2)` the
whole index in 90. PostgreSQL and SQLite read a range for the latter, and PostgreSQL sorts what the former finds.
"""

from __future__ import annotations

from collections.abc import Sequence

from rowgate_server.core.crud import ordinals
from rowgate_server.core.crud.plans import FALSE, TRUE, Condition, RowTerm, SortTerm, Term, Test, Values, both, either
from rowgate_server.core.known_table import KnownTable
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import NULL, TYPE_OF_FORM, Array, BoundValue, ValueType


def after(table: KnownTable, terms: Sequence[SortTerm], row: Sequence[BoundValue], values: Values) -> Condition:
    """The rows that come after one, of which the values of each term are given."""
    numbers = [
        None if value.type is ValueType.NULL else values.put(_ordered(table, term, value))
        for term, value in zip(terms, row, strict=True)
    ]
    if table.dialect is Dialect.MYSQL:
        return _alternatives(terms, numbers)
    there = [number for number in numbers if number is not None]
    if len({term.descending for term in terms}) == 1 and all(term.nulls_first is None for term in terms):
        test = Test.LT if terms[0].descending else Test.GT
        if len(terms) == 1:
            return Term(test, terms[0].column, (there[0],))
        return RowTerm(test, tuple(term.column for term in terms), tuple(there))
    # A bound on the first column alone, which an index can begin at.
    return both(_from(terms[0], numbers[0]), _alternatives(terms, numbers))


def same(table: KnownTable, terms: Sequence[SortTerm], row: Sequence[BoundValue], values: Values) -> Condition:
    """The rows that the order does not tell from one."""
    return both(
        *(
            _same(term, None if value.type is ValueType.NULL else values.put(_ordered(table, term, value)))
            for term, value in zip(terms, row, strict=True)
        )
    )


def _alternatives(terms: Sequence[SortTerm], numbers: Sequence[int | None]) -> Condition:
    """Beyond in the first term; or the same in it, and beyond in the second; and so on."""
    condition: Condition = FALSE
    for term, number in reversed(list(zip(terms, numbers, strict=True))):
        condition = either(_beyond(term, number), both(_same(term, number), condition))
    return condition


def _from(term: SortTerm, number: int | None) -> Condition:
    if number is None:
        return TRUE if term.nulls_first else Term(Test.IS_NULL, term.column)
    there = Term(Test.LE if term.descending else Test.GE, term.column, (number,), term.cut)
    return either(there, Term(Test.IS_NULL, term.column)) if term.nulls_first is False else there


def _same(term: SortTerm, number: int | None) -> Condition:
    if number is None:
        return Term(Test.IS_NULL, term.column)
    return Term(Test.EQ, term.column, (number,), term.cut)


def _beyond(term: SortTerm, number: int | None) -> Condition:
    if number is None:
        return Term(Test.IS_NOT_NULL, term.column) if term.nulls_first else FALSE
    beyond = Term(Test.LT if term.descending else Test.GT, term.column, (number,), term.cut)
    # NULLs that come last are still to come.
    return either(beyond, Term(Test.IS_NULL, term.column)) if term.nulls_first is False else beyond


def _ordered(table: KnownTable, term: SortTerm, value: BoundValue) -> BoundValue:
    column = table.columns[term.column]
    if ordinals.has_ordinals(column, table.dialect):
        return ordinals.ordinal(column, value.value)
    return value


def bound_cell(kind: ValueType, cell: object) -> BoundValue:
    """A cell that was read, to be compared with: of the kind that its column has, or on SQLite it itself."""
    if cell is None:
        return NULL
    if isinstance(cell, Array):
        return cell.bound()
    return BoundValue(TYPE_OF_FORM[type(cell)] if kind is ValueType.DYNAMIC else kind, cell)
