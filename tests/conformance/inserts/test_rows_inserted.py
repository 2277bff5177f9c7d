"""InsertRows means the same on every engine: what goes in, comes back and is refused."""

from __future__ import annotations

from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.rows import stored
from support.table_writes import TableWrites
from support.tables import fields

_QUOTES = {"sqlite": '"', "mariadb": "`", "postgresql": '"'}


async def test_a_row_comes_back_with_its_generated_key(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    first = await writes.insert(notes, [{"code": "a"}])
    second = await writes.insert(notes, [{"code": "b", "stars": 5}], returning=["stars", "id", "body", "twice"])
    assert first.rows == [(1,)]
    assert second.rows == [(5, 2, "empty", 10)]
    assert (first.affected, second.affected) == (1, 1)
    assert await stored(db) == [("a", "empty", None), ("b", "empty", 5)]


async def test_rows_come_back_in_their_order_whatever_columns_they_have(writes: TableWrites, notes: str) -> None:
    rows: list[dict[str, Any]] = [
        {"code": "z"},
        {"code": "y", "body": "why"},
        {"stars": 1},
        {"body": "b", "code": "x", "stars": 2},
        {"code": "w"},
    ]
    answer = await writes.insert(notes, rows, returning=["*"])
    assert answer.rows == [
        (1, "z", "empty", None, None),
        (2, "y", "why", None, None),
        (3, None, "empty", 1, 2),
        (4, "x", "b", 2, 4),
        (5, "w", "empty", None, None),
    ]
    assert answer.affected == 5


async def test_thousands_of_rows_go_in_together_and_come_back_in_order(writes: TableWrites, notes: str) -> None:
    rows = [{"code": f"c{(number * 7919) % 12_007}", "stars": number % 5} for number in range(12_000)]
    answer = await writes.insert(notes, rows, returning=["id", "code"])
    assert [code for _, code in answer.rows] == [row["code"] for row in rows]
    assert [number for number, _ in answer.rows] == sorted(number for number, _ in answer.rows)
    assert answer.affected == 12_000


async def test_all_rows_go_in_or_none(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    rows = [{"code": f"c{number}", "body": "x" * 60} for number in range(11_000)]
    with pytest.raises(rowgate.DuplicateKey) as caught:
        await writes.insert(notes, [*rows, {"code": "c0"}])
    assert caught.value.metadata["outcome"] == "ROLLED_BACK"
    assert await stored(db) == []


async def test_large_rows_are_cut_into_statements(writes: TableWrites, db: rowgate.Database) -> None:
    await db.query("create table pages (id integer primary key, body text)")
    try:
        rows: list[dict[str, Any]] = [{"id": number, "body": f"'\\{number}" * 40_000} for number in range(20)]
        if writes.database == "mariadb":  # its TEXT holds 64 kB
            rows = [{**row, "body": row["body"][:60_000]} for row in rows]
        answer = await writes.insert("pages", rows)
        assert answer.rows == [(number,) for number in range(20)]
        found = await db.query("select id, body from pages order by id")
        assert [tuple(row) for row in found.rows] == [(row["id"], row["body"]) for row in rows]
    finally:
        await db.query("drop table pages")


async def test_a_table_without_a_key_returns_nothing_unless_asked(writes: TableWrites, db: rowgate.Database) -> None:
    await db.query("create table heap (a integer, b varchar(9))")
    try:
        rows = [{"a": 2, "b": "x"}, {"a": 1, "b": "y"}, {"a": 2, "b": "z"}]
        plain = await writes.insert("heap", rows)
        told = await writes.insert("heap", rows, returning=["b"])
        assert (plain.rows, plain.affected, list(plain.response.result.columns)) == ([], 3, [])
        assert told.rows == [("x",), ("y",), ("z",)]
    finally:
        await db.query("drop table heap")


async def test_zero_is_zero_in_a_counted_key(writes: TableWrites, notes: str) -> None:
    assert (await writes.insert(notes, [{"id": 0, "code": "zero"}])).rows == [(0,)]


async def test_a_dry_run_answers_and_changes_nothing(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    answer = await writes.insert(notes, [{"code": "a"}, {"code": "b"}], returning=["code"], dry_run=True)
    assert (answer.rows, answer.affected) == ([("a",), ("b",)], 2)
    with pytest.raises(rowgate.DuplicateKey):
        await writes.insert(notes, [{"code": "a"}, {"code": "a"}], dry_run=True)
    assert await stored(db) == []


# What is refused


@pytest.mark.parametrize(
    ("row", "error", "field"),
    [
        ({}, rowgate.RequestError, "rows[1].values"),
        ({"cod": "a"}, rowgate.RowgateError, "rows[1].values[cod]"),
        ({"stars": "5"}, rowgate.RowgateError, "rows[1].values[stars]"),
        ({"stars": 40_000}, rowgate.RowgateError, "rows[1].values[stars]"),
        ({"body": "x" * 70}, rowgate.RowgateError, "rows[1].values[body]"),
        ({"body": None}, rowgate.RowgateError, "rows[1].values[body]"),
        ({"twice": 2}, rowgate.RowgateError, "rows[1].values[twice]"),
    ],
)
async def test_a_row_that_cannot_be_is_refused_by_its_place(
    writes: TableWrites, notes: str, db: rowgate.Database, row: dict[str, Any], error: type[Exception], field: str
) -> None:
    with pytest.raises(error) as caught:
        await writes.insert(notes, [{"code": "fine"}, row])
    assert isinstance(caught.value, rowgate.RowgateError)
    assert fields(caught.value) == [field]
    assert caught.value.metadata["outcome"] == "NOT_RUN"
    assert await stored(db) == []


async def test_a_misspelt_column_is_told_what_may_be_meant(writes: TableWrites, notes: str) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [{"boddy": "x"}])
    assert caught.value.metadata["hint"] == "did you mean body?"


async def test_no_rows_are_refused(writes: TableWrites, notes: str) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [])
    assert fields(caught.value) == ["rows"]


async def test_what_the_database_refuses_is_told_by_row_where_that_is_clear(
    writes: TableWrites, db: rowgate.Database
) -> None:
    await db.query("create table strict_ones (id integer primary key, name varchar(9) not null)")
    try:
        with pytest.raises(rowgate.RowgateError) as caught:
            await writes.insert("strict_ones", [{"id": 1, "name": "a"}, {"id": 2}])
        assert caught.value.reason == "NOT_NULL_VIOLATION"
        assert fields(caught.value) == ["rows[1].values[name]"]
    finally:
        await db.query("drop table strict_ones")


async def test_a_check_that_does_not_hold_is_an_error(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.insert(notes, [{"stars": 3}, {"stars": 6}])
    assert caught.value.reason == "CHECK_VIOLATION"
    assert await stored(db) == []


async def test_a_view_that_takes_no_rows_says_so(writes: TableWrites, notes: str, db: rowgate.Database) -> None:
    await db.query(f"create view per_star as select stars, count(*) as number from {notes} group by stars")
    try:
        with pytest.raises(rowgate.RowgateError) as caught:
            await writes.insert("per_star", [{"stars": 1}])
        assert caught.value.reason == "NOT_SUPPORTED"
        assert "view" in caught.value.message
    finally:
        await db.query("drop view per_star")


async def test_hostile_names_are_only_names(writes: TableWrites, db: rowgate.Database, engine: Engine) -> None:
    quote = _QUOTES[engine.name]

    def quoted(name: str) -> str:
        return quote + name.replace(quote, quote * 2) + quote

    table, columns = (
        'Tä ble"; drop `x`.select',
        ["order", "a.b", "%s :x ?", "Ünï'cöde", 'back`tick"', "a) values (1); --"],
    )
    definitions = ", ".join(f"{quoted(name)} integer" for name in columns)
    await db.query(f"create table {quoted(table)} ({definitions}, primary key ({quoted('order')}))")
    try:
        row = {name: number for number, name in enumerate(columns)}
        answer = await writes.insert(table, [row, {**row, "order": 9}], returning=list(reversed(columns)))
        assert answer.rows == [(5, 4, 3, 2, 1, 0), (5, 4, 3, 2, 1, 9)]
        changed = await writes.update(table, {columns[-1]: 77}, key={"order": 9}, returning=[columns[-1]])
        assert changed.rows == [(77,)]
        assert (await writes.delete(table, key={"order": 9})).affected == 1
    finally:
        await db.query(f"drop table {quoted(table)}")
