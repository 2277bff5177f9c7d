"""The demo's file: the same rows, every time and everywhere."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rowgate_server import demo
from support.shop import CONTENTS, one, tables


def contents(connection: sqlite3.Connection) -> dict[str, tuple[int, str]]:
    """For each table the number of rows, and the start of a digest of all of them by primary key."""
    found = {}
    for table in tables(connection):
        rows = connection.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2').fetchall()
        # JSON in ASCII, because repr() of text depends on the Unicode tables of each Python.
        found[table] = len(rows), hashlib.sha256(json.dumps(rows, default=bytes.hex).encode()).hexdigest()[:16]
    return found


def test_all_rows_of_all_tables_are_the_same_on_every_machine_and_python(shop: sqlite3.Connection) -> None:
    assert contents(shop) == CONTENTS


def test_a_second_shop_in_the_same_process_is_the_same_and_stands_alone(tmp_path: Path) -> None:
    demo.create(tmp_path / "second.db")
    assert [path.name for path in tmp_path.iterdir()] == ["second.db"]  # no journal, no folder left beside it
    with closing(sqlite3.connect(tmp_path / "second.db")) as second:
        assert contents(second) == CONTENTS


def test_no_business_is_dated_outside_2023_to_2025(shop: sqlite3.Connection) -> None:
    dated = {
        "customers": ["joined_at"],
        "orders": ["placed_at", "shipped_on"],
        "parcels": ["handed_over_at", "delivered_at"],
        "products": ["introduced", "discontinued"],
        "reviews": ["written_at"],
        "stock_moves": ["moved_on"],
    }
    for table, columns in dated.items():
        for name in columns:
            low, high = shop.execute(f"SELECT min({name}), max({name}) FROM {table}").fetchone()
            assert "2023-01-01" <= low <= high < "2026-01-01", (table, name)


def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        demo.create(path)
    assert path.read_text() == "mine"


def test_a_file_made_by_somebody_else_meanwhile_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.db"
    monkeypatch.setattr(demo, "fill", lambda _: path.write_text("theirs"))
    with pytest.raises(FileExistsError):
        demo.create(path)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_seeding_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (done)")
        raise RuntimeError("no space left")

    monkeypatch.setattr(demo, "fill", fail)
    with pytest.raises(RuntimeError, match="no space left"):
        demo.create(tmp_path / "shop.db")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_of_a_modest_size(shop_file: Path) -> None:
    assert 5_000_000 < shop_file.stat().st_size < 25_000_000


def test_readers_go_on_beside_a_writer(shop_file: Path) -> None:
    with closing(sqlite3.connect(shop_file, timeout=0)) as writer, closing(sqlite3.connect(shop_file)) as reader:
        assert one(reader, "PRAGMA journal_mode") == "wal"
        writer.execute("UPDATE customers SET notes = 'moved' WHERE id = 1")
        assert one(reader, "SELECT count(*) FROM customers WHERE notes = 'moved'") == 0
        writer.rollback()
