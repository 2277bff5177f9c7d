"""How many rows one hop to SQLite's thread brings: what is at hand soon and fits, not a number of them."""

from __future__ import annotations

import math
import sqlite3
import time
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from rowgate_server.engines.dialects.sqlite.reading import read

ROWS = "with recursive n(i) as (select 1 union all select i + 1 from n where i < 100000) select {} from n"
KIB = 1024


class Counted:
    """A connection whose function `made(size)` makes that many bytes, and is counted."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:")
        self.calls = 0
        self.clock = 1000.0
        self.connection.create_function("made", 1, self.make)
        self.connection.create_function("slow", 0, self.wait)

    def make(self, size: int) -> bytes:
        self.calls += 1
        return bytes(size)

    def wait(self) -> int:
        self.clock += 0.03
        return 1

    def rows(self, cell: str) -> sqlite3.Cursor:
        return self.connection.execute(ROWS.format(cell))


@pytest.fixture
def counted() -> Iterator[Counted]:
    counted = Counted()
    with patch.object(time, "monotonic", lambda: counted.clock):
        yield counted
    counted.connection.close()


def test_a_row_that_takes_long_is_shown_by_itself(counted: Counted) -> None:
    cursor = counted.rows("slow()")
    assert [len(read(cursor, math.inf)) for _ in range(3)] == [1, 1, 1]


def test_quick_and_narrow_rows_come_by_thousands(counted: Counted) -> None:
    cursor = counted.rows("i")
    assert len(read(cursor, math.inf)) == 4096


def test_wide_rows_come_one_by_one(counted: Counted) -> None:
    cursor = counted.rows(f"made({300 * KIB})")
    assert [len(read(cursor, math.inf)) for _ in range(3)] == [1, 1, 1]


def test_no_more_is_read_than_is_wanted(counted: Counted) -> None:
    cursor = counted.rows("made(10)")
    assert len(read(cursor, 5)) == 5
    assert counted.calls <= 6  # sqlite3 steps one row ahead


def test_wide_rows_behind_narrow_ones_are_bounded(counted: Counted) -> None:
    cursor = counted.rows(f"made(case when i < 2000 then 1 else {KIB * KIB} end)")
    while rows := read(cursor, math.inf):
        wide = sum(len(cell) == KIB * KIB for (cell,) in rows)
        assert wide <= 64
        if wide:
            break
    assert [len(read(cursor, math.inf)) for _ in range(3)] == [1, 1, 1]


def test_the_end_is_told_by_no_rows(counted: Counted) -> None:
    cursor = counted.rows("i")
    total = 0
    while rows := read(cursor, math.inf):
        total += len(rows)
    assert total == 100_000
    assert read(cursor, math.inf) == []
