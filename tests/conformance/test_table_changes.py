"""UpdateRows and DeleteRows mean the same on every engine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.table_writes import TableWrites
from support.tables import Tables, compare, every, fields

_ROWS = [(1, "a", 10, "x"), (2, "b", 20, "x"), (3, "c", None, "y"), (4, "d", 40, "y")]


@pytest.fixture
async def parts(db: rowgate.Database) -> AsyncIterator[str]:
    await db.query(
        "create table parts (id integer primary key, code varchar(9) not null, n integer, kind varchar(9), "
        "twice integer generated always as (n * 2) stored, constraint parts_code unique (code), check (n < 1000))"
    )
    for row in _ROWS:
        await db.query("insert into parts (id, code, n, kind) values (?, ?, ?, ?)", *row)
    yield "parts"
    await db.query("drop table parts")


async def stored(db: rowgate.Database) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await db.query("select id, code, n, kind from parts order by id")).rows]


# Updates


async def test_an_update_by_key_changes_one_row(writes: TableWrites, parts: str, db: rowgate.Database) -> None:
    by_id = await writes.update(parts, {"n": 11}, key={"id": 1}, returning=["twice", "id"])
    by_code = await writes.update(parts, {"n": 21, "kind": None}, key={"code": "b"})
    assert (by_id.rows, by_id.affected) == ([(22, 1)], 1)
    assert (by_code.rows, by_code.affected) == ([], 1)
    assert (await stored(db))[:2] == [(1, "a", 11, "x"), (2, "b", 21, None)]


async def test_affected_are_the_rows_that_were_meant_not_those_that_differ(writes: TableWrites, parts: str) -> None:
    assert (await writes.update(parts, {"kind": "x"}, where=compare("kind", "EQ", "x"))).affected == 2
    assert (await writes.update(parts, {"n": 10}, key={"id": 1})).affected == 1


async def test_an_update_by_filter_answers_in_the_order_of_the_key(
    writes: TableWrites, parts: str, db: rowgate.Database
) -> None:
    await db.query("delete from parts where id = 1")
    await db.query("insert into parts (id, code, n, kind) values (1, 'a', 10, 'x')")
    where = compare("id", "IN", 4, 2, 1)
    answer = await writes.update(parts, {"kind": "z"}, where=where, returning=["*"])
    assert answer.rows == [(1, "a", 10, "z", 20), (2, "b", 20, "z", 40), (4, "d", 40, "z", 80)]
    assert answer.affected == 3


async def test_a_key_may_be_changed_too(writes: TableWrites, parts: str, db: rowgate.Database) -> None:
    assert (await writes.update(parts, {"id": 9}, key={"id": 1}, returning=["id", "code"])).rows == [(9, "a")]
    moved = await writes.update(parts, {"id": 8}, where=compare("code", "EQ", "b"), returning=["id", "code"])
    assert moved.rows == [(8, "b")]
    assert [row[0] for row in await stored(db)] == [3, 4, 8, 9]


async def test_a_key_without_a_row_is_not_found_and_a_filter_without_rows_is_none(
    writes: TableWrites, parts: str
) -> None:
    for returning in ([], ["id"]):
        with pytest.raises(rowgate.RowNotFound) as caught:
            await writes.update(parts, {"n": 1}, key={"id": 99}, returning=returning)
        assert fields(caught.value) == ["key"]
        with pytest.raises(rowgate.RowNotFound):
            await writes.delete(parts, key={"id": 99}, returning=returning)
        none = await writes.update(parts, {"n": 1}, where=compare("id", "EQ", 99), returning=returning)
        assert (none.rows, none.affected) == ([], 0)
        assert [column.name for column in none.response.result.columns] == returning
        gone = await writes.delete(parts, where=compare("id", "EQ", 99), returning=returning)
        assert (gone.rows, gone.affected) == ([], 0)
        assert [column.name for column in gone.response.result.columns] == returning


@pytest.mark.parametrize("returning", [[], ["id"]])
async def test_what_is_expected_must_hold(
    writes: TableWrites, parts: str, db: rowgate.Database, returning: list[str]
) -> None:
    good = {"key": {"id": 1}, "expected": {"n": 10, "kind": "x"}, "returning": returning}
    assert (await writes.update(parts, {"n": 12}, **good)).affected == 1
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.update(parts, {"code": "q"}, **good)
    assert caught.value.reason == "PRECONDITION_FAILED"
    assert caught.value.metadata["column"] == "n"
    null = {"key": {"id": 3}, "expected": {"n": None}, "returning": returning}
    assert (await writes.update(parts, {"kind": "z"}, **null)).affected == 1
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.delete(parts, key={"id": 1}, expected={"n": None, "kind": "y", "code": "a"}, returning=returning)
    assert caught.value.metadata["column"] == "n, kind"
    with pytest.raises(rowgate.RowNotFound):
        await writes.delete(parts, key={"id": 99}, expected={"n": 1}, returning=returning)
    assert (await writes.delete(parts, key={"id": 1}, expected={"n": 12}, returning=returning)).affected == 1
    assert [row[0] for row in await stored(db)] == [2, 3, 4]


async def test_of_two_who_expect_the_same_one_is_told_to_look_again(writes: TableWrites, parts: str) -> None:
    async def increment() -> str:
        try:
            await writes.update(parts, {"n": 11}, key={"id": 1}, expected={"n": 10}, returning=["n"])
        except rowgate.RowgateError as error:
            return str(error.reason)
        return "done"

    ends = await asyncio.gather(*(increment() for _ in range(4)))
    assert sorted(ends) == ["PRECONDITION_FAILED"] * 3 + ["done"]


async def test_more_rows_than_wanted_are_left_alone(writes: TableWrites, parts: str, db: rowgate.Database) -> None:
    two = compare("kind", "EQ", "x")
    for returning in ([], ["id"]):
        for write in (
            writes.update(parts, {"n": 1}, where=two, max_affected=1, returning=returning),
            writes.delete(parts, where=two, max_affected=1, returning=returning),
        ):
            with pytest.raises(rowgate.RowgateError) as caught:
                await write
            assert caught.value.reason == "TOO_MANY_ROWS_AFFECTED"
            assert caught.value.metadata["outcome"] == "ROLLED_BACK"
    assert await stored(db) == _ROWS
    assert (await writes.update(parts, {"n": 1}, where=two, max_affected=2)).affected == 2


async def test_every_row_is_meant_only_if_that_is_said(writes: TableWrites, parts: str, db: rowgate.Database) -> None:
    for how in ({}, {"where": every()}, {"where": compare("id", "NOT_IN")}):
        for write in (writes.update(parts, {"n": 1}, **how), writes.delete(parts, **how)):
            with pytest.raises(rowgate.RowgateError) as caught:
                await write
            assert caught.value.reason == "UNFILTERED_WRITE"
    assert await stored(db) == _ROWS
    assert (await writes.update(parts, {"n": 1}, allow_unfiltered=True)).affected == 4
    assert (await writes.delete(parts, allow_unfiltered=True)).affected == 4
    assert await stored(db) == []


async def test_a_dry_run_tells_and_undoes(writes: TableWrites, parts: str, db: rowgate.Database) -> None:
    where = compare("kind", "EQ", "x")
    updated = await writes.update(parts, {"n": 1}, where=where, returning=["n"], dry_run=True)
    deleted = await writes.delete(parts, where=where, returning=["id"], dry_run=True)
    single = await writes.update(parts, {"n": 1}, key={"id": 4}, returning=["n"], dry_run=True)
    gone = await writes.delete(parts, key={"id": 4}, dry_run=True)
    assert (updated.rows, deleted.rows, single.rows, gone.affected) == ([(1,), (1,)], [(1,), (2,)], [(1,)], 1)
    assert await stored(db) == _ROWS


@pytest.mark.engines("mariadb")  # the others have no such tables
async def test_a_table_without_transactions_is_not_tried_on(writes: TableWrites, db: rowgate.Database) -> None:
    await db.query("create table lasting (id integer primary key, n integer) engine = MyISAM")
    try:
        await writes.insert("lasting", [{"id": 1}, {"id": 2}])
        everyone = compare("id", "GE", 1)
        for write in (
            writes.insert("lasting", [{"id": 3}], dry_run=True),
            writes.update("lasting", {"n": 1}, where=everyone, dry_run=True),
            writes.delete("lasting", key={"id": 1}, dry_run=True),
            writes.update("lasting", {"n": 1}, where=everyone, max_affected=1),
        ):
            with pytest.raises(rowgate.RowgateError) as caught:
                await write
            assert (caught.value.reason, caught.value.metadata["outcome"]) == ("NOT_SUPPORTED", "NOT_RUN")
        found = await db.query("select id, n from lasting order by id")
        assert [tuple(row) for row in found.rows] == [(1, None), (2, None)]
    finally:
        await db.query("drop table lasting")


# Deletes


async def test_deleted_rows_come_back_as_they_were_in_the_order_of_the_key(
    writes: TableWrites, parts: str, db: rowgate.Database
) -> None:
    one = await writes.delete(parts, key={"code": "c"}, returning=["*"])
    more = await writes.delete(parts, where=compare("id", "GE", 2), returning=["code", "twice"])
    assert (one.rows, one.affected) == ([(3, "c", None, "y", None)], 1)
    assert (more.rows, more.affected) == ([("b", 40), ("d", 80)], 2)
    assert await stored(db) == _ROWS[:1]


async def test_thousands_of_rows_are_changed_and_deleted_by_key(
    writes: TableWrites, parts: str, db: rowgate.Database
) -> None:
    await writes.insert(parts, [{"id": number, "code": f"k{number}", "n": 1} for number in range(100, 2700)])
    where = compare("id", "GE", 100)
    changed = await writes.update(parts, {"n": 2}, where=where, returning=["id", "n"])
    assert changed.rows == [(number, 2) for number in range(100, 2700)]
    deleted = await writes.delete(parts, where=where, returning=["id"])
    assert deleted.rows == [(number,) for number in range(100, 2700)]
    assert await stored(db) == _ROWS


async def test_composite_keys_find_their_rows(writes: TableWrites, db: rowgate.Database) -> None:
    await db.query("create table seats (line integer, place varchar(9), who varchar(9), primary key (line, place))")
    try:
        await writes.insert("seats", [{"line": line, "place": place} for line in (2, 1) for place in ("b", "a")])
        one = await writes.update("seats", {"who": "me"}, key={"place": "a", "line": 2}, returning=["line", "place"])
        assert one.rows == [(2, "a")]
        rest = await writes.update(
            "seats", {"who": "you"}, where=compare("who", "IS_NULL"), returning=["line", "place"]
        )
        assert rest.rows == [(1, "a"), (1, "b"), (2, "b")]
        gone = await writes.delete("seats", allow_unfiltered=True, returning=["place", "who"])
        assert gone.rows == [("a", "you"), ("b", "you"), ("a", "me"), ("b", "you")]
    finally:
        await db.query("drop table seats")


# What is refused


@pytest.mark.parametrize(
    ("values", "how", "field"),
    [
        ({}, {"key": {"id": 1}}, "values"),
        ({"nn": 1}, {"key": {"id": 1}}, "values[nn]"),
        ({"n": "1"}, {"key": {"id": 1}}, "values[n]"),
        ({"code": None}, {"key": {"id": 1}}, "values[code]"),
        ({"twice": 1}, {"key": {"id": 1}}, "values[twice]"),
        ({"n": 1}, {"key": {"n": 1}}, "key"),
        ({"n": 1}, {"key": {"id": 1, "code": "a"}}, "key"),
        ({"n": 1}, {"key": {"id": 1}, "where": compare("n", "EQ", 1)}, "filter"),
        ({"n": 1}, {"where": compare("n", "EQ", 1), "expected": {"n": 1}}, "expected"),
        ({"n": 1}, {"key": {"id": 1}, "expected": {"m": 1}}, "expected[m]"),
        ({"n": 1}, {"key": {"id": 1}, "expected": {"n": "x"}}, "expected[n]"),
        ({"n": 1}, {"key": {"id": 1}, "max_affected": -1}, "max_affected"),
        ({"n": 1}, {"key": {"id": 1}, "returning": ["id", "nn"]}, "returning[1]"),
    ],
)
async def test_a_change_that_cannot_be_is_refused_with_its_field(
    writes: TableWrites, parts: str, db: rowgate.Database, values: dict[str, Any], how: dict[str, Any], field: str
) -> None:
    with pytest.raises(rowgate.RowgateError) as caught:
        await writes.update(parts, values, **how)
    assert fields(caught.value) == [field]
    assert caught.value.metadata["outcome"] == "NOT_RUN"
    assert await stored(db) == _ROWS


async def test_a_change_that_the_database_refuses_changes_nothing(
    writes: TableWrites, parts: str, db: rowgate.Database
) -> None:
    for values, reason in (({"code": "a"}, "DUPLICATE_KEY"), ({"n": 1000}, "CHECK_VIOLATION")):
        for returning in ([], ["id"]):
            with pytest.raises(rowgate.RowgateError) as caught:
                await writes.update(parts, values, where=compare("id", "GE", 2), returning=returning)
            assert caught.value.reason == reason
    assert await stored(db) == _ROWS


async def test_a_view_that_is_not_written_to_says_so(writes: TableWrites, parts: str, db: rowgate.Database) -> None:
    await db.query(f"create view per_kind as select kind, count(*) as number from {parts} group by kind")
    try:
        for write in (
            writes.update("per_kind", {"kind": "z"}, where=compare("kind", "EQ", "x")),
            writes.delete("per_kind", where=compare("kind", "EQ", "x")),
        ):
            with pytest.raises(rowgate.RowgateError) as caught:
                await write
            assert caught.value.reason == "NOT_SUPPORTED"
    finally:
        await db.query("drop view per_kind")


# Soft deletes


@pytest.fixture
async def users(db: rowgate.Database, engine: Engine) -> AsyncIterator[str]:
    kind = {"sqlite": "datetime", "mariadb": "datetime(3)", "postgresql": "timestamptz"}[engine.name]
    await db.query(f"create table users (id integer primary key, name varchar(9), deleted_at {kind} null)")
    for number, name in enumerate("abc", 1):
        await db.query("insert into users (id, name) values (?, ?)", number, name)
    yield "users"
    await db.query("drop table users")


async def test_a_deleted_row_is_marked_hidden_and_can_be_restored(
    writes: TableWrites, tables: Tables, users: str
) -> None:
    one = await writes.delete(users, key={"id": 1}, returning=["id", "deleted_at"])
    assert (one.rows[0][0], one.affected, one.response.soft_delete_column) == (1, 1, "deleted_at")
    assert one.rows[0][1] is not None
    assert [row[0] for row in (await tables.page(users, columns=["id"])).rows] == [2, 3]
    with pytest.raises(rowgate.RowNotFound):
        await writes.delete(users, key={"id": 1})
    with pytest.raises(rowgate.RowNotFound):
        await writes.update(users, {"name": "z"}, key={"id": 1})
    every_live_one = await writes.update(users, {"name": "z"}, allow_unfiltered=True)
    assert (every_live_one.affected, every_live_one.response.soft_delete_column) == (2, "deleted_at")
    restored = await writes.update(users, {"deleted_at": None}, key={"id": 1}, include_deleted=True)
    assert (restored.affected, restored.response.soft_delete_column) == (1, "")
    assert (await tables.get(users, {"id": 1}))[:2] == (1, "a")


async def test_a_flag_marks_too(writes: TableWrites, tables: Tables, db: rowgate.Database) -> None:
    await db.query("create table flagged (id integer primary key, is_gone boolean not null default false)")
    try:
        await writes.insert("flagged", [{"id": 1}, {"id": 2}])
        assert (await writes.delete("flagged", where=compare("id", "EQ", 1), returning=["id"])).rows == [(1,)]
        assert (await tables.count("flagged")).count == 1
        assert (await tables.count("flagged", include_deleted=True)).count == 2
    finally:
        await db.query("drop table flagged")
