from __future__ import annotations

from dataclasses import dataclass, replace

import pytest
from asyncmy.constants import FIELD_TYPE, FLAG
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.columns import DECODERS, FieldColumns, column, finish_of
from rowgate_server.engines.values import ValueType

BINARY, UTF8 = 63, 45
NOT_FIXED = 31


@dataclass(frozen=True)
class Packet:
    """What a field packet tells; the defaults are those of an expression."""

    type_code: int
    name: str = "c"
    flags: int = 0
    charsetnr: int = BINARY
    org_table: str = ""
    length: int = 10
    scale: int = 0


# The type and the name of each of the protocol's types, of bytes where it can be either.
PLAIN = {
    FIELD_TYPE.DECIMAL: (ValueType.DECIMAL, "decimal"),
    FIELD_TYPE.NEWDECIMAL: (ValueType.DECIMAL, "decimal"),
    FIELD_TYPE.TINY: (ValueType.INT, "tinyint"),
    FIELD_TYPE.SHORT: (ValueType.INT, "smallint"),
    FIELD_TYPE.INT24: (ValueType.INT, "mediumint"),
    FIELD_TYPE.LONG: (ValueType.INT, "int"),
    FIELD_TYPE.LONGLONG: (ValueType.INT, "bigint"),
    FIELD_TYPE.FLOAT: (ValueType.DOUBLE, "float"),
    FIELD_TYPE.DOUBLE: (ValueType.DOUBLE, "double"),
    FIELD_TYPE.NULL: (ValueType.NULL, "null"),
    FIELD_TYPE.DATE: (ValueType.DATE, "date"),
    FIELD_TYPE.NEWDATE: (ValueType.DATE, "date"),
    FIELD_TYPE.TIME: (ValueType.TIME, "time"),
    FIELD_TYPE.DATETIME: (ValueType.DATETIME, "datetime"),
    FIELD_TYPE.TIMESTAMP: (ValueType.TIMESTAMP, "timestamp"),
    FIELD_TYPE.YEAR: (ValueType.INT, "year"),
    FIELD_TYPE.BIT: (ValueType.UINT, "bit"),
    FIELD_TYPE.JSON: (ValueType.JSON, "json"),
    FIELD_TYPE.GEOMETRY: (ValueType.BYTES, "geometry"),
    FIELD_TYPE.VARCHAR: (ValueType.BYTES, "varbinary"),
    FIELD_TYPE.VAR_STRING: (ValueType.BYTES, "varbinary"),
    FIELD_TYPE.STRING: (ValueType.BYTES, "binary"),
    FIELD_TYPE.TINY_BLOB: (ValueType.BYTES, "blob"),
    FIELD_TYPE.BLOB: (ValueType.BYTES, "blob"),
    FIELD_TYPE.MEDIUM_BLOB: (ValueType.BYTES, "blob"),
    FIELD_TYPE.LONG_BLOB: (ValueType.BYTES, "blob"),
    # On the wire these two are STRING with a flag.
    FIELD_TYPE.ENUM: (ValueType.BYTES, "varbinary"),
    FIELD_TYPE.SET: (ValueType.BYTES, "varbinary"),
}
INTEGERS = (FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG)


def test_every_type_of_the_protocol_is_known_here() -> None:
    codes = {value for name, value in vars(FIELD_TYPE).items() if name.isupper()}
    assert codes == set(PLAIN)


@pytest.mark.parametrize("code", PLAIN)
def test_each_type_has_its_value_type_and_name(code: int) -> None:
    described = column(Packet(code))
    assert (described.type, described.database_type) == PLAIN[code]
    assert described.name == "c"


@pytest.mark.parametrize("code", INTEGERS)
def test_unsigned_integers_are_told_apart(code: int) -> None:
    described = column(Packet(code, flags=FLAG.UNSIGNED | FLAG.BINARY))
    assert (described.type, described.database_type) == (ValueType.UINT, PLAIN[code][1] + " unsigned")


@pytest.mark.parametrize(
    ("code", "name"),
    [
        (FIELD_TYPE.STRING, "char"),
        (FIELD_TYPE.VAR_STRING, "varchar"),
        (FIELD_TYPE.VARCHAR, "varchar"),
        (FIELD_TYPE.TINY_BLOB, "text"),
        (FIELD_TYPE.BLOB, "text"),
        (FIELD_TYPE.MEDIUM_BLOB, "text"),
        (FIELD_TYPE.LONG_BLOB, "text"),
    ],
)
def test_the_character_set_decides_between_text_and_bytes(code: int, name: str) -> None:
    described = column(Packet(code, charsetnr=UTF8))
    assert (described.type, described.database_type) == (ValueType.STRING, name)


@pytest.mark.parametrize(("flag", "name"), [(FLAG.ENUM, "enum"), (FLAG.SET, "set")])
@pytest.mark.parametrize("charset", [UTF8, BINARY])
def test_enumerations_are_text_whatever_their_character_set(flag: int, name: str, charset: int) -> None:
    described = column(Packet(FIELD_TYPE.STRING, flags=flag, charsetnr=charset))
    assert (described.type, described.database_type) == (ValueType.STRING, name)


@pytest.mark.parametrize(
    ("packet", "precision", "scale"),
    [
        (Packet(FIELD_TYPE.NEWDECIMAL, length=12, scale=2), 10, 2),
        (Packet(FIELD_TYPE.NEWDECIMAL, length=11, scale=2, flags=FLAG.UNSIGNED), 10, 2),
        (Packet(FIELD_TYPE.NEWDECIMAL, length=11, scale=0), 10, 0),
        (Packet(FIELD_TYPE.NEWDECIMAL, length=10, scale=0, flags=FLAG.UNSIGNED), 10, 0),
        (Packet(FIELD_TYPE.NEWDECIMAL, length=67, scale=30), 65, 30),
        (Packet(FIELD_TYPE.DATETIME, scale=6), 6, None),
        (Packet(FIELD_TYPE.DATETIME, scale=0), None, None),
        (Packet(FIELD_TYPE.TIME, scale=31), None, None),
        (Packet(FIELD_TYPE.TIME, scale=39), None, None),
        (Packet(FIELD_TYPE.DOUBLE, scale=31), None, None),
        (Packet(FIELD_TYPE.LONG), None, None),
    ],
)
def test_precision_and_scale_are_those_of_the_declaration(
    packet: Packet, precision: int | None, scale: int | None
) -> None:
    described = column(packet)
    assert (described.precision, described.scale) == (precision, scale)


def test_only_a_table_s_column_tells_whether_it_may_be_null() -> None:
    of_table = Packet(FIELD_TYPE.LONG, org_table="things")
    assert column(of_table).nullable is True
    assert column(replace(of_table, flags=FLAG.NOT_NULL | FLAG.PRI_KEY)).nullable is False
    assert column(of_table).table == "things"
    expression = column(Packet(FIELD_TYPE.LONG, flags=FLAG.NOT_NULL))
    assert expression.nullable is None
    assert expression.table == ""


@given(st.sampled_from(list(PLAIN)), st.integers(0, 65_535), st.integers(0, 255), st.integers(0, 255))
def test_any_packet_is_a_column_of_some_type(code: int, flags: int, charset: int, scale: int) -> None:
    described = column(Packet(code, flags=flags, charsetnr=charset, scale=scale))
    assert described.type in ValueType
    assert described.database_type


@pytest.mark.parametrize(
    ("code", "cell", "expected"),
    [
        (FIELD_TYPE.LONGLONG, "-9223372036854775808", -(2**63)),
        (FIELD_TYPE.LONGLONG, "18446744073709551615", 2**64 - 1),
        (FIELD_TYPE.LONG, "00042", 42),
        (FIELD_TYPE.YEAR, "0000", 0),
        (FIELD_TYPE.NEWDECIMAL, "-12.30", "-12.30"),
        (FIELD_TYPE.DOUBLE, "1.7976931348623157e308", 1.7976931348623157e308),
        (FIELD_TYPE.FLOAT, "0.1", 0.1),
        (FIELD_TYPE.BIT, b"", 0),
        (FIELD_TYPE.BIT, b"\x02\x80", 640),
        (FIELD_TYPE.BIT, b"\xff" * 8, 2**64 - 1),
        (FIELD_TYPE.DATE, "0000-00-00", "0000-00-00"),
        (FIELD_TYPE.TIME, "-838:59:59", "-838:59:59.000000"),
        (FIELD_TYPE.TIME, "12:00:00.5", "12:00:00.500000"),
        (FIELD_TYPE.TIME, "-00:00:00.000001", "-00:00:00.000001"),
        (FIELD_TYPE.DATETIME, "0000-00-00 00:00:00", "0000-00-00T00:00:00.000000"),
        (FIELD_TYPE.DATETIME, "2024-01-31 23:59:59.123", "2024-01-31T23:59:59.123000"),
        (FIELD_TYPE.TIMESTAMP, "2024-01-31 23:59:59", "2024-01-31T23:59:59.000000+00:00"),
    ],
)
def test_cells_are_decoded_exactly(code: int, cell: str | bytes, expected: object) -> None:
    digits = len(cell.partition(".")[2]) if isinstance(cell, str) else 0
    for scale in (digits, NOT_FIXED):
        decoded = DECODERS.get(code, lambda text: text)(cell)
        finish = finish_of(Packet(code, scale=scale))
        [decoded] = [decoded] if finish is None else finish([decoded])
        assert decoded == expected
        assert type(decoded) is type(expected)


def test_rows_are_finished_where_their_columns_need_it() -> None:
    columns = FieldColumns([column(Packet(FIELD_TYPE.LONG)), column(Packet(FIELD_TYPE.TIME, scale=1))])
    finish = finish_of(Packet(FIELD_TYPE.TIME, scale=1))
    assert finish is not None
    columns.unfinished = ((1, finish),)
    assert columns.finish([(1, "12:00:00.5"), (2, None)]) == [(1, "12:00:00.500000"), (2, None)]
    assert columns.finish([]) == []


def test_text_bytes_and_json_are_left_as_they_came() -> None:
    left = {FIELD_TYPE.VAR_STRING, FIELD_TYPE.STRING, FIELD_TYPE.BLOB, FIELD_TYPE.JSON, FIELD_TYPE.GEOMETRY}
    assert not left & set(DECODERS)
