"""Tables and views that are written otherwise than they look: what is answered is what is stored, or a refusal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.table_writes import COUNTED_KEY, TableWrites
from support.tables import Tables, compare, fields


@asynccontextmanager
async def made(db: rowgate.Database, *statements: str, dropped: tuple[str, ...]) -> AsyncIterator[None]:
    """Run statements, and drop what they made."""
    try:
        for statement in statements:
            await db.query(statement)
        yield
    finally:
        for thing in dropped:
            await db.query(f"drop {thing}")


async def stored(db: rowgate.Database, query: str) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in (await db.query(query)).rows]


async def test_a_missing_key_is_counted_beside_rows_that_have_one(
    writes: TableWrites, engine: Engine, db: rowgate.Database
) -> None:
    async with made(db, f"create table counted ({COUNTED_KEY[engine.name]}, v integer)", dropped=("table counted",)):
        rows: list[dict[str, Any]] = [{"v": 3}, {"id": 100_000, "v": 4}, {"v": 5}]
        answer = await writes.insert("counted", rows, returning=["id", "v"])
        assert await stored(db, "select id, v from counted order by v") == answer.rows
        assert [v for _, v in answer.rows] == [3, 4, 5]
        assert answer.rows[0][0] == 1
        assert answer.rows[1][0] == 100_000
        assert answer.rows[2][0] not in (0, 1)


async def test_a_view_that_nothing_writes_to_is_refused_with_returning_too(
    writes: TableWrites, engine: Engine, db: rowgate.Database
) -> None:
    # Each engine has views that it does not write to; those of SQLite never are, unless by a trigger.
    view = "create view seen as select distinct id, a from behind"
    behind = "create table behind (id integer primary key, a integer)"
    filled = "insert into behind (id, a) values (1, 1)"
    async with made(db, behind, filled, view, dropped=("view seen", "table behind")):
        for returning in ([], ["*"]) if engine.name != "mariadb" else ([],):
            for work in (
                writes.insert("seen", [{"id": 5, "a": 5}], returning=returning),
                writes.insert("seen", [{"id": 5, "a": 5}, {"id": 6, "a": 6}], returning=returning),
                writes.update("seen", {"a": 7}, where=compare("id", "EQ", 1), returning=returning),
                writes.delete("seen", where=compare("id", "EQ", 1), returning=returning),
            ):
                with pytest.raises(rowgate.NotSupported) as caught:
                    await work
                assert fields(caught.value) == ["table"]
        assert await stored(db, "select id, a from behind") == [(1, 1)]


@pytest.mark.engines("sqlite")
async def test_a_view_with_a_trigger_is_written(writes: TableWrites, db: rowgate.Database) -> None:
    view = "create view guided as select id, a from behind"
    behind = "create table behind (id integer primary key, a integer)"
    trigger = (
        "create trigger guided_in instead of insert on guided begin "
        "insert into behind (id, a) values (new.id, new.a + 1); end"
    )
    async with made(db, behind, view, trigger, dropped=("view guided", "table behind")):
        assert (await writes.insert("guided", [{"id": 1, "a": 1}], returning=["id"])).rows == [(1,)]
        with pytest.raises(rowgate.NotSupported):
            await writes.delete("guided", where=compare("id", "EQ", 1), returning=["id"])
        assert await stored(db, "select id, a from behind") == [(1, 2)]


@pytest.mark.engines("sqlite")
async def test_an_index_of_another_collation_is_no_key(
    writes: TableWrites, tables: Tables, db: rowgate.Database
) -> None:
    table = "create table folded (b text collate nocase not null, c text not null unique, d text, v integer)"
    index = "create unique index folded_b on folded (b collate binary)"
    others = "create unique index folded_d on folded (d desc)"
    rows = [{"b": text, "c": text, "d": text} for text in "aAbB"]
    async with made(db, table, index, others, dropped=("table folded",)):
        await writes.insert("folded", rows)
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await writes.delete("folded", key={"b": "B"})
        assert fields(caught.value) == ["key"]
        found = await tables.all("folded", size=1, order=["b"], columns=["c"])
        assert sorted(found) == [("A",), ("B",), ("a",), ("b",)]
        assert (await writes.delete("folded", key={"c": "B"})).affected == 1
        assert (await writes.delete("folded", key={"d": "b"})).affected == 1


@pytest.mark.engines("postgresql")
async def test_a_key_that_heirs_do_not_keep_is_no_key(
    writes: TableWrites, tables: Tables, db: rowgate.Database
) -> None:
    parent = "create table parent (id integer primary key, v integer)"
    child = "create table child () inherits (parent)"
    async with made(db, parent, child, dropped=("table parent cascade",)):
        assert (await writes.insert("parent", [{"id": 1, "v": 1}, {"id": 2, "v": 2}])).rows == [(1,), (2,)]
        await writes.insert("child", [{"id": 1, "v": 3}])
        for work in (writes.delete("parent", key={"id": 1}), writes.update("parent", {"v": 0}, key={"id": 1})):
            with pytest.raises(rowgate.InvalidRequest):
                await work
        assert await stored(db, "select id, v from parent order by v") == [(1, 1), (2, 2), (1, 3)]
        page = await tables.page("parent", size=10, order=["id"])
        assert sorted(page.rows) == [(1, 1), (1, 3), (2, 2)]


async def test_text_is_expected_as_it_is_written(writes: TableWrites, engine: Engine, db: rowgate.Database) -> None:
    folded = {"sqlite": " collate nocase", "mariadb": "", "postgresql": ""}[engine.name]
    kinds = {"a": f"varchar(20){folded}", "b": f"text{folded}", "c": "char(20)"}
    columns = ", ".join(f"{name} {kind}" for name, kind in kinds.items())
    async with made(db, f"create table said (id integer primary key, {columns})", dropped=("table said",)):
        given = dict.fromkeys(kinds, "ABC é")
        held = (await writes.insert("said", [{"id": 1, **given}], returning=list(kinds))).rows[0]
        for name in ("a", "b"):
            for other in ("abc é", "ABC é ", "ABC e", "ABC"):
                with pytest.raises(rowgate.PreconditionFailed):
                    await writes.update("said", {name: "mine"}, key={"id": 1}, expected={name: other})
        for name, text in zip(kinds, held, strict=True):
            answer = await writes.update("said", {name: "mine"}, key={"id": 1}, expected={name: text})
            assert answer.affected == 1


@pytest.mark.engines("mariadb")
async def test_rows_that_cannot_be_undone_are_not_tried_together(writes: TableWrites, db: rowgate.Database) -> None:
    table = "create table kept (id integer primary key) engine = myisam"
    async with made(db, table, "insert into kept values (1)", dropped=("table kept",)):
        with pytest.raises(rowgate.NotSupported):
            await writes.insert("kept", [{"id": 5}, {"id": 1}, {"id": 6}], ignore=[])
        assert await stored(db, "select id from kept order by id") == [(1,)]
        assert (await writes.insert("kept", [{"id": 1}], ignore=[])).affected == 0
        assert (await writes.insert("kept", [{"id": 2}], ignore=[])).affected == 1


@pytest.mark.engines("mariadb")
async def test_rows_that_stay_are_not_told_to_be_rolled_back(writes: TableWrites, db: rowgate.Database) -> None:
    for kind, outcome in (("myisam", "UNKNOWN"), ("innodb", "ROLLED_BACK")):
        async with made(db, f"create table kept (id integer primary key) engine = {kind}", dropped=("table kept",)):
            with pytest.raises(rowgate.DuplicateKey) as caught:
                await writes.insert("kept", [{"id": 5}, {"id": 5}])
            assert caught.value.metadata["outcome"] == outcome
