"""From the wire to Python values: the Value's arm or the column's type decides, and nothing is rounded.

Dates, times and intervals become Python's own types where those hold them exactly, and TemporalText where not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class _Temporal:
    """Texts of dates or times: objects of Python's where those hold them, TemporalText where not.

    Attributes:
        kind: what they are.
        parse: makes Python's object of a text that `fits`.
        fits: the forms that `parse` keeps every digit of.
        shape: what the gateway writes, mostly, with zeros for the digits; "" where that has no one shape.
    """

    kind: ColumnType
    parse: Callable[[str], Any]
    fits: Callable[[str], object]
    shape: str

    def one(self, text: str) -> Any:
        """The object of one text."""
        if self.fits(text):
            try:
                return self.parse(text)
            except ValueError:  # the form of a date, but not a day of Python's calendar: 0000-00-00
                pass
        return TemporalText(text, self.kind)

    def many(self, texts: list[str]) -> list[Any]:
        """The objects of a column's texts: their shape is looked at once for all of them, in a fifth of the time."""
        joined = "\n".join(texts)
        if joined.translate(_ZEROS) == "\n".join([self.shape] * len(texts)) and _MIDNIGHT not in joined:
            try:
                return list(map(self.parse, texts))
            except ValueError:
                pass
        return list(map(self.one, texts))


_ZEROS: Final = str.maketrans("123456789", "000000000")
_MIDNIGHT: Final = "24:00:00"


def _temporal(kind: ColumnType, parse: Callable[[str], Any], form: str, shape: str = "") -> _Temporal:
    return _Temporal(kind, parse, re.compile(form, re.ASCII).fullmatch, shape)


_DATES: Final = _temporal(ColumnType.DATE, date.fromisoformat, _DATE, "0000-00-00")
_TIMES: Final = _temporal(ColumnType.TIME, time.fromisoformat, f"{_CLOCK}{_OFFSET}?", "00:00:00.000000")
_DATETIMES: Final = _temporal(
    ColumnType.DATETIME, datetime.fromisoformat, f"{_DATE}T{_CLOCK}", "0000-00-00T00:00:00.000000"
)
_TIMESTAMPS: Final = _temporal(
    ColumnType.TIMESTAMP, datetime.fromisoformat, f"{_DATE}T{_CLOCK}{_OFFSET}", "0000-00-00T00:00:00.000000+00:00"
)
_INTERVALS: Final = _temporal(ColumnType.INTERVAL, Interval.parse, "P.+")

_TEXTS: Final[Mapping[ColumnType, Callable[[list[str]], list[Any]]]] = {
    ColumnType.DECIMAL: lambda texts: list(map(Decimal, texts)),
    ColumnType.DATE: _DATES.many,
    ColumnType.TIME: _TIMES.many,
    ColumnType.DATETIME: _DATETIMES.many,
    ColumnType.TIMESTAMP: _TIMESTAMPS.many,
    ColumnType.JSON: lambda texts: list(map(Json, texts)),
    ColumnType.UUID: lambda texts: list(map(UUID, texts)),
    ColumnType.INTERVAL: _INTERVALS.many,
}


def decode_texts(kind: ColumnType, texts: list[str]) -> list[Any]:
    """The Python objects of a column's texts; those of a type that is text already are answered as they are.

    Raises:
        ProtocolError: one is malformed.
    """
    make = _TEXTS.get(kind)
    if make is None:
        return texts
    try:
        return make(texts)
    except (ValueError, ArithmeticError) as error:
        raise ProtocolError(f"a cell of a {kind} column is malformed") from error


_DECODERS: Final[Mapping[str, Callable[[Value], Any]]] = {
    "null_value": lambda _: None,
    "bool_value": attrgetter("bool_value"),
    "int_value": attrgetter("int_value"),
    "uint_value": attrgetter("uint_value"),
    "double_value": attrgetter("double_value"),
    "decimal_value": lambda value: Decimal(value.decimal_value),
    "string_value": attrgetter("string_value"),
    "bytes_value": attrgetter("bytes_value"),
    "date_value": lambda value: _DATES.one(value.date_value),
    "time_value": lambda value: _TIMES.one(value.time_value),
    "datetime_value": lambda value: _DATETIMES.one(value.datetime_value),
    "timestamp_value": lambda value: _TIMESTAMPS.one(value.timestamp_value),
    "json_value": lambda value: Json(value.json_value),
    "uuid_value": lambda value: UUID(value.uuid_value),
    "interval_value": lambda value: _INTERVALS.one(value.interval_value),
    "list_value": lambda value: list(decode_row(value.list_value.values)),
}
