"""Values of every type of MariaDB's: the extremes, and some that are easily lost on the way."""

from __future__ import annotations

import struct

from support.types.example import Example, each, stored

ASTRAL = "é 日本 🦆 \U0010ffff 'quoted' \\ \"x\" `y` %s"
OCTETS = bytes(range(256))
POINT = bytes(4) + struct.pack("<BIdd", 1, 1, 2.5, -3.5)
"""SRID 0, then well-known binary."""


def _signed(bits: int) -> list[Example]:
    return each("int", -(2 ** (bits - 1)), -1, 0, 1, 2 ** (bits - 1) - 1)


def _unsigned(bits: int) -> list[Example]:
    return each("uint", 0, 1, 2**bits - 1)


def nearest_float(number: float) -> float:
    """The nearest number that a FLOAT holds."""
    nearest: float = struct.unpack("<f", struct.pack("<f", number))[0]
    return nearest


_FLOATS = [nearest_float(number) for number in (0.1, 1 / 3, 16777217.0, 123456.789, -3.4e38, 1.1754944e-38)]

VALUES: dict[str, list[Example]] = {
    "BOOLEAN": [stored("int", 1, ("bool", True), ("int", 1)), stored("int", 0, ("bool", False))],
    "TINYINT": _signed(8),
    "SMALLINT": _signed(16),
    "MEDIUMINT": _signed(24),
    "INT": _signed(32),
    "BIGINT": _signed(64),
    "TINYINT UNSIGNED": _unsigned(8),
    "SMALLINT UNSIGNED": _unsigned(16),
    "MEDIUMINT UNSIGNED": _unsigned(24),
    "INT UNSIGNED": _unsigned(32),
    "BIGINT UNSIGNED": _unsigned(64),
    "INT(8) ZEROFILL": _unsigned(32),
    "DECIMAL(65,30)": each(
        "decimal",
        "0.000000000000000000000000000000",
        "-99999999999999999999999999999999999.999999999999999999999999999999",
        "12345678901234567890123456789012345.123456789012345678901234567890",
        "-0.000000000000000000000000000001",
    ),
    "DECIMAL(65)": each("decimal", "9" * 65, "-" + "9" * 65, "0"),
    "DECIMAL(5,2)": [
        *each("decimal", "-999.99", "12.30", "0.00"),
        stored("decimal", "1.50", ("decimal", "1.5"), ("string", "1.5")),
        stored("decimal", "7.00", ("int", 7)),
    ],
    "DECIMAL(5,2) UNSIGNED": each("decimal", "999.99", "0.00"),
    "FLOAT": each("double", 0.0, -1.5, *_FLOATS),
    "FLOAT UNSIGNED": each("double", 0.0, *(number for number in _FLOATS if number > 0)),
    "DOUBLE": [
        *each("double", 0.0, 0.1, 1 / 3, -2.5e-300, 5e-324, 1.7976931348623157e308, 9007199254740993.0),
        stored("double", 0.0, ("double", -0.0)),
    ],
    "DOUBLE UNSIGNED": each("double", 0.0, 0.1, 1.7976931348623157e308),
    "BIT(1)": [*each("uint", 0, 1), stored("uint", 1, ("bool", True), ("bytes", b"\x01"))],
    "BIT(12)": each("uint", 0, 0xABC, 0xFFF),
    "BIT(64)": each("uint", 0, 2**63, 2**64 - 1),
    "CHAR(60)": each("string", "", "x", ASTRAL),
    "VARCHAR(60)": each("string", "", " spaces stay  ", ASTRAL, "\x00\x01\x1a\x7f\t\r\n"),
    "TINYTEXT": each("string", "", ASTRAL),
    "TEXT": each("string", "", ASTRAL, "🦆" * 16_000),
    "MEDIUMTEXT": each("string", "", ASTRAL, "x" * 100_000),
    "LONGTEXT": each("string", "", ASTRAL),
    "BINARY(4)": [
        *each("bytes", b"\x00\xff\x00\xff", b"' OR"),
        stored("bytes", b"x\x00\x00\x00", ("bytes", b"x")),
    ],
    "VARBINARY(256)": each("bytes", b"", b"\x00", OCTETS),
    "TINYBLOB": each("bytes", b"", OCTETS[1:]),
    "BLOB": each("bytes", b"", OCTETS, b"\x00" * 65_535),
    "MEDIUMBLOB": each("bytes", b"", OCTETS * 4_000),
    "LONGBLOB": each("bytes", b"", OCTETS),
    "DATE": [
        *each("date", "0000-00-00", "2024-00-00", "2024-02-00", "0001-01-01", "1000-01-01", "2024-02-29", "9999-12-31"),
        stored("date", "2024-01-31", ("string", "2024-01-31")),
    ],
    "TIME": [
        *each("time", "-838:59:59.000000", "00:00:00.000000", "23:59:59.000000", "838:59:59.000000"),
        stored("time", "26:00:00.000000", ("interval", "P1DT2H")),
    ],
    "TIME(6)": [
        *each("time", "-838:59:59.999999", "-00:00:00.000001", "00:00:00.000000", "838:59:59.999999"),
        stored("time", "-27:30:00.250000", ("interval", "P-1DT-3H-30M-0.250000S"), ("string", "-27:30:00.25")),
    ],
    "DATETIME": each(
        "datetime", "0000-00-00T00:00:00.000000", "1000-01-01T00:00:00.000000", "9999-12-31T23:59:59.000000"
    ),
    "DATETIME(3)": each("datetime", "0000-00-00T00:00:00.000000", "2024-02-29T12:34:56.789000"),
    "DATETIME(6)": [
        *each(
            "datetime",
            "0000-00-00T00:00:00.000000",
            "2024-02-00T12:00:00.000000",
            "1000-01-01T00:00:00.000001",
            "9999-12-31T23:59:59.999999",
        ),
        stored("datetime", "2024-01-31T21:59:59.500000", ("timestamp", "2024-01-31T23:59:59.500000+02:00")),
    ],
    "TIMESTAMP": each(
        "timestamp",
        "0000-00-00T00:00:00.000000+00:00",
        "1970-01-01T00:00:01.000000+00:00",
        "2038-01-19T03:14:07.000000+00:00",
    ),
    "TIMESTAMP(6)": [
        *each("timestamp", "0000-00-00T00:00:00.000000+00:00", "2038-01-19T03:14:07.999999+00:00"),
        stored(
            "timestamp",
            "2024-03-31T00:30:00.000001+00:00",
            ("timestamp", "2024-03-31T02:30:00.000001+02:00"),
            ("timestamp", "2024-03-30T17:00:00.000001-07:30"),
            ("datetime", "2024-03-31T00:30:00.000001"),
        ),
    ],
    "YEAR": each("int", 0, 1901, 2155),
    "ENUM('sad', 'it''s', '🦆')": each("string", "sad", "it's", "🦆"),
    "SET('a', 'b c', '🦆')": each("string", "", "a", "a,b c,🦆"),
    "JSON": [
        stored("string", text, ("json", text), ("string", text))
        for text in ('{"b": 1.0,  "a": [1e400, "🦆"]}', "null", '"it\'s \\\\ \\"x\\""', " [ ] ")
    ],
    "UUID": [
        stored("string", text, ("uuid", text), ("string", text))
        for text in ("00000000-0000-0000-0000-000000000000", "123e4567-e89b-12d3-a456-426614174000")
    ],
    "INET4": each("string", "0.0.0.0", "255.255.255.255"),  # noqa: S104 - a value, not an address to bind
    "INET6": each("string", "::", "2001:db8::ff00:42:8329", "::ffff:192.0.2.1"),
    "GEOMETRY": each("bytes", POINT),
    "POINT": each("bytes", POINT),
}
