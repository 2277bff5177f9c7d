"""Values of every type of PostgreSQL's: the extremes, and some that are easily lost on the way."""

from __future__ import annotations

import math

from support.types.example import Example, array, arrays, each, stored
from support.types.mariadb import ASTRAL, OCTETS, nearest_float

UUID_TEXT = "123e4567-e89b-12d3-a456-426614174000"


def _signed(bits: int) -> list[Example]:
    return each("int", -(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1)


_ADDRESS = '("it\'s ""A"", B\\\\",12,"2024-01-31 23:59:59.5+00",1.50)'
_MONTHS_DAYS_TIME = ("P1Y2M3DT4H5M6.700000S", "P-1Y-2M3DT-0.000001S", "PT0S")

SCALARS: dict[str, list[Example]] = {
    "boolean": each("bool", True, False),
    "smallint": [*_signed(16), stored("int", 7, ("uint", 7))],
    "integer": _signed(32),
    "bigint": [*_signed(64), stored("int", 2**63 - 1, ("uint", 2**63 - 1), ("decimal", str(2**63 - 1)))],
    "oid": each("int", 0, 2**32 - 1),
    "numeric": [
        *each("decimal", "-12.30", "0", "0.000", "1" + "0" * 300, "0." + "0" * 300 + "1"),
        *(stored("decimal", name, ("string", name)) for name in ("NaN", "Infinity", "-Infinity")),
        stored("decimal", "18446744073709551615", ("uint", 2**64 - 1)),
    ],
    "numeric(65,30)": [
        *each("decimal", f"-{'9' * 35}.{'9' * 30}", f"0.{'0' * 29}1"),
        stored("decimal", "NaN", ("string", "NaN")),
    ],
    "numeric(3,-2)": [*each("decimal", "-99900", "0"), stored("decimal", "1200", ("decimal", "1234.5"))],
    "numeric(10,2)": [*each("decimal", "-99999999.99", "0.00"), stored("decimal", "1.50", ("decimal", "1.5"))],
    "real": each("double", math.nan, math.inf, -math.inf, -0.0, *map(nearest_float, (0.1, 1 / 3, -3.4e38, 1e-45))),
    "double precision": [
        *each("double", math.nan, math.inf, -math.inf, -0.0, 0.1, 1 / 3, 5e-324, 1.7976931348623157e308),
        stored("double", 7.0, ("int", 7)),
    ],
    "money": each("string", "$0.00", "-$92,233,720,368,547,758.08", "$12.30"),
    "character(60)": [stored("string", "x".ljust(60), ("string", "x")), *each("string", " " * 60)],
    "character varying(60)": each("string", "", " spaces stay  ", ASTRAL, "\x01\x1a\x7f\t\r\n"),
    "text": each("string", "", ASTRAL, "🦆" * 20_000),
    '"char"': each("string", "", "x"),
    "name": each("string", "", "it's", "🦆"),
    "bytea": each("bytes", b"", b"\x00", OCTETS, OCTETS * 4_000),
    "date": [
        *each("date", "infinity", "-infinity", "-4712-01-01", "0000-12-31", "0001-01-01", "2024-02-29", "9999-12-31"),
        *each("date", "+10000-01-01", "+5874897-12-31"),
        stored("date", "2024-01-31", ("string", "2024-01-31")),
    ],
    "time": each("time", "00:00:00.000000", "23:59:59.999999", "24:00:00.000000"),
    "time(3)": [stored("time", "12:34:56.789000", ("time", "12:34:56.789"))],
    "time with time zone": each("time", "00:00:00.000000+00:00", "24:00:00.000000-15:59:59", "12:00:00.000001+05:30"),
    "timestamp": each(
        "datetime",
        "infinity",
        "-infinity",
        "-4712-01-01T00:00:00.000000",
        "2024-02-29T23:59:59.999999",
        "+294276-12-31T23:59:59.999999",
    ),
    "timestamp(3)": each("datetime", "2024-02-29T12:34:56.789000"),
    "timestamp with time zone": [
        *each("timestamp", "infinity", "-infinity", "-4712-01-01T00:00:00.000000+00:00"),
        *each("timestamp", "+294276-12-31T23:59:59.999999+00:00"),
        stored(
            "timestamp",
            "2024-03-31T00:30:00.000001+00:00",
            ("timestamp", "2024-03-31T02:30:00.000001+02:00"),
            ("timestamp", "2024-03-30T17:00:00.000001-07:30"),
            ("datetime", "2024-03-31T00:30:00.000001"),
        ),
    ],
    "timestamp(0) with time zone": each("timestamp", "2024-03-31T00:30:00.000000+00:00"),
    "interval": each(
        "interval",
        *_MONTHS_DAYS_TIME,
        "P178956970Y7M2147483647DT2562047788H54.775807S",
        "P-178956970Y-8M-2147483648DT-2562047788H-54.775808S",
    ),
    "interval(2)": [stored("interval", "PT4H5M6.790000S", ("interval", "PT4H5M6.789S"))],
    "json": [
        stored("json", text, ("json", text), ("string", text))
        for text in ('{"b": 1.0,  "a": [1e400, "🦆"], "b": null}', "null", '"it\'s \\\\ \\"x\\""', " [ ] ")
    ],
    "jsonb": [
        *each("json", '{"a": [1.00, "🦆"], "b": null}', "null"),
        stored("json", '{"a": 2, "b": 1.0}', ("json", '{"b":1.0,"a":1,"a":2}')),
    ],
    "jsonpath": each("string", '$."a"[*]?(@ > 1)'),
    "uuid": [
        *each("uuid", "00000000-0000-0000-0000-000000000000", UUID_TEXT),
        stored("uuid", UUID_TEXT, ("uuid", UUID_TEXT.upper()), ("string", UUID_TEXT)),
    ],
    "bit(12)": each("string", "000000000000", "101010111100"),
    "bit varying(64)": each("string", "", "1" * 64),
    "inet": each("string", "0.0.0.0", "192.0.2.1/24", "2001:db8::1"),  # noqa: S104 - a value, not an address to bind
    "cidr": each("string", "192.0.2.0/24", "2001:db8::/32"),
    "macaddr": each("string", "08:00:2b:01:02:03"),
    "macaddr8": each("string", "08:00:2b:01:02:03:04:05"),
    "point": each("string", "(0.1,-2.5)"),
    "line": each("string", "{1,-1,0}"),
    "lseg": each("string", "[(0,0),(1,2.5)]"),
    "box": each("string", "(1,2),(0,0)"),
    "path": each("string", "[(0,0),(1,2)]", "((0,0),(1,2))"),
    "polygon": each("string", "((0,0),(1,2),(3,0))"),
    "circle": each("string", "<(0.1,-2),3>"),
    "xml": each("string", '<a b="c">it\'s 🦆</a>'),
    "tsvector": each("string", "", "'a':1A,2 'it''s':3"),
    "tsquery": each("string", "'a' & !( 'b' | 'c':*A )"),
    "pg_lsn": each("string", "0/0", "FFFFFFFF/FFFFFFFF"),
    "xid": each("string", "0", "4294967295"),
    "xid8": each("string", "0", "18446744073709551615"),
    "pg_snapshot": each("string", "10:20:10,14,15"),
    "int4range": each("string", "empty", "[1,5)", "(,)", "[-2147483648,)"),
    "int8range": each("string", "empty", "[1,9223372036854775807)"),
    "numrange": each("string", "empty", "(1.10,2.200]", "(,0)"),
    "tsrange": each("string", "empty", '["2024-01-31 23:59:59.999999",infinity]'),
    "tstzrange": each("string", "empty", '["2024-01-31 23:59:59.999999+00",)'),
    "daterange": each("string", "empty", "[2024-01-31,2024-02-29)"),
    "int4multirange": each("string", "{}", "{[1,3),[5,)}"),
    "tstzmultirange": each("string", '{["2024-01-31 00:00:00+00","2024-02-01 00:00:00+00")}'),
}

ARRAYS: dict[str, list[Example]] = {
    "boolean[]": arrays("bool", [], [True, None, False]),
    "smallint[]": arrays("int", [], [-32768, None, 32767]),
    "integer[]": arrays("int", [], [-(2**31), None, 2**31 - 1], [[1, 2], [3, None]], [[[1], [2]], [[3], [4]]]),
    "bigint[]": arrays("int", [], [-(2**63), None, 2**63 - 1]),
    "oid[]": arrays("int", [0, 2**32 - 1]),
    "numeric[]": [
        *arrays("decimal", [], ["-12.30", None, "1" + "0" * 100], [["1.0"], ["2.00"]]),
        Example(array("decimal", "NaN", None, "-Infinity"), (array("string", "NaN", None, "-Infinity"),)),
    ],
    "real[]": arrays("double", [], [math.nan, None, math.inf, nearest_float(0.1)]),
    "double precision[]": arrays("double", [], [math.nan, None, -math.inf, 0.1]),
    "text[]": arrays("string", [], ["", None, "NULL", ASTRAL, "a,b", "{}", " "], [["a", "b"], ["c", None]]),
    "character varying(60)[]": arrays("string", [], [ASTRAL, None]),
    "character(3)[]": arrays("string", ["abc", None]),
    "name[]": arrays("string", ["it's", None]),
    "bytea[]": arrays("bytes", [], [b"", None, OCTETS]),
    "date[]": arrays("date", [], ["infinity", None, "-4712-01-01", "2024-02-29"]),
    "time[]": arrays("time", ["24:00:00.000000", None, "12:00:00.000001"]),
    "time with time zone[]": arrays("time", ["12:00:00.000001+05:30", None, "24:00:00.000000-15:59:59"]),
    "timestamp[]": arrays("datetime", [], ["-infinity", None, "2024-02-29T23:59:59.999999"]),
    "timestamp with time zone[]": arrays("timestamp", [], ["infinity", None, "2024-02-29T23:59:59.999999+00:00"]),
    "interval[]": arrays("interval", [], [*_MONTHS_DAYS_TIME, None]),
    "json[]": arrays("json", [], ['{"b": 1.0,  "a": "\\"x\\", {y}"}', None, "null"]),
    "jsonb[]": arrays("json", [], ['{"a": "it\'s \\\\"}', None, "null"]),
    "uuid[]": arrays("uuid", [], [UUID_TEXT, None]),
    "money[]": arrays("string", ["$12.30", None]),
    "bit(4)[]": arrays("string", ["1010", None]),
    "inet[]": arrays("string", [], ["192.0.2.1/24", None, "2001:db8::1"]),
    "cidr[]": arrays("string", ["192.0.2.0/24", None]),
    "macaddr[]": arrays("string", ["08:00:2b:01:02:03", None]),
    "point[]": arrays("string", ["(0.1,-2.5)", None]),
    "box[]": arrays("string", ["(1,2),(0,0)", None, "(3,4),(0,0)"]),
    "xml[]": arrays("string", ["<a/>", None]),
    "tsvector[]": arrays("string", ["'a':1 'it''s':3", None]),
    "int4range[]": arrays("string", ["empty", None, "[1,5)"]),
    "tstzrange[]": arrays("string", ['["2024-01-31 23:59:59.999999+00",)', None]),
    "int4multirange[]": arrays("string", ["{[1,3),[5,)}", None]),
}

OWN: dict[str, list[Example]] = {
    "mood": each("string", "sad", "it's", "🦆"),
    "mood[]": arrays("string", [], ["sad", None, "it's"]),
    "positive": each("int", 1, 2**31 - 1),
    "positive[]": arrays("int", [], [1, None], [[1, 2], [3, 4]]),
    "price": each("decimal", "-12.30", "0.00"),
    "price[]": arrays("decimal", [], ["-12.30", None]),
    "address": each("string", "(,,,)", _ADDRESS),
    "address[]": arrays("string", [], ["(,,,)", None, _ADDRESS]),
    "pricerange": each("string", "empty", "[0.10,2.5)", "(,)"),
    "pricerange[]": arrays("string", ["empty", None, "[0.10,2.5)"]),
}
"""Types that the page creates."""

VALUES = {**SCALARS, **ARRAYS, **OWN}
