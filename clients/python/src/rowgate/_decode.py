"""From the wire's Value to Python values: the arm decides, and nothing is rounded.

Dates, times and intervals become Python's own types where those hold them exactly, and TemporalText where not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime, time
from decimal import Decimal
from operator import attrgetter
from typing import Any, Final
from uuid import UUID

from rowgate._errors import ProtocolError
from rowgate._types import ColumnType, Interval, Json, TemporalText
from rowgate.v1.value_pb2 import Value

# Python's fromisoformat takes more than it keeps: it cuts a seventh fractional digit, and from 3.14 on it turns
# 24:00 into 00:00. So the form is checked first. An hour of 24 is left to TemporalText.
_DATE: Final = r"\d{4}-\d\d-\d\d"
_CLOCK: Final = r"(?!24)\d\d:\d\d:\d\d(?:\.\d{1,6})?"
_OFFSET: Final = r"(?:Z|[+-]\d\d:\d\d(?::\d\d)?)"


def decode(value: Value) -> Any:
    """The Python object of a Value.

    Raises:
        ProtocolError: no arm is set that this client knows, or its text is malformed.
    """
    arm = value.WhichOneof("kind")
    if arm is None:
        raise ProtocolError("a value is of a kind that this client does not know")
    try:
        return _DECODERS[arm](value)
    except (ValueError, ArithmeticError) as error:
        raise ProtocolError(f"a cell's {arm} is malformed") from error


def decode_row(values: Iterable[Value]) -> tuple[Any, ...]:
    """The cells of a row.

    Raises:
        ProtocolError: as for `decode`.
    """
    return tuple([decode(value) for value in values])


def _temporal(arm: str, kind: ColumnType, parse: Callable[[str], Any], form: str) -> Callable[[Value], Any]:
    """A decoder of an arm whose texts Python can hold when they have that form, mostly."""
    text_of = attrgetter(arm)
    fits = re.compile(form, re.ASCII).fullmatch

    def decoder(value: Value) -> Any:
        text = text_of(value)
        if fits(text):
            try:
                return parse(text)
            except ValueError:  # the form of a date, but not a day of Python's calendar: 0000-00-00
                pass
        return TemporalText(text, kind)

    return decoder


_DECODERS: Final[Mapping[str, Callable[[Value], Any]]] = {
    "null_value": lambda _: None,
    "bool_value": attrgetter("bool_value"),
    "int_value": attrgetter("int_value"),
    "uint_value": attrgetter("uint_value"),
    "double_value": attrgetter("double_value"),
    "decimal_value": lambda value: Decimal(value.decimal_value),
    "string_value": attrgetter("string_value"),
    "bytes_value": attrgetter("bytes_value"),
    "date_value": _temporal("date_value", ColumnType.DATE, date.fromisoformat, _DATE),
    "time_value": _temporal("time_value", ColumnType.TIME, time.fromisoformat, f"{_CLOCK}{_OFFSET}?"),
    "datetime_value": _temporal("datetime_value", ColumnType.DATETIME, datetime.fromisoformat, f"{_DATE}T{_CLOCK}"),
    "timestamp_value": _temporal(
        "timestamp_value", ColumnType.TIMESTAMP, datetime.fromisoformat, f"{_DATE}T{_CLOCK}{_OFFSET}"
    ),
    "json_value": lambda value: Json(value.json_value),
    "uuid_value": lambda value: UUID(value.uuid_value),
    "interval_value": _temporal("interval_value", ColumnType.INTERVAL, Interval.parse, "P.+"),
    "list_value": lambda value: list(decode_row(value.list_value.values)),
}
