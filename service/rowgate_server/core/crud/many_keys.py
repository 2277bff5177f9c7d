"""The rows of many keys: cut into statements that every engine takes, and as a condition."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rowgate_server.core.crud.plans import Condition, Term, Test, Values, both, either
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.tables import Key
from rowgate_server.engines.values import BoundValue, ValueType

_KEYS_A_STATEMENT = 500
"""SQLite takes expressions of 1,000 levels, and each alternative is one."""


def parts(keys: Sequence[RowValues]) -> Iterator[Sequence[RowValues]]:
    """As many as a statement may have."""
    for start in range(0, len(keys), _KEYS_A_STATEMENT):
        yield keys[start : start + _KEYS_A_STATEMENT]


def any_of(key: Key, keys: Sequence[RowValues], values: Values) -> Condition:
    """The rows that have one of these values in a key."""
    if len(key.columns) == 1:
        (name,) = key.columns
        members = BoundValue(ValueType.LIST, tuple(row[name] for row in keys))
        return Term(Test.IN, name, (values.put(members),)) if keys else either()
    return either(*(both(*(Term(Test.EQ, name, (values.put(row[name]),)) for name in key.columns)) for row in keys))
