"""Filters as a request has them: a tree of comparisons, by the columns' names and with the caller's own values."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple, TypeAlias

from rowgate_server.engines.values import BoundValue

DEEPEST, MOST_NODES, MOST_VALUES = 16, 500, 10_000


class Operator(Enum):
    """How a column and a value are compared; the numbers are those of `ComparisonOperator` in `filter.proto`."""

    EQ = 1
    NE = 2
    LT = 3
    LE = 4
    GT = 5
    GE = 6
    IN = 7
    NOT_IN = 8
    BETWEEN = 9
    LIKE = 10
    NOT_LIKE = 11
    ILIKE = 12
    STARTS_WITH = 13
    ENDS_WITH = 14
    CONTAINS = 15
    IS_NULL = 16
    IS_NOT_NULL = 17


class Comparison(NamedTuple):
    """One column against no value, one, or several. `value` is None where the request has none."""

    column: str
    operator: Operator
    value: BoundValue | None = None
    values: tuple[BoundValue, ...] = ()


class And(NamedTuple):
    """All of them; with none in it, every row."""

    filters: tuple[Filter, ...]


class Or(NamedTuple):
    """At least one of them; with none in it, no row."""

    filters: tuple[Filter, ...]


class Not(NamedTuple):
    """The rows that the filter leaves out."""

    filter: Filter


Filter: TypeAlias = Comparison | And | Or | Not
