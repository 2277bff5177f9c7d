"""What a result's columns are, read from the protocol's field packets, and how their cells are decoded.

PEP 249's `description` loses the unsigned flag and the character set; the field packets have them. Cells keep the
database's own text where that is exact: no Decimal, date or timedelta object is made on the way.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from operator import methodcaller
from typing import Any

from asyncmy.constants import FIELD_TYPE, FLAG

from rowgate_server.engines.results import Column, Columns, Row
from rowgate_server.engines.values import ValueType

_BINARY = 63  # the charset number of bytes
_UTF8MB4 = frozenset(
    [45, 46, *range(224, 248), *range(255, 324), 608, 609, 610, 1069, 1070, 1248, 1270, *range(2304, 2560)]
)
"""The numbers of its collations, on any version of MySQL or MariaDB."""
_CATALOG = b"\x03def"
"""What every field packet begins with. In UCS-2 and its like, also these letters have several bytes each."""

_INTEGERS = {
    FIELD_TYPE.TINY: "tinyint",
    FIELD_TYPE.SHORT: "smallint",
    FIELD_TYPE.INT24: "mediumint",
    FIELD_TYPE.LONG: "int",
    FIELD_TYPE.LONGLONG: "bigint",
}
_DOUBLES = {FIELD_TYPE.FLOAT: "float", FIELD_TYPE.DOUBLE: "double"}
_DECIMALS = (FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL)
_TEMPORALS = {
    FIELD_TYPE.DATE: (ValueType.DATE, "date"),
    FIELD_TYPE.NEWDATE: (ValueType.DATE, "date"),
    FIELD_TYPE.TIME: (ValueType.TIME, "time"),
    FIELD_TYPE.DATETIME: (ValueType.DATETIME, "datetime"),
    FIELD_TYPE.TIMESTAMP: (ValueType.TIMESTAMP, "timestamp"),
}
_PLAIN = {
    FIELD_TYPE.YEAR: (ValueType.INT, "year"),
    FIELD_TYPE.BIT: (ValueType.UINT, "bit"),
    FIELD_TYPE.JSON: (ValueType.JSON, "json"),
    FIELD_TYPE.GEOMETRY: (ValueType.BYTES, "geometry"),
    FIELD_TYPE.NULL: (ValueType.NULL, "null"),
}
_BLOBS = (FIELD_TYPE.TINY_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.MEDIUM_BLOB, FIELD_TYPE.LONG_BLOB)
_NO_DECIMALS = 31  # the protocol's "not fixed"
_MOST_FRACTION = 6


_CLOCKS = {FIELD_TYPE.TIME: "", FIELD_TYPE.DATETIME: "", FIELD_TYPE.TIMESTAMP: "+00:00"}
"""What ends the text of a clock's cells. The session's time zone is UTC: the driver sets it, and every reset again."""

_Finish = Callable[[Sequence[Any]], list[Any]]


class FieldColumns(Columns):
    """The columns of a result.

    Attributes:
        rounded: its text would have fewer digits than its numbers.
        unfinished: the columns whose cells `DECODERS` leaves as they are, by position, and what makes them whole.
    """

    rounded: bool = False
    unfinished: tuple[tuple[int, _Finish], ...] = ()

    def finish(self, rows: list[Row]) -> list[Row]:
        """The rows with their cells whole: column by column, at a fifth of what a call for each cell would take."""
        if not self.unfinished or not rows:
            return rows
        cells: list[Sequence[Any]] = list(zip(*rows, strict=True))
        for index, finish in self.unfinished:
            cells[index] = finish(cells[index])
        return list(zip(*cells, strict=True))


class OtherCharacterSetError(Exception):
    """A statement has had the server send its answer in a character set that the gateway does not read."""


_MOST_REMEMBERED = 512
_remembered: dict[tuple[bytes, ...], FieldColumns] = {}


def columns_of(fields: Sequence[Any]) -> FieldColumns:
    """The columns that a result's field packets describe.

    Remembered by the packets' bytes: a hot statement has the same ones each time, and they cost 5 µs a column.

    Raises:
        OtherCharacterSetError: its texts, or even its numbers, would be read wrongly.
    """
    key = tuple([field.get_all_data() for field in fields])
    found = _remembered.get(key)
    if found is None:
        if not all(map(_is_readable, fields)):
            raise OtherCharacterSetError
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        found = _remembered[key] = FieldColumns(column(field) for field in fields)
        found.rounded = any(map(is_rounded, fields))
        found.unfinished = tuple(
            (index, finish) for index, field in enumerate(fields) if (finish := finish_of(field)) is not None
        )
    return found


def _is_readable(field: Any) -> bool:
    """Whether its cells are bytes or UTF-8; numbers and dates say that they are bytes, and come as ASCII."""
    readable = field.charsetnr == _BINARY or field.charsetnr in _UTF8MB4
    return readable and field.get_all_data().startswith(_CATALOG)


def is_rounded(field: Any) -> bool:
    """Whether the text protocol prints fewer digits than there are.

    A FLOAT has six there, and a DOUBLE as many decimals as it is declared with, which also its average is cut to.
    """
    double = field.type_code == FIELD_TYPE.DOUBLE and field.scale < _NO_DECIMALS
    return bool(double or field.type_code == FIELD_TYPE.FLOAT)


def column(field: Any) -> Column:
    """The column that a field packet describes."""
    value_type, database_type, precision, scale = _typed(field)
    return Column(
        name=field.name,
        type=value_type,
        database_type=database_type,
        # An expression's NOT NULL flag is the server's guess about it; a column's is its definition.
        nullable=not field.flags & FLAG.NOT_NULL if field.org_table else None,
        precision=precision,
        scale=scale,
        table=field.org_table or "",
    )


def _typed(field: Any) -> tuple[ValueType, str, int | None, int | None]:
    code, flags = field.type_code, field.flags
    unsigned = bool(flags & FLAG.UNSIGNED)
    if code in _INTEGERS:
        name = _INTEGERS[code] + (" unsigned" if unsigned else "")
        return (ValueType.UINT if unsigned else ValueType.INT), name, None, None
    if code in _DECIMALS:
        # The length counts the sign and the point.
        digits = field.length - (0 if unsigned else 1) - (1 if field.scale else 0)
        return ValueType.DECIMAL, "decimal unsigned" if unsigned else "decimal", digits, field.scale
    if code in _DOUBLES:
        return ValueType.DOUBLE, _DOUBLES[code], None, None
    if code in _TEMPORALS:
        fraction = field.scale if field.scale < _NO_DECIMALS else None
        return *_TEMPORALS[code], fraction or None, None
    if code in _PLAIN:
        return *_PLAIN[code], None, None
    return *_text_or_bytes(field), None, None


def _text_or_bytes(field: Any) -> tuple[ValueType, str]:
    code, flags = field.type_code, field.flags
    if flags & FLAG.ENUM:
        return ValueType.STRING, "enum"
    if flags & FLAG.SET:
        return ValueType.STRING, "set"
    binary = field.charsetnr == _BINARY
    value_type = ValueType.BYTES if binary else ValueType.STRING
    if code in _BLOBS:
        return value_type, "blob" if binary else "text"
    if code == FIELD_TYPE.STRING:
        return value_type, "binary" if binary else "char"
    return value_type, "varbinary" if binary else "varchar"


def finish_of(field: Any) -> _Finish | None:
    """What gives a clock's cells six digits after the point, whatever their column keeps, and their zone."""
    zone = _CLOCKS.get(field.type_code)
    if zone is None:
        return None
    if field.scale > _MOST_FRACTION:
        return lambda cells: [cell and _fraction(cell) + zone for cell in cells]
    ending = ("" if field.scale else ".") + "0" * (_MOST_FRACTION - field.scale) + zone
    return (lambda cells: [cell and cell + ending for cell in cells]) if ending else None


def _fraction(text: str) -> str:
    whole, point, digits = text.partition(".")
    return f"{whole}.{digits:0<6}" if point else f"{whole}.000000"


def _bit(octets: bytes) -> int:
    return int.from_bytes(octets, "big")


DECODERS: dict[int, Callable[[Any], Any]] = {
    **dict.fromkeys(_INTEGERS, int),
    **dict.fromkeys(_DOUBLES, float),
    FIELD_TYPE.YEAR: int,
    FIELD_TYPE.BIT: _bit,
    FIELD_TYPE.DATETIME: methodcaller("replace", " ", "T"),
    FIELD_TYPE.TIMESTAMP: methodcaller("replace", " ", "T"),
}
"""asyncmy's `conv`: what makes a cell of its text, by the protocol's type. Types not named stay str or bytes.

Called for every cell, so nothing here is Python but for BIT; `FieldColumns.finish` does the rest.
"""
