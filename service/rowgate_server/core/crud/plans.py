"""Plans: what a statement is to do, with the values taken out and numbered.

A plan is frozen and holds no value, so requests that differ in their values alone have equal plans, and the compiler
makes their SQL once. `Values` has what was taken out.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple, TypeAlias

from rowgate_server.engines.values import BoundValue


class Test(StrEnum):
    """What is asked of one column. Each is true, false, or where the column is NULL unknown."""

    EQ = "="
    SAME = "the same text, whatever the collation"
    OTHER = "another text, whatever the collation"
    NE = "<>"
    LT = "<"
    LE = "<="
    GT = ">"
    GE = ">="
    IN = "in"
    NOT_IN = "not in"
    BETWEEN = "between"
    NOT_BETWEEN = "not between"
    LIKE = "like"
    NOT_LIKE = "not like"
    ILIKE = "ilike"
    NOT_ILIKE = "not ilike"
    COLLATED_LIKE = "like, by the column's own collation"
    IS_NULL = "is null"
    IS_NOT_NULL = "is not null"


class Term(NamedTuple):
    """A test of a column. `values` numbers them; those of IN are one value, a list. `cut`: only its beginning."""

    test: Test
    column: str
    values: tuple[int, ...] = ()
    cut: bool = False


class Group(NamedTuple):
    """Conditions taken together: all of them, or at least one."""

    every: bool
    conditions: tuple[Condition, ...]


class RowTerm(NamedTuple):
    """Several columns against as many values at once, as rows are ordered. No column among them is ever NULL."""

    test: Test
    columns: tuple[str, ...]
    values: tuple[int, ...]


Condition: TypeAlias = Term | RowTerm | Group

TRUE, FALSE = Group(every=True, conditions=()), Group(every=False, conditions=())


def both(*conditions: Condition) -> Condition:
    """All of them."""
    return _group(conditions, every=True)


def either(*conditions: Condition) -> Condition:
    """At least one of them."""
    return _group(conditions, every=False)


def _group(conditions: tuple[Condition, ...], *, every: bool) -> Condition:
    """Without what decides nothing, and without groups in groups of their own kind."""
    deciding = Group(not every, ())
    flat: list[Condition] = []
    for condition in conditions:
        if condition == deciding:
            return deciding
        if isinstance(condition, Group) and condition.every is every:
            flat.extend(condition.conditions)
        else:
            flat.append(condition)
    return flat[0] if len(flat) == 1 else Group(every, tuple(flat))


class SortTerm(NamedTuple):
    """One term of an order. `nulls_first` None: the column has none. `cut`: by the beginning of the column only."""

    column: str
    descending: bool = False
    nulls_first: bool | None = None
    cut: bool = False


class SelectPlan(NamedTuple):
    """Rows, or with `counted` how many there are. `limit` numbers a value; MySQL is to look `by_index`, or refuse."""

    columns: tuple[str, ...]
    where: Condition = TRUE
    order: tuple[SortTerm, ...] = ()
    limit: int | None = None
    counted: bool = False
    by_index: str = ""


class Values:
    """What was taken out of a plan."""

    def __init__(self) -> None:
        self.taken: list[BoundValue] = []

    def put(self, value: BoundValue) -> int:
        """Take one out; answers its number."""
        self.taken.append(value)
        return len(self.taken) - 1
