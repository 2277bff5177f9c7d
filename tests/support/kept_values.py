"""Types of each engine, with values that a column of them keeps and values that it would change."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, NamedTuple

from rowgate import ColumnType, Interval, TemporalText

D = Decimal
_ZONED = ColumnType.TIMESTAMP


class Kept(NamedTuple):
    """What becomes of values in a column.

    Attributes:
        declared: its type.
        kept: what it keeps.
        refused: what it would round, cut, or hold otherwise.
        told: whether the gateway refuses it; what the database does comes without the column's name.
        as_read: how a value is read that another form says the same of.
    """

    declared: str
    kept: tuple[Any, ...]
    refused: tuple[Any, ...]
    as_read: tuple[tuple[Any, Any], ...] = ()
    told: bool = True


def _moment(text: str) -> TemporalText:
    return TemporalText(text, _ZONED)


_EVERYWHERE = (
    Kept("smallint", (0, -7), (3.5, "7", D("0.1"))),
    Kept("bigint", (2**63 - 1, -(2**63), D(7)), (2**63, 3.7, D("3.7"))),
    Kept("varchar(4)", ("abcd", "äöü€", "", "a  "), ("abcde", "abcd ", 7, b"a")),
    Kept("date", ("2024-02-29", "0001-01-01", "9999-12-31"), ("2023-02-29", "2024-01-01T10:00:00", "2024-1-1", True)),
)

SQLITE = (
    *_EVERYWHERE,
    Kept("tinyint", (127, -128), (128, -129, 1.5)),
    Kept("real", (0.1, 1e300, float("inf"), 2**53), (2**53 + 1, "0.1", float("nan"))),
    Kept("decimal(5,2)", (D("1.25"), D("-999.99")), (D("1.255"), D("1000.00"))),
    Kept("numeric", (D("0.5"), 7), (D("0.1234567890123456789"), "0.1234567890123456789")),
    Kept("text", ("x", "12", "\0"), (12, b"x")),
    Kept("blob", (b"\0\xff",), ("x",)),
    Kept("boolean", (0, 1), (2, "true")),
    Kept("json", ('{"a": 1.10}',), ("{", "nul")),
    Kept("uuid", ("123e4567-e89b-12d3-a456-426614174000",), ("123e4567",)),
    Kept("time", ("10:11:12.123456",), ("25:00:00", "10:11:12.1234567")),
    Kept("timestamp", ("2024-01-31T10:11:12.123456",), ("2024-01-31T10:11:12.1234567", "2024-02-30T00:00:00")),
)

MARIADB = (
    *_EVERYWHERE,
    Kept("tinyint", (127, -128), (128, -129)),
    Kept("tinyint unsigned", (255, 0), (256, -1)),
    Kept("mediumint", (2**23 - 1,), (2**23,)),
    Kept("int unsigned", (2**32 - 1,), (2**32, -1)),
    Kept("bigint unsigned", (2**64 - 1,), (-1,)),
    Kept("year", (1901, 2155, 0), (1900, 2156, 24, 70, 99)),
    Kept("bit(9)", (511, 0), (512, -1), ((b"\x01\xff", 511),)),
    Kept("float", (0.5, 16777216, D("0.5")), (16777217, D("0.123456789"), 1e39, 1e-60, float("nan"))),
    Kept("float(7,2)", (0.5,), (0.125,)),
    Kept("double", (0.1, 1e300, 5e-324, 2**53), (2**53 + 1, D("0.12345678901234567890"), float("inf"))),
    Kept("double unsigned", (0.1,), (-0.1,)),
    Kept("decimal(5,2)", (D("1.25"), "-999.99"), (D("1.255"), D("1000"), "1e9", D("0.001"))),
    Kept("decimal(65,38)", (D("1" * 27 + "." + "1" * 38),), (D("0." + "1" * 39), D("1" * 28))),
    Kept("decimal(4,0) unsigned", (D(9999),), (D(-1), D("0.5"))),
    Kept("char(4)", ("abcd", " a", ""), ("abcde", "a ", "    ")),
    Kept("varchar(4) character set latin1", ("äöü€",), ("日",)),
    Kept("varchar(4) character set utf8mb3", ("äöü日",), ("\U0001f98a",)),
    Kept("varchar(4) character set ascii", ("a~",), ("ä",)),
    Kept("tinytext", ("x" * 255, "é" * 127), ("x" * 256, "é" * 128)),
    Kept("binary(3)", (b"abc",), (b"abcd", "abc"), ((b"a", b"a\0\0"),)),
    Kept("varbinary(3)", (b"a\0", b""), (b"abcd",)),
    Kept("tinyblob", (b"x" * 255,), (b"x" * 256,)),
    Kept("enum('a','B','')", ("a", "B", ""), ("A", "b", "c", "a ", 1, "1")),
    Kept("set('z','a')", ("z", "z,a", ""), ("b", "z, a", "Z", 1), (("a,z", "z,a"),)),
    Kept("date", ("9999-12-31",), ("10000-01-01", "infinity")),
    Kept("time", ("-838:59:59.000000", "00:00:01"), ("00:00:00.5", "839:00:00", "10:60:00", "101112")),
    Kept("time(3)", ("10:11:12.123",), ("10:11:12.1234",)),
    Kept("datetime", ("2024-01-31T10:11:12",), ("2024-01-31T10:11:12.6", "2024-01-31T10:11:12+01:00")),
    Kept("datetime(6)", ("2024-01-31T10:11:12.123456",), ("2024-01-31T10:11:12.1234567",)),
    Kept(
        "timestamp null",
        # No zone has a gap in UTC: in Berlin there are no 02:30 on the first of these days, and two on the second.
        tuple(map(_moment, ("2024-03-31T01:30:00+00:00", "2024-10-27T00:30:00+00:00", "2038-01-19T03:14:07+00:00"))),
        (
            *("2024-01-31T10:11:12", _moment("2024-01-31T10:11:12.6+00:00"), _moment("1970-01-01T00:00:00+00:00")),
            *(_moment("2038-01-19T03:14:08+00:00"), _moment("2200-01-01T00:00:00+00:00")),
        ),
        ((_moment("2024-03-31T02:30:00+01:00"), _moment("2024-03-31T01:30:00+00:00")),),
    ),
    Kept("json", ('{"a": 1.10, "a": 2}',), (7,)),
    Kept("uuid", ("123e4567-e89b-12d3-a456-426614174000",), ("123e4567", 7)),
    Kept("inet6", ("2001:db8::ff00:42:8329", "::"), ("2001:db8::g", "1.2.3", "x")),
    Kept("inet4", ("10.0.0.1",), ("10.0.0.256", "10.0.0")),
    Kept("boolean", (1, 0), (128,), ((True, 1),)),
)

POSTGRESQL = (
    *_EVERYWHERE,
    Kept("integer", (2**31 - 1,), (2**31,)),
    Kept("oid", (0, 2**32 - 1), (-1, 2**32)),
    Kept("xid", ("4294967295",), ("4294967296", "-1", "99999999999")),
    Kept("boolean", (True, False), (2, "yes"), ((1, True),)),
    Kept("real", (0.5, 16777216, D("0.5")), (16777217, D("0.123456789"), 1e39, 1e-60)),
    Kept("double precision", (0.1, 5e-324, float("inf")), (2**53 + 1, D("0.12345678901234567890"), "0.1")),
    Kept("numeric(5,2)", (D("1.25"), "-999.99", D("NaN")), (D("1.255"), D("1000"), D("Infinity"), "1e9")),
    Kept("numeric(3,-2)", (D(12300),), (D(12345), D(100000))),
    Kept("numeric(2,4)", (D("0.0012"),), (D("0.0123"), D("0.00123"))),
    Kept("numeric", (D("0." + "1" * 60), D("-Infinity")), ("0x10", "1_000")),
    Kept(
        "money",
        (),
        ("1.555", D("0.001"), 0.5 / 100, D("92233720368547758.08"), "1,5", "€1"),
        ((D("-1234.5"), "-$1,234.50"), ("$7.00", "$7.00")),
    ),
    Kept('"char"', ("x", ""), ("xy", "é", "\0")),
    Kept("name", ("x" * 63, "é" * 31), ("x" * 64, "é" * 32)),
    Kept("character varying(3)[]", (["abc", None], []), (["abcd"], ["abc "], [7], "abc")),
    Kept("text", ("x",), ("\0", 7)),
    Kept("bit(3)", ("101",), ("10", "1010", "", "abc", "b101", "xF")),
    Kept("bit", ("1",), ("10", "")),
    Kept("bit varying(3)", ("101", ""), ("1010",)),
    Kept("bit(2)[]", (["10"],), (["1"],)),
    Kept("bytea", (b"\0\xff",), ("x",)),
    Kept("date", ("infinity", "2024-01-31"), ("2024-01-31T23:59:59",)),
    Kept("time(2)", ("10:11:12.12", "24:00:00.000000"), ("10:11:12.125", "10:11:12+01:00")),
    Kept("time with time zone", ("10:11:12.123456+05:30",), ("10:11:12", "10:11:12.1234567+01:00")),
    Kept("timestamp(0) without time zone", ("2024-01-31T10:11:12",), ("2024-01-31T10:11:12.6",)),
    Kept(
        "timestamp(3) with time zone",
        (_moment("2024-01-31T10:11:12.125+00:00"),),
        (_moment("2024-01-31T10:11:12.1255+00:00"), "2024-01-31T10:11:12"),
    ),
    Kept("interval", (Interval(months=1, days=40, microseconds=-1),), ("1 day", "P1.5Y")),
    Kept(
        "interval(0)",
        (Interval(months=0, days=0, microseconds=1_000_000),),
        (Interval(months=0, days=0, microseconds=600_000),),
    ),
    Kept("interval day to minute", (Interval(months=0, days=1, microseconds=60_000_000),), ("PT30S",)),
    Kept("json", ('{"a":1,"a":2}',), ("{", '{"a": NaN}')),
    Kept("jsonb", ('{"a": 1.10}',), ('{"a": 1, "a": 2}', "{")),
    Kept("uuid", ("123e4567-e89b-12d3-a456-426614174000",), ("123e4567", "{123e4567-e89b-12d3-a456-426614174000}")),
    Kept("inet", ("10.1.2.3/8", "::1"), ("10.1.2.256", "x")),
    Kept("cidr", ("10.0.0.0/8",), ("10.1.0.0/8",)),
    Kept("macaddr", ("08:00:2b:01:02:03",), ("08:00:2b:01:02",), told=False),
    Kept("point", ("(0.1,-2.5)",), ("(0.12345678901234567890,1)", 7)),
    Kept("int4range", ("[1,5)", "empty"), ("[1.5,2)", "x"), (("[1,4]", "[1,5)"),)),
    Kept("numrange", ("[1.1,2.20)", "(,)"), ("[a,b)",)),
    Kept(
        "tsrange",
        ('["2024-01-01 00:00:00.123456","2024-01-02 00:00:00")',),
        ("[2024-01-01 00:00:00.1234567,)", "[now,)"),
    ),
    Kept(
        "tstzrange", ('["2024-01-01 00:00:00+00",)',), ("[2024-01-01 00:00:00,)", "[2024-01-01 00:00:00.1234567+00,)")
    ),
    Kept("daterange", ("[2024-01-01,2024-02-01)",), ("[2024-01-01 23:59:59,)", "[today,)")),
    Kept("datemultirange", ("{[2024-01-01,2024-02-01)}", "{}"), ("{[2024-01-01 23:59:59,)}",)),
    Kept("numeric(5,2)[]", ([D("1.25"), None],), ([D("1.255")], [[D("1.255")]])),
    Kept("timestamp(0)[]", (), (["2024-01-31T10:11:12.6"],)),
    # What only has a name, see `DOMAINS`.
    Kept("kept_price", (D("1.25"),), (D("1.255"), D("1000"))),
    Kept("kept_cost", (D("1.25"),), (D("1.255"),)),
    Kept("kept_prices", ([D("1.25"), None],), ([D("1.255")], D("1.25"))),
    Kept("kept_costs", ([D("1.25")],), ([D("1.255")],)),
    Kept("kept_cost[]", ([D("1.25")],), ([D("1.255")],)),
    Kept("kept_moment", ("2024-01-31T10:11:12",), ("2024-01-31T10:11:12.6",)),
    Kept("kept_moment[]", (), (["2024-01-31T10:11:12.6"],)),
    Kept("kept_clock", ("10:11:12.1",), ("10:11:12.15",)),
    Kept("kept_span", (Interval(months=0, days=1, microseconds=0),), ("PT1S",)),
    Kept("kept_code", ("abc",), ("abcd", "abc ")),
    Kept("kept_flags", ("101",), ("1011",)),
    Kept("kept_mood", ("sad",), ("Sad", "angry")),
    Kept("kept_label", ("sad",), ("angry",)),
    Kept("kept_mood[]", (["sad", "ok"],), (["angry"],)),
    Kept("kept_prices_between", ("[1.25,2.00)",), ("[1.255,2.00)",)),
    Kept("kept_doubles_between", ("[0.1,0.5)",), ("[0.1,0.12345678901234567890)",)),
    Kept("kept_pair", (), ("(1.255,x)", "(1.25,x)")),
    Kept("kept_names", ("(1,x)",), ("(a,x)",), told=False),
)

DOMAINS = (
    ("domain kept_price", "as numeric(5,2)"),
    ("domain kept_cost", "as kept_price"),
    ("domain kept_prices", "as numeric(5,2)[]"),
    ("domain kept_costs", "as kept_cost[]"),
    ("domain kept_moment", "as timestamp(0)"),
    ("domain kept_clock", "as time(1)"),
    ("domain kept_span", "as interval day to minute"),
    ("domain kept_code", "as varchar(3)"),
    ("domain kept_flags", "as bit(3)"),
    ("type kept_mood", "as enum ('sad', 'ok')"),
    ("domain kept_label", "as kept_mood"),
    ("type kept_prices_between", "as range (subtype = kept_cost)"),
    ("type kept_doubles_between", "as range (subtype = float8)"),
    ("type kept_pair", "as (price numeric(5,2), name text)"),
    ("type kept_names", "as (number integer, name text)"),
)
"""Types of PostgreSQL that only have a name, in the order in which they are made."""

TYPES = {"sqlite": SQLITE, "mariadb": MARIADB, "postgresql": POSTGRESQL}
