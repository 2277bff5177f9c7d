"""Values of every storage class of SQLite's, in columns of every affinity."""

from __future__ import annotations

import math

from support.types.example import Example, each, stored
from support.types.mariadb import ASTRAL, OCTETS

_INTEGERS = each("int", -(2**63), -1, 0, 2**53 + 1, 2**63 - 1)
_DOUBLES = each("double", math.inf, -math.inf, 0.1, -2.5e-300, 5e-324, 1.7976931348623157e308)
_TEXTS = each("string", "", " spaces stay  ", ASTRAL, "\x00\x01\x1a\x7f\t\r\n", "2024-01-31")
_BLOBS = each("bytes", b"", b"\x00", OCTETS)
_BOOLEANS = [stored("int", 1, ("bool", True), ("uint", 1)), stored("int", 0, ("bool", False))]
_AS_TEXT = [
    stored("string", text, (arm, text))
    for arm, text in (
        ("decimal", "-12.30"),
        ("date", "2024-01-31"),
        ("time", "23:59:59.000000"),
        ("datetime", "2024-01-31T23:59:59.000000"),
        ("timestamp", "2024-01-31T23:59:59+02:00"),
        ("json", '{"a": 1.0}'),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000"),
        ("interval", "P1DT2H"),
    )
]

_AS_BOUND = [*_INTEGERS, *_DOUBLES, *_TEXTS, *_BLOBS, *_BOOLEANS, *_AS_TEXT, *each("double", 7.0)]
_NUMERIC = [
    *_INTEGERS,
    *_DOUBLES,
    *_TEXTS,
    *_BLOBS,
    *_BOOLEANS,
    *_AS_TEXT[1:],
    stored("double", 1.5, ("decimal", "1.50"), ("string", "1.5")),
    stored("int", 12, ("decimal", "12.00"), ("string", "12"), ("double", 12.0)),
]
_REAL = [*_DOUBLES, *_TEXTS, *_BLOBS, stored("double", 7.0, ("int", 7), ("string", "7"), ("decimal", "7.0"))]
_TEXT = [*_TEXTS, *_BLOBS, *_AS_TEXT, stored("string", "7", ("int", 7)), stored("string", "0.1", ("double", 0.1))]

VALUES: dict[str, list[Example]] = {
    "BLOB": _AS_BOUND,
    **dict.fromkeys(("INTEGER", "NUMERIC", "DECIMAL(12,2)", "BOOLEAN", "DATE", "DATETIME"), _NUMERIC),
    **dict.fromkeys(("REAL", "DOUBLE"), _REAL),
    **dict.fromkeys(("TEXT", "VARCHAR(40)"), _TEXT),
}
