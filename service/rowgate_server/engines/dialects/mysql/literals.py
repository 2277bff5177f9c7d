"""Parameters as SQL literals that no sql_mode and no character set can turn into SQL.

asyncmy has no placeholders on the text protocol: it pastes escaped literals, and the escaping goes wrong under
`NO_BACKSLASH_ESCAPES` (bytes) and under a leaked `SET NAMES gbk` (text). So the gateway writes the literals itself:
text without quotes, backslashes and control characters stands between single quotes, which no mode reads otherwise;
any other text, and all bytes, are hexadecimal digits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable
from typing import Any

from rowgate_server.engines.isotime import (
    DAY,
    datetime_from_micros,
    micros_from_datetime,
    parts_from_interval,
    time_from_micros,
)
from rowgate_server.engines.values import BoundRows, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError

_PLAIN = re.compile(r"[^\x00-\x1f\x7f'\"`\\]*\Z")
_DECIMAL = re.compile(r"-?(?P<whole>\d+)(?:\.(?P<fraction>\d+))?\Z", re.ASCII)
_SHORT_DECIMALS = re.compile(r"-?[0-9]{1,30}\.[0-9]{1,30}(?:,-?[0-9]{1,30}\.[0-9]{1,30})*+\Z")
"""So joined, with a point each and far below 65 digits, they are literals as they are."""
_NUMERALS = (ValueType.INT, ValueType.UINT)
_MOST_DIGITS = 65
_DATE = re.compile(r"\d{4}-\d\d-\d\d\Z", re.ASCII)
_TIME = re.compile(r"-?\d{1,3}:\d\d:\d\d(\.\d{1,6})?\Z", re.ASCII)
_DATETIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d{1,6})?\Z", re.ASCII)
_ZERO = re.compile(r"0000-|\d{4}-00-|\d{4}-\d\d-00")
_ZERO_TIMESTAMP = re.compile(r"(0000-00-00[T ]00:00:00(?:\.0{1,6})?)(?:[Zz]|[+-]00:?00)\Z")
_LONGEST_TIME = ((838 * 60 + 59) * 60 + 60) * 1_000_000
"""Microseconds; a TIME is shorter."""


def render(statement: BoundStatement) -> str:
    """The statement with its parameters written into it.

    Raises:
        RowgateError: INVALID_PARAMETER or VALUE_OUT_OF_RANGE for a value that MySQL has no literal for.
    """
    fragments, values = statement
    if not values:
        return fragments[0]
    pieces = [fragments[0]]
    try:
        for index, value in enumerate(values):
            pieces.append(literal(value))
            pieces.append(fragments[index + 1])
    except RowgateError as error:
        # There are two pieces for each value before it.
        raise error.of_value(len(pieces) // 2) from None
    return "".join(pieces)


def render_rows(rows: BoundRows) -> str:
    """The INSERT with its rows written into it: column by column, and what is there twice but once."""
    columns = [_column(kind, cells) for kind, cells in zip(rows.types, rows.values, strict=True)]
    written = "), (".join(map(", ".join, zip(*columns, strict=True)))
    return f"{rows.fragments[0]}({written}){rows.fragments[1]}"


def _column(kind: ValueType, cells: list[Any]) -> Iterable[str]:
    """The literals of a column; those of the usual kinds without a call for each, wherever one look says it is safe."""
    if None not in cells:
        if kind in _NUMERALS:
            return map(str, cells)
        if kind is ValueType.STRING and _PLAIN.match("".join(cells)):
            return [f"'{cell}'" for cell in cells]
        if kind is ValueType.DECIMAL and _SHORT_DECIMALS.match(",".join(cells)):
            return cells
        if kind is ValueType.DOUBLE and all(map(math.isfinite, cells)):
            return [digits if "e" in digits else f"{digits}e0" for digits in map(repr, cells)]
    write = _LITERALS[kind]
    written = {cell: "NULL" if cell is None else write(cell) for cell in set(cells)}
    return map(written.__getitem__, cells)


def literal(value: BoundValue) -> str:
    """One value as a literal."""
    return _LITERALS[value.type](value.value)


def _text(text: str) -> str:
    if _PLAIN.match(text):
        return f"'{text}'"
    return f"_utf8mb4 X'{text.encode().hex()}'"


def _double(number: float) -> str:
    if not math.isfinite(number):
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "MySQL and MariaDB have neither NaN nor infinity")
    # The exponent makes it a DOUBLE: without one, MySQL reads a DECIMAL.
    digits = repr(number)
    return digits if "e" in digits else f"{digits}e0"


def _decimal(text: str) -> str:
    match = _DECIMAL.match(text)
    if match is None:
        raise _malformed("a decimal number such as -12.30")
    fraction = match["fraction"] or ""
    # With more digits than the type has, a long literal is clipped to 65 nines.
    if len(match["whole"].lstrip("0")) + len(fraction) > _MOST_DIGITS:
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, f"MySQL's and MariaDB's decimals end at {_MOST_DIGITS} digits")
    # The point makes it a DECIMAL: without one, MySQL reads a BIGINT.
    return text if fraction else f"{text}."


def _date(text: str) -> str:
    if not _DATE.match(text):
        raise _malformed("a date such as 2024-01-31")
    # A typed literal of a zero date is refused under NO_ZERO_DATE even where a column holds one.
    return f"'{text}'" if _ZERO.match(text) else f"DATE'{text}'"


def _time(text: str) -> str:
    if not _TIME.match(text):
        raise _malformed("a time such as 23:59:59.000000, up to 838:59:59")
    return f"TIME'{text}'"


def _datetime(text: str) -> str:
    if not _DATETIME.match(text):
        raise _malformed("a date and time without a zone, such as 2024-01-31T23:59:59.000000")
    plain = text.replace("T", " ")
    return f"'{plain}'" if _ZERO.match(text) else f"TIMESTAMP'{plain}'"


def _timestamp(text: str) -> str:
    """As UTC, which is the session's time zone."""
    expected = "a date and time with an offset, such as 2024-01-31T23:59:59.000000+00:00"
    # No day of any calendar, so no offset shifts it.
    if zero := _ZERO_TIMESTAMP.match(text):
        return _datetime(zero[1])
    try:
        micros, offset = micros_from_datetime(text)
    except ValueError:
        raise _malformed(expected) from None
    if offset is None:
        raise _malformed(expected)
    return _datetime(datetime_from_micros(micros - offset * 1_000_000))


def _interval(text: str) -> str:
    """A TIME, which is what a duration is here; a day has 24 hours in it."""
    try:
        months, days, micros = parts_from_interval(text)
    except ValueError:
        raise _malformed("an ISO 8601 duration such as P1DT2H") from None
    micros += days * DAY
    if months or abs(micros) >= _LONGEST_TIME:
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "MySQL and MariaDB have no interval type but TIME, of up to 838:59:59 and without months; "
            "pass a number and write INTERVAL :n DAY",
        )
    return f"TIME'{'-' if micros < 0 else ''}{time_from_micros(abs(micros))}'"


def _list(_: Any) -> str:
    raise RowgateError(
        Reason.NOT_SUPPORTED, "MySQL and MariaDB have no array type; a list goes only behind IN, as in `id in :ids`"
    )


def _malformed(expected: str) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, f"a parameter is not {expected}")


_LITERALS: dict[ValueType, Callable[[Any], str]] = {
    ValueType.NULL: lambda _: "NULL",
    ValueType.BOOL: lambda flag: "TRUE" if flag else "FALSE",
    ValueType.INT: str,
    ValueType.UINT: str,
    ValueType.DOUBLE: _double,
    ValueType.DECIMAL: _decimal,
    ValueType.STRING: _text,
    # _binary: bare X'..' is a number in a numeric context.
    ValueType.BYTES: lambda octets: f"_binary X'{octets.hex()}'",
    ValueType.DATE: _date,
    ValueType.TIME: _time,
    ValueType.DATETIME: _datetime,
    ValueType.TIMESTAMP: _timestamp,
    ValueType.JSON: _text,
    ValueType.UUID: _text,
    ValueType.INTERVAL: _interval,
    ValueType.LIST: _list,
}
