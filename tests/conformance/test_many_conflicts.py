"""Many rows that meet rows which are there: written together, and as if one by one."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.table_writes import TableWrites

_FEW = 60


@pytest.fixture
async def met(db: rowgate.Database) -> AsyncIterator[str]:
    """Two keys, the one of text, and 200 rows with even numbers."""
    await db.query("create table met (id integer primary key, code varchar(20) unique, n integer)")
    await db.table("met").insert([{"id": number, "code": f"c{number}", "n": 0} for number in range(0, 400, 2)])
    yield "met"
    await db.query("drop table met")


async def stored(db: rowgate.Database) -> dict[int, tuple[Any, ...]]:
    return {row[0]: tuple(row[1:]) for row in (await db.query("select id, code, n from met")).rows}


async def statements(db: rowgate.Database) -> int:
    """How many MariaDB has run."""
    found = await db.query(
        "select cast(variable_value as signed) from information_schema.global_status where variable_name = 'QUESTIONS'"
    )
    return int(found.rows[0][0])


@pytest.mark.parametrize("target", [[], ["id"], ["code"]])
async def test_ignored_rows_among_many_are_told_and_the_others_answered_in_order(
    writes: TableWrites, met: str, db: rowgate.Database, target: list[str]
) -> None:
    before = await statements(db) if writes.database == "mariadb" else 0
    rows = [{"id": number, "code": f"c{number}", "n": 1} for number in reversed(range(400))]
    answer = await writes.insert(met, rows, ignore=target, returning=["code"])
    if writes.database == "mariadb":
        assert await statements(db) - before < _FEW
    assert answer.rows == [(f"c{number}",) for number in range(399, 0, -2)]
    assert list(answer.response.ignored_rows) == list(range(1, 400, 2))
    assert answer.affected == 200
    assert await stored(db) == {number: (f"c{number}", number % 2) for number in range(400)}


@pytest.mark.parametrize("returning", [["n"], ["*"]])
@pytest.mark.parametrize("target", ["id", "code"])
async def test_many_rows_are_changed_or_inserted_and_answered_in_order(
    writes: TableWrites, met: str, db: rowgate.Database, target: str, returning: list[str]
) -> None:
    before = await statements(db) if writes.database == "mariadb" else 0
    rows = [{"id": number, "code": f"c{number}", "n": number} for number in reversed(range(390, 600))]
    answer = await writes.insert(met, rows, update=[target], returning=returning)
    if writes.database == "mariadb":
        assert await statements(db) - before < _FEW
    assert answer.rows == [tuple(row.values())[-len(returning if returning == ["n"] else row) :] for row in rows]
    assert (answer.affected, list(answer.response.ignored_rows)) == (210, [])
    assert (await stored(db))[398] == ("c398", 398)


async def test_a_row_that_comes_twice_is_as_if_one_by_one(writes: TableWrites, met: str, db: rowgate.Database) -> None:
    rows: list[dict[str, Any]] = [
        {"id": 1, "code": "c2", "n": 1},  # met by the other key
        {"id": 1, "code": "c1", "n": 2},
        {"id": 4, "code": "c4", "n": 3},
        {"id": 3, "code": "c1", "n": 4},
    ]
    answer = await writes.insert(met, rows, ignore=[])
    assert (answer.rows, list(answer.response.ignored_rows)) == ([(1,)], [0, 2, 3])
    twice = [{"id": 2, "code": "x", "n": 5}, {"id": 2, "code": "y", "n": 6}, {"id": 4, "code": "x", "n": 7}]
    changed = await writes.insert(met, twice, update=["id"], returning=["id", "code"])
    assert changed.rows == [(2, "x"), (2, "y"), (4, "x")]
    assert (await stored(db))[2] == ("y", 6)


async def test_a_key_that_a_later_row_frees_is_not_free_before(
    writes: TableWrites, met: str, db: rowgate.Database
) -> None:
    rows = [{"id": 1, "code": "c2"}, {"id": 2, "code": "freed"}]
    with pytest.raises(rowgate.DuplicateKey):
        await writes.insert(met, rows, update=["id"])
    assert (await stored(db))[2] == ("c2", 0)
    answer = await writes.insert(met, list(reversed(rows)), update=["id"], returning=["code"])
    assert answer.rows == [("freed",), ("c2",)]


@pytest.mark.engines("sqlite", "mariadb")  # PostgreSQL has none by itself
async def test_keys_without_regard_to_case_meet_one_another(
    writes: TableWrites, db: rowgate.Database, engine: Engine
) -> None:
    collation = {"sqlite": "nocase", "mariadb": "utf8mb4_general_ci"}[engine.name]
    await db.query(f"create table cases (code varchar(9) collate {collation} primary key, n integer not null)")
    try:
        await writes.insert("cases", [{"code": "a", "n": 0}, {"code": "b", "n": 0}])
        ignored = await writes.insert("cases", [{"code": code, "n": 1} for code in "AcCB"], ignore=[])
        assert (ignored.rows, list(ignored.response.ignored_rows)) == ([("c",)], [0, 2, 3])
        rows = [{"code": code, "n": place} for place, code in enumerate("AbdDB")]
        answer = await writes.insert("cases", rows, update=["code"], returning=["code", "n"])
        assert answer.rows == [("a", 0), ("b", 1), ("d", 2), ("d", 3), ("b", 4)]
    finally:
        await db.query("drop table cases")


async def test_rows_that_are_not_to_be_returned_may_be_more_than_an_answer_holds(
    writes: TableWrites, db: rowgate.Database
) -> None:
    await db.query("create table coded (code varchar(20) not null unique)")
    try:
        rows = [{"code": f"c{number}"} for number in range(12_000)]
        await writes.insert("coded", rows[:1])
        answer = await writes.insert("coded", rows, ignore=["code"])
        assert (answer.affected, list(answer.response.ignored_rows)) == (11_999, [0])
    finally:
        await db.query("drop table coded")
