"""Tables that others change between two requests: what the gateway knew of them is not taken for what they are."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import grpc.aio
import pytest

import rowgate
from support.engines import Engine
from support.process import Gateway
from support.table_writes import TableWrites
from support.tables import Tables, compare, fields


@pytest.fixture
def writes(channel: grpc.aio.Channel, engine: Engine) -> TableWrites:
    return TableWrites(channel, engine.name)


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
        await db.query("delete from moving where id = 3")
        await db.query("create unique index moving_a on moving (a)")


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
