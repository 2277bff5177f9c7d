"""What the arrays of a row cost is known wherever the row is cut, before it has come."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.postgresql.arrays import MOST, ArrayColumns, ArraysOfRow
from rowgate_server.engines.dialects.postgresql.heads import Heads
from rowgate_server.engines.dialects.postgresql.types import Members
from rowgate_server.engines.values import ValueType

TIMES = MOST // 20
"""Members that are dates or times."""
LISTS = MOST // 5
"""Lists within an array."""
OF_ARRAYS = 2 * MOST
"""Bytes of members that are arrays themselves."""
PIECE = 256 * 1024
"""As much as is received at a time."""


@dataclass(frozen=True)
class Kind:
    name: str
    kind: str = "array"
    oid: int = 1
    schema: str = "pg_catalog"


@dataclass(frozen=True)
class Attribute:
    type: Kind


OF_VECTORS = {"int2vector[]": 1006, "oidvector[]": 1013}
OF_CALLERS = {90_000: Members(ValueType.DYNAMIC, arrays=True), 90_001: Members(ValueType.DATE, arrays=True)}
OWN = {"of lists[]": 90_000, "of dates[]": 90_001}
"""Arrays of callers' own domains that are arrays."""


def columns_of(*names: str) -> ArrayColumns:
    oids = {**OF_VECTORS, **OWN}
    kinds = [Kind(name, "array" if name.endswith("[]") else "scalar", oids.get(name, 1)) for name in names]
    return ArrayColumns([Attribute(kind) for kind in kinds], OF_CALLERS)


def binary(*sizes: int, length: int = 8) -> bytes:
    """An array of so many members in each dimension, as `array_send` has it."""
    members = 1 if sizes else 0
    for size in sizes:
        members *= size
    head = struct.pack("!iii", len(sizes), 0, 20) + b"".join(struct.pack("!ii", size, 1) for size in sizes)
    return head + struct.pack("!i", length).ljust(4 + length, b"{") * members


def row_of(*cells: bytes | None) -> bytes:
    return struct.pack("!h", len(cells)) + b"".join(
        struct.pack("!i", -1) if cell is None else struct.pack("!i", len(cell)) + cell for cell in cells
    )


def costs_too_much(arrays: ArraysOfRow, row: bytes, cuts: list[int]) -> bool:
    ends = [0, *sorted(cut % (len(row) + 1) for cut in cuts), len(row)]
    return any(arrays.follow(row[start:end]) for start, end in pairwise(ends))


CELLS = st.none() | st.sampled_from([b"", b"{}", b"{1,2}", b"\0" * 70, binary(), binary(3), binary(2, 1, 2)])


@given(before=st.lists(CELLS, max_size=4), behind=st.lists(CELLS, max_size=2), cuts=st.lists(st.integers(0, 2**20)))
@pytest.mark.parametrize("dear", [False, True])
def test_an_array_is_found_however_the_row_is_cut(
    before: list[bytes | None], behind: list[bytes | None], cuts: list[int], dear: bool
) -> None:
    names = ["text"] * len(before)
    costs = columns_of(*names, "date[]").costs
    # Its members are not there: what it has stands at its beginning.
    array = struct.pack("!iiiii", 1, 0, 1082, TIMES + dear, 1)
    row = row_of(*before, array, *behind)
    assert costs_too_much(ArraysOfRow(costs), row, cuts) is dear


@pytest.mark.parametrize(
    ("kind", "cells", "dear"),
    [
        ("date[]", [binary(TIMES // 2), binary(TIMES // 2)], False),
        ("date[]", [binary(TIMES // 2), binary(TIMES // 2), binary(1)], True),
        ("timestamptz[]", [binary(2, TIMES // 2)], False),
        ("timestamptz[]", [binary(2, TIMES // 2 + 1)], True),
        ("interval[]", [None, b"", binary(), binary(TIMES + 1, length=0)], True),
        ("int8[]", [binary(TIMES + 1)], False),
        ("int8[]", [binary(MOST, length=0), binary(1)], True),
        ("numeric[]", [b"{" + b"1" * (4 * MOST - 2) + b"}"], False),
        ("numeric[]", [b"{" + b"1" * (4 * MOST) + b"}"], True),
        ("text", [b"{" + b"1" * (4 * MOST) + b"}"], False),
        ("int8[]", [binary(LISTS, 1, length=0)], False),
        ("int8[]", [binary(LISTS + 1, 1, length=0)], True),
        ("int8[]", [binary(2, LISTS // 2, 1, length=0)], True),
        ("int2vector[]", [binary(1, length=OF_ARRAYS - 100)], False),
        ("int2vector[]", [binary(2, length=OF_ARRAYS // 2)], True),
        ("oidvector[]", [binary(1, length=OF_ARRAYS)], True),
        ("of lists[]", [binary(1, length=OF_ARRAYS)], True),
        ("of lists[]", [b"{" + b"1" * (OF_ARRAYS - 100) + b"}"], False),
        ("of dates[]", [binary(1, length=OF_ARRAYS // 5 - 100)], False),
        ("of dates[]", [binary(1, length=OF_ARRAYS // 5)], True),
    ],
)
def test_members_of_all_arrays_of_a_row_add_up(kind: str, cells: list[bytes | None], dear: bool) -> None:
    arrays = ArraysOfRow(columns_of(*[kind] * len(cells)).costs)
    assert costs_too_much(arrays, row_of(*cells), []) is dear


def message(kind: bytes, content: bytes) -> bytes:
    return struct.pack("!cI", kind, len(content) + 4) + content


def found_in(heads: Heads, data: bytes) -> Any:
    """What is found, and after how many pieces."""
    for number, start in enumerate(range(0, len(data), PIECE)):
        if (found := heads.follow(data[start : start + PIECE])) is not None:
            return found, number
    return None, 0


@pytest.mark.parametrize("rows_before", [0, 1, 9])
def test_a_row_is_looked_into_among_others(rows_before: int) -> None:
    heads = Heads(64 * 1024 * 1024)
    heads.arrays = columns_of("int4", "date[]").costs
    cheap = message(b"D", row_of(b"\0\0\0\1", binary(100_000)))
    rows = cheap * rows_before + message(b"S", b"x" * 500_000)
    dear = message(b"D", row_of(b"\0\0\0\1", binary(TIMES + 1)))
    found, pieces = found_in(heads, rows + dear + cheap)
    assert found.arrays
    assert pieces <= len(rows) // PIECE + 4
    heads = Heads(64 * 1024 * 1024)
    heads.arrays = columns_of("int4", "int8[]").costs
    assert found_in(heads, rows + dear + cheap) == (None, 0)
