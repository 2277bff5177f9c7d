"""MySQL's ENUM and SET in an order: it sorts them by their numbers, but compares them with text as text.

So where an order is asked for, a label becomes its number: ENUM's count from 1 as they are declared, each of SET's is
a bit. PostgreSQL sorts and compares its enums as they are declared by itself.
"""

from __future__ import annotations

from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType


def has_ordinals(column: TableColumn, dialect: Dialect) -> bool:
    """Whether values of this column are to be numbers where an order is asked for."""
    return dialect is Dialect.MYSQL and bool(column.labels)


def ordinal(column: TableColumn, text: str) -> BoundValue:
    """The number of a label, or of a SET's labels; 0 for what is neither, as MySQL has it."""
    if column.database_type.startswith("set"):
        chosen = set(text.split(",")) if text else set()
        number = sum(1 << place for place, label in enumerate(column.labels) if label in chosen)
    else:
        number = column.labels.index(text) + 1 if text in column.labels else 0
    return BoundValue(ValueType.INT if number < 1 << 63 else ValueType.UINT, number)
