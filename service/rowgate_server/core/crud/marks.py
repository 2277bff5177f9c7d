"""What a row's mark of deletion is set to."""

from __future__ import annotations

from datetime import UTC, datetime

from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.soft_delete import Mark, mark_of
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType

_MICROS = 6


def mark(table: KnownTable, column: TableColumn) -> BoundValue:
    """True or 1 for a flag; otherwise this moment in UTC, in the column's own form.

    Raises:
        RowgateError: INVALID_PARAMETER or VALUE_OUT_OF_RANGE: the column holds neither.
    """
    if mark_of(column) is Mark.FLAG:
        value = BoundValue(ValueType.BOOL, value=True)
    else:
        value = _moment(table.dialect, column, datetime.now(UTC))
    return table.coerced(column, value, "table")


def _moment(dialect: Dialect, column: TableColumn, now: datetime) -> BoundValue:
    if column.type is ValueType.DATE or column.database_type.lower() == "date":
        return BoundValue(ValueType.DATE, now.date().isoformat())
    if dialect is Dialect.SQLITE:
        # As its CURRENT_TIMESTAMP writes it.
        return BoundValue(ValueType.STRING, now.strftime("%Y-%m-%d %H:%M:%S"))
    default = 0 if dialect is Dialect.MYSQL else _MICROS
    digits = column.precision if column.precision is not None else default
    step = 10 ** (_MICROS - digits)
    text = now.replace(microsecond=now.microsecond // step * step, tzinfo=None).isoformat(timespec="microseconds")
    if column.type is ValueType.DATETIME:
        return BoundValue(ValueType.DATETIME, text)
    kind = ValueType.TIMESTAMP if column.type is ValueType.TIMESTAMP else ValueType.STRING
    return BoundValue(kind, f"{text}+00:00")
