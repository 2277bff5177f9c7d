"""The binary protocol, for results whose numbers the text protocol would round: see `columns.is_rounded`.

A statement is prepared with its literals written into it, so nothing is bound. Cells are decoded into the forms that
`columns.DECODERS` give, whole ranges and zero dates included; asyncmy's own decoder makes datetime objects.
Formats: https://mariadb.com/kb/en/com_stmt_prepare/ and https://mariadb.com/kb/en/resultset-row/#binary-resultset-row
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from asyncmy.constants import FIELD_TYPE, FLAG
from asyncmy.protocol import FieldDescriptorPacket

from rowgate_server.engines.dialects.mysql.connection import is_end
from rowgate_server.engines.results import Row

COM_STMT_PREPARE, COM_STMT_EXECUTE = b"\x16", b"\x17"
_ROWS_PER_FETCH = 512
_SHORTEST_END = 9
"""Bytes of a packet with its head."""
_MORE_RESULTS = 0x0008
_BINARY = 63  # the charset number of bytes
_LONGEST_IN_A_BYTE = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
"""In how many bytes a longer length follows."""

# Signed and unsigned.
_INTEGERS: dict[int, tuple[struct.Struct, struct.Struct]] = {
    FIELD_TYPE.TINY: (struct.Struct("<b"), struct.Struct("<B")),
    FIELD_TYPE.SHORT: (struct.Struct("<h"), struct.Struct("<H")),
    FIELD_TYPE.YEAR: (struct.Struct("<H"), struct.Struct("<H")),
    FIELD_TYPE.INT24: (struct.Struct("<i"), struct.Struct("<I")),
    FIELD_TYPE.LONG: (struct.Struct("<i"), struct.Struct("<I")),
    FIELD_TYPE.LONGLONG: (struct.Struct("<q"), struct.Struct("<Q")),
}
_FLOATS = {FIELD_TYPE.FLOAT: struct.Struct("<f"), FIELD_TYPE.DOUBLE: struct.Struct("<d")}
Reader = Callable[[bytes, int], tuple[Any, int]]
"""Takes a packet and a position; gives a cell and the position behind it."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the server says of a prepared statement: its number, its result's fields, how many `?` it has."""

    statement_id: int
    fields: tuple[Any, ...]
    parameter_count: int


class TooManyColumnsError(Exception):
    """More columns than the two bytes can count that tell their number; the rest of them is still to come."""


async def read_prepared(connection: Any) -> Prepared:
    """The answer to COM_STMT_PREPARE.

    Raises:
        TooManyColumnsError: the link is of no use any more.
    """
    packet = await connection.read_packet()
    _, statement_id, columns, parameters = struct.unpack_from("<BIHH", packet.get_all_data())
    await _read_fields(connection, parameters)
    fields = await _read_fields(connection, columns)
    if connection._proto.length > connection._proto.pos:
        raise TooManyColumnsError
    return Prepared(statement_id, fields, parameters)


def execute_payload(prepared: Prepared) -> bytes:
    """COM_STMT_EXECUTE of a statement without parameters, once, without a cursor."""
    return COM_STMT_EXECUTE + struct.pack("<IBI", prepared.statement_id, 0, 1)


@dataclass(frozen=True, slots=True)
class Answer:
    """What COM_STMT_EXECUTE is answered with: the fields of a result, or, without one, the figures of a write.

    `more`: another answer follows. `status`: the server's flags behind a write.
    """

    fields: tuple[Any, ...] = ()
    affected_rows: int = 0
    insert_id: int = 0
    warning_count: int = 0
    more: bool = False
    status: int = 0


async def read_answer(connection: Any) -> Answer:
    """The beginning of the answer to COM_STMT_EXECUTE; the rows follow."""
    packet = await connection.read_packet()
    if not packet.is_ok_packet():
        return Answer(await _read_fields(connection, packet.read_length_encoded_integer()))
    packet.advance(1)
    affected_rows, insert_id = packet.read_length_encoded_integer(), packet.read_length_encoded_integer()
    status, warning_count = packet.read_uint16(), packet.read_uint16()
    return Answer((), affected_rows, insert_id, warning_count, bool(status & _MORE_RESULTS), status)


class BinaryRows:
    """The rows behind the fields, and what the end of them says."""

    def __init__(self, connection: Any, answer: Answer) -> None:
        self._connection = connection
        self._readers = [_reader(field) for field in answer.fields]
        self._bitmap = (len(answer.fields) + 9) // 8
        self.ended = not answer.fields
        self.warning_count = answer.warning_count
        self.more = answer.more
        self.status = answer.status

    async def fetch(self) -> list[Row]:
        """Up to 512 rows, as many as have been received and at least one; empty at the end."""
        rows: list[Row] = []
        while not self.ended and len(rows) < _ROWS_PER_FETCH and (not rows or self._received()):
            data = (await self._connection.read_packet()).get_all_data()
            if is_end(data, deprecate_eof=self._connection._deprecate_eof):
                self._end(data)
                break
            rows.append(self._row(data))
        return rows

    def _received(self) -> bool:
        proto = self._connection._proto
        return bool(proto.length - proto.pos > _SHORTEST_END)

    def _end(self, data: bytes) -> None:
        self.ended = True
        # The status is at 3 in both: an OK packet has two counts of a byte each before it, an EOF packet the warnings.
        offset = 5 if self._connection._deprecate_eof else 1
        self.warning_count = int.from_bytes(data[offset : offset + 2], "little")
        self.status = int.from_bytes(data[3:5], "little")
        self.more = bool(data[3] & _MORE_RESULTS)

    def _row(self, data: bytes) -> Row:
        nulls = data[1 : 1 + self._bitmap]
        position = 1 + self._bitmap
        row: list[Any] = []
        for index, read in enumerate(self._readers):
            # The first two bits are not used.
            if nulls[(index + 2) >> 3] >> ((index + 2) & 7) & 1:
                row.append(None)
            else:
                cell, position = read(data, position)
                row.append(cell)
        return tuple(row)


async def _read_fields(connection: Any, count: int) -> tuple[Any, ...]:
    fields = [await connection.read_packet(FieldDescriptorPacket) for _ in range(count)]
    if count and not connection._deprecate_eof:
        await connection.read_packet()
    return tuple(fields)


def _reader(field: Any) -> Reader:
    code = field.type_code
    if code in _INTEGERS:
        return _fixed(_INTEGERS[code][bool(field.flags & FLAG.UNSIGNED)])
    if code in _FLOATS:
        return _fixed(_FLOATS[code])
    if code in _SPECIAL:
        return _SPECIAL[code]
    return _octets if field.charsetnr == _BINARY else _text


def _fixed(form: struct.Struct) -> Reader:
    def read(data: bytes, position: int) -> tuple[Any, int]:
        return form.unpack_from(data, position)[0], position + form.size

    return read


def _octets(data: bytes, position: int) -> tuple[bytes, int]:
    length = data[position]
    position += 1
    if length > _LONGEST_IN_A_BYTE:
        width = _WIDTHS[length]
        length = int.from_bytes(data[position : position + width], "little")
        position += width
    return data[position : position + length], position + length


def _text(data: bytes, position: int) -> tuple[str, int]:
    octets, position = _octets(data, position)
    return octets.decode(), position


def _bit(data: bytes, position: int) -> tuple[int, int]:
    octets, position = _octets(data, position)
    return int.from_bytes(octets, "big"), position


def _date(data: bytes, position: int) -> tuple[str, int]:
    parts, position = _date_parts(data, position)
    return "{:04}-{:02}-{:02}".format(*parts), position


def _datetime(data: bytes, position: int) -> tuple[str, int]:
    parts, position = _date_parts(data, position)
    return "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}".format(*parts), position


def _timestamp(data: bytes, position: int) -> tuple[str, int]:
    text, position = _datetime(data, position)
    return f"{text}+00:00", position


def _date_parts(data: bytes, position: int) -> tuple[tuple[int, ...], int]:
    """Year to microsecond; what is zero to the end is not sent."""
    length = data[position]
    padded = data[position + 1 : position + 1 + length].ljust(11, b"\0")
    return struct.unpack("<HBBBBBI", padded), position + 1 + length


def _time(data: bytes, position: int) -> tuple[str, int]:
    length = data[position]
    padded = data[position + 1 : position + 1 + length].ljust(12, b"\0")
    negative, days, hours, minutes, seconds, micros = struct.unpack("<BIBBBI", padded)
    sign = "-" if negative else ""
    return f"{sign}{days * 24 + hours:02}:{minutes:02}:{seconds:02}.{micros:06}", position + 1 + length


_SPECIAL: dict[int, Reader] = {
    FIELD_TYPE.DATE: _date,
    FIELD_TYPE.NEWDATE: _date,
    FIELD_TYPE.DATETIME: _datetime,
    FIELD_TYPE.TIMESTAMP: _timestamp,
    FIELD_TYPE.TIME: _time,
    FIELD_TYPE.BIT: _bit,
    # These say that their character set is binary, and are text.
    FIELD_TYPE.DECIMAL: _text,
    FIELD_TYPE.NEWDECIMAL: _text,
    FIELD_TYPE.JSON: _text,
}
