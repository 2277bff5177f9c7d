"""Tables that others change between two requests: what the gateway knew of them is not taken for what they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

import rowgate
from support.engines import Engine
from support.process import Gateway
from support.table_writes import TableWrites
from support.tables import Tables, compare, fields


@pytest.fixture(scope="module")
async def others(urls: dict[str, str]) -> AsyncIterator[rowgate.Client]:
    """Whoever changes tables without this gateway's knowledge: another gateway."""
    with Gateway.start(environment=urls) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            yield client


@pytest.fixture
def elsewhere(others: rowgate.Client, engine: Engine) -> rowgate.Database:
    return others.using(engine.name)


@pytest.fixture
async def moving(db: rowgate.Database) -> AsyncIterator[str]:
    """A key, and a unique index beside it."""
    await db.query("create table moving (id integer primary key, a integer not null)")
    await db.query("create unique index moving_a on moving (a)")
    await db.query("insert into moving (id, a) values (1, 1), (2, 2)")
    yield "moving"
    await db.query("drop table moving")


async def stored(db: rowgate.Database) -> list[tuple[object, ...]]:
    return [tuple(row) for row in (await db.query("select id, a from moving order by id")).rows]


async def test_a_key_that_is_unique_no_longer_changes_nothing(
    writes: TableWrites, tables: Tables, engine: Engine, moving: str, db: rowgate.Database, elsewhere: rowgate.Database
) -> None:
    table = " on moving" if engine.name == "mariadb" else ""
    works: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: tables.get(moving, {"a": 1}),
        lambda: writes.update(moving, {"a": 9}, key={"a": 1}),
        lambda: writes.update(moving, {"a": 9}, key={"a": 1}, returning=["id"]),
        lambda: writes.delete(moving, key={"a": 1}),
        lambda: writes.delete(moving, key={"a": 1}, returning=["id"]),
    )
    for work in works:
        assert (await tables.get(moving, {"a": 1}))[0] == 1
        await elsewhere.query(f"drop index moving_a{table}")
        await elsewhere.query("insert into moving (id, a) values (3, 1)")
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await work()
        assert fields(caught.value) == ["key"]
        assert await stored(db) == [(1, 1), (2, 2), (3, 1)]
        # SQLite's own connection would not know yet that the index is gone.
        again = elsewhere if engine.name == "sqlite" else db
        await again.query("delete from moving where id = 3")
        await again.query("create unique index moving_a on moving (a)")


async def test_a_change_made_through_the_gateway_is_known_at_once(
    writes: TableWrites, tables: Tables, db: rowgate.Database
) -> None:
    await db.query("create table turning (id integer primary key, a integer not null)")
    try:
        await writes.insert("turning", [{"id": 1, "a": 1}, {"id": 2, "a": 2}])
        assert (await tables.count("turning", compare("a", "NE", 1))).count == 1
        await db.query("alter table turning rename to turned")
        await db.query("create table turning (id integer primary key, a integer, b integer)")
        await db.query("insert into turning select id, a, 7 from turned")
        await db.query("insert into turning (id, a) values (3, null)")
        assert (await tables.count("turning", compare("a", "NE", 1))).count == 2
        assert (await tables.count("turning", compare("a", "IS_NULL"))).count == 1
        ordered = await tables.all("turning", size=1, order=["a"])
        assert sorted(ordered) == [(1, 1, 7), (2, 2, 7), (3, None, None)]
    finally:
        await db.query("drop table turning")
        await db.query("drop table if exists turned")


async def test_a_primary_key_that_is_gone_changes_nothing(
    writes: TableWrites, tables: Tables, engine: Engine, db: rowgate.Database, elsewhere: rowgate.Database
) -> None:
    await db.query("create table leaving (id integer not null, a integer, constraint leaving_key primary key (id))")
    drop = {"mariadb": "alter table leaving drop primary key"}.get(
        engine.name, "alter table leaving drop constraint leaving_key"
    )
    works: tuple[Callable[[], Awaitable[object]], ...] = (
        lambda: writes.update("leaving", {"a": 9}, key={"id": 1}),
        lambda: writes.delete("leaving", key={"id": 1}),
        lambda: writes.insert("leaving", [{"id": 1, "a": 9}], update=["id"]),
        lambda: writes.insert("leaving", [{"id": 1, "a": 9}, {"id": 2, "a": 9}], update=["id"]),
        lambda: tables.get("leaving", {"id": 1}),
    )
    try:
        for work in works:
            await writes.insert("leaving", [{"id": 1, "a": 1}])
            assert await tables.get("leaving", {"id": 1}) == (1, 1)
            if engine.name == "sqlite":  # which drops no constraint
                await elsewhere.query("alter table leaving rename to left_behind")
                await elsewhere.query("create table leaving (id integer not null, a integer)")
                await elsewhere.query("insert into leaving select * from left_behind")
                await elsewhere.query("drop table left_behind")
            else:
                await elsewhere.query(drop)
            await elsewhere.query("insert into leaving values (1, 2)")
            with pytest.raises(rowgate.InvalidRequest):
                await work()
            found = await elsewhere.query("select id, a from leaving order by a")
            assert [tuple(row) for row in found.rows] == [(1, 1), (1, 2)]
            await elsewhere.query("drop table leaving")
            await db.query(
                "create table leaving (id integer not null, a integer, constraint leaving_key primary key (id))"
            )
    finally:
        await db.query("drop table leaving")


@pytest.mark.engines("sqlite")
async def test_what_another_does_to_a_file_is_known_at_once(
    tables: Tables, db: rowgate.Database, elsewhere: rowgate.Database
) -> None:
    await db.query("create table growing (id integer primary key, a integer not null)")
    try:
        await db.query("insert into growing values (1, 1)")
        assert (await tables.page("growing")).rows == [(1, 1)]
        await elsewhere.query("alter table growing add column b integer default 7")
        assert (await tables.page("growing")).rows == [(1, 1, 7)]
    finally:
        await db.query("drop table growing")
