"""Values as sqlite3 binds them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_INT64 = 2**63


def bind(values: Sequence[BoundValue]) -> list[Any]:
    """All of a statement's.

    Raises:
        RowgateError: SQLite can't hold one.
    """
    arguments: list[Any] = []
    for index, value in enumerate(values):
        try:
            arguments.append(_argument(value))
        except RowgateError as error:
            raise error.of_value(index) from None
    return arguments


def _argument(value: BoundValue) -> Any:
    """The value as sqlite3 binds it; SQLite stores numbers, text and bytes, and everything else as text."""
    if value.type is ValueType.UINT and value.value >= _INT64:
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "SQLite's integers end at 9223372036854775807")
    if value.type is ValueType.DOUBLE and math.isnan(value.value):
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "SQLite has no NaN")
    if value.type is ValueType.DECIMAL and value.value[-1].isalpha():
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "SQLite has neither NaN nor infinite decimals")
    if value.type is ValueType.LIST:
        raise RowgateError(
            Reason.NOT_SUPPORTED, "SQLite has no array type; a list goes only behind IN, as in `id in :ids`"
        )
    if value.type is ValueType.BOOL:
        return int(value.value)
    return value.value
