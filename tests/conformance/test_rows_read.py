"""GetRow, and what all reading has in common: names, keys, views, schemas, tables that change, deleted rows."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.engines import Engine
from support.mariadb import MariaDB
from support.tables import Tables, compare, fields
from support.throwaway import USER


@pytest.fixture
async def parts(db: rowgate.Database) -> AsyncIterator[str]:
    await db.query(
        "create table parts (maker integer not null, code varchar(8) not null, serial integer, note varchar(20), "
        "primary key (maker, code), unique (serial))"
    )
    for maker, code, serial in ((1, "a", 10), (1, "b", 11), (2, "a", None), (2, "b", None)):
        await db.query("insert into parts values (?, ?, ?, 'n')", maker, code, serial)
    yield "parts"
    await db.query("drop table parts")


# Keys


async def test_a_row_is_found_by_its_whole_key(tables: Tables, parts: str) -> None:
    assert await tables.get(parts, {"maker": 1, "code": "b"}) == (1, "b", 11, "n")
    assert await tables.get(parts, {"code": "a", "maker": 2}, columns=["serial", "maker"]) == (None, 2)


async def test_a_row_is_found_by_another_unique_key(tables: Tables, parts: str) -> None:
    assert await tables.get(parts, {"serial": 10}) == (1, "a", 10, "n")


async def test_a_key_of_no_row_says_so(tables: Tables, parts: str, engine: Engine) -> None:
    with pytest.raises(rowgate.RowNotFound) as caught:
        await tables.get(parts, {"maker": 3, "code": "a"})
    assert caught.value.metadata["database"] == engine.name
    assert caught.value.metadata["table"] == parts
    assert fields(caught.value) == ["key"]


@pytest.mark.parametrize(
    ("key", "kind", "field"),
    [
        ({}, "INVALID_REQUEST", "key"),
        ({"maker": 1}, "INVALID_REQUEST", "key"),
        ({"maker": 1, "code": "a", "serial": 10}, "INVALID_REQUEST", "key"),
        ({"note": "n"}, "INVALID_REQUEST", "key"),
        ({"maker": 1, "cod": "a"}, "UNKNOWN_COLUMN", "key[cod]"),
        ({"maker": 1, "code": None}, "INVALID_PARAMETER", "key[code]"),
        ({"maker": "1", "code": "a"}, "INVALID_PARAMETER", "key[maker]"),
        ({"maker": 1, "code": "a" * 9}, "VALUE_OUT_OF_RANGE", "key[code]"),
        ({"maker": 2**63, "code": "a"}, "VALUE_OUT_OF_RANGE", "key[maker]"),
    ],
)
async def test_what_is_no_key_is_refused(
    tables: Tables, parts: str, key: dict[str, object], kind: str, field: str
) -> None:
    with pytest.raises(rowgate.RequestError) as caught:
        await tables.get(parts, key)
    assert (caught.value.reason, fields(caught.value)) == (kind, [field])
    if field == "key":
        assert caught.value.metadata["hint"] == "a key is (maker, code) or (serial), whole and alone"


async def test_a_table_without_a_key_has_no_rows_by_key(db: rowgate.Database, tables: Tables) -> None:
    await db.query("create table bare (a integer)")
    try:
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await tables.get("bare", {"a": 1})
        assert "filter" in caught.value.metadata["hint"]
    finally:
        await db.query("drop table bare")


async def test_a_unique_index_is_a_key(db: rowgate.Database, tables: Tables, table: str) -> None:
    await db.query(f"insert into {table} (id, name, amount) values (1, 'a', 2)")
    await db.query(f"create unique index {table}_name on {table} (name)")
    assert (await tables.get(table, {"name": "a"}))[0] == 1


@pytest.mark.engines("sqlite", "postgresql")
async def test_a_unique_index_that_leaves_rows_out_is_no_key(db: rowgate.Database, tables: Tables, table: str) -> None:
    await db.query(f"create unique index {table}_amount on {table} (amount) where amount > 1")
    with pytest.raises(rowgate.InvalidRequest):
        await tables.get(table, {"amount": 2})


# Names


async def test_unknown_names_come_with_near_misses(tables: Tables, parts: str) -> None:
    for call, kind, hint in (
        (tables.page("partz"), "UNKNOWN_TABLE", "did you mean parts?"),
        (tables.page("PARTS"), "UNKNOWN_TABLE", "did you mean parts?"),
        (tables.page(parts, columns=["Serial"]), "UNKNOWN_COLUMN", "did you mean serial?"),
        (tables.get(parts, {"serail": 1}), "UNKNOWN_COLUMN", "did you mean serial?"),
        (tables.count("partz"), "UNKNOWN_TABLE", "did you mean parts?"),
    ):
        with pytest.raises(rowgate.RowgateError) as caught:
            await call
        assert (caught.value.reason, caught.value.metadata["hint"]) == (kind, hint)


# Views, schemas, generated columns


async def test_a_view_is_read_like_a_table(db: rowgate.Database, tables: Tables, parts: str) -> None:
    await db.query(f"create view ones as select code, serial from {parts} where maker = 1")
    try:
        assert await tables.all("ones", size=1, order=["code"]) == [("a", 10), ("b", 11)]
        assert (await tables.count("ones", compare("serial", "GT", 10))).count == 1
        with pytest.raises(rowgate.InvalidRequest):
            await tables.get("ones", {"code": "a"})
    finally:
        await db.query("drop view ones")


async def test_a_table_of_another_schema_is_read_by_it(
    db: rowgate.Database, tables: Tables, engine: Engine, mariadb_server: MariaDB
) -> None:
    schema = engine.schema if engine.name == "sqlite" else "elsewhere"
    if engine.name == "mariadb":
        mariadb_server.script(f"create database {schema}; grant all on {schema}.* to '{USER}'@'%'")
    elif engine.name == "postgresql":
        await db.query(f"create schema {schema}")
    try:
        await db.query(f"create table {schema}.far (id integer primary key)")
        await db.query(f"insert into {schema}.far values (7)")
        assert (await tables.page("far", schema=schema)).rows == [(7,)]
        assert await tables.get("far", {"id": 7}, schema=schema) == (7,)
        if engine.name != "sqlite":
            with pytest.raises(rowgate.UnknownTable):
                await tables.page("far")
        # MariaDB does not tell a login without any rights to a schema whether it is there.
        with pytest.raises((rowgate.UnknownTable, rowgate.PermissionDenied)):
            await tables.page("far", schema="nowhere")
    finally:
        await db.query(f"drop table {schema}.far")
        if engine.name != "sqlite":
            await db.query(f"drop schema {schema}")


async def test_generated_columns_are_columns(db: rowgate.Database, tables: Tables) -> None:
    await db.query("create table gen (id integer primary key, twice integer generated always as (id * 2) stored)")
    try:
        for number in (3, 1, 2):
            await db.query("insert into gen (id) values (?)", number)
        assert await tables.all("gen", order=[("twice", "desc")], size=1) == [(3, 6), (2, 4), (1, 2)]
        assert (await tables.page("gen", where=compare("twice", "EQ", 4))).rows == [(2, 4)]
    finally:
        await db.query("drop table gen")


# Tables that change


async def test_a_table_that_was_just_made_is_found(db: rowgate.Database, tables: Tables) -> None:
    with pytest.raises(rowgate.UnknownTable):
        await tables.page("fresh")
    await db.query("create table fresh (id integer primary key)")
    try:
        assert (await tables.page("fresh")).rows == []
    finally:
        await db.query("drop table fresh")
    with pytest.raises(rowgate.UnknownTable):
        await tables.page("fresh")


async def test_a_column_that_was_just_added_or_dropped_is_noticed(
    db: rowgate.Database, tables: Tables, table: str
) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'a')")
    assert (await tables.page(table, columns=["name"])).rows == [("a",)]
    await db.query(f"alter table {table} add column extra integer")
    assert (await tables.page(table, columns=["extra"])).rows == [(None,)]
    assert (await tables.count(table, compare("extra", "IS_NULL"))).count == 1
    await db.query(f"alter table {table} drop column extra")
    assert (await tables.page(table)).rows == [(1, "a", None)]
    with pytest.raises(rowgate.UnknownColumn) as caught:
        await tables.page(table, columns=["extra"])
    assert fields(caught.value) == ["columns[0]"]


async def test_a_table_made_anew_with_other_columns_is_read_as_it_is(db: rowgate.Database, tables: Tables) -> None:
    await db.query("create table again (id integer primary key, a integer)")
    assert (await tables.page("again")).rows == []
    await db.query("drop table again")
    await db.query("create table again (id integer primary key, b integer)")
    try:
        await db.query("insert into again values (1, 2)")
        assert (await tables.page("again")).rows == [(1, 2)]
        assert await tables.get("again", {"id": 1}, columns=["b"]) == (2,)
    finally:
        await db.query("drop table again")


async def test_a_table_made_anew_with_another_mark_is_read_as_it_is(
    db: rowgate.Database, tables: Tables, engine: Engine
) -> None:
    flag = "boolean not null default false" if engine.name == "postgresql" else "bigint not null default 0"
    for kind in ("integer not null default 0", flag):
        await db.query(f"create table flagged (id integer primary key, is_gone {kind})")
        try:
            await db.query("insert into flagged (id) values (1)")
            assert (await tables.page("flagged", columns=["id"])).rows == [(1,)]
        finally:
            await db.query("drop table flagged")


# Deleted rows


@pytest.fixture
async def marked(db: rowgate.Database) -> AsyncIterator[None]:
    moment = "timestamp null"
    await db.query(f"create table marked (id integer primary key, deleted_at {moment})")
    await db.query("create table flagged (id integer primary key, is_gone integer not null default 0)")
    await db.query(f"create table keeping (id integer primary key, deleted_at {moment})")
    for name, mark in (("marked", "'2024-01-31 10:00:00'"), ("flagged", "1"), ("keeping", "'2024-01-31 10:00:00'")):
        column = "is_gone" if name == "flagged" else "deleted_at"
        await db.query(f"insert into {name} (id) values (1), (3)")
        await db.query(f"insert into {name} (id, {column}) values (2, {mark})")
    yield
    for name in ("marked", "flagged", "keeping"):
        await db.query(f"drop table {name}")


@pytest.mark.usefixtures("marked")
@pytest.mark.parametrize(("name", "column"), [("marked", "deleted_at"), ("flagged", "is_gone")])
async def test_rows_marked_as_deleted_are_left_out_unless_asked_for(tables: Tables, name: str, column: str) -> None:
    page = await tables.page(name, columns=["id"], count=2)
    assert page.rows == [(1,), (3,)]
    assert (page.response.total_count, page.response.soft_delete_column) == (2, column)
    assert [row[0] for row in await tables.all(name, size=1)] == [1, 3]
    count = await tables.count(name)
    assert (count.count, count.soft_delete_column) == (2, column)
    with pytest.raises(rowgate.RowNotFound):
        await tables.get(name, {"id": 2})

    whole = await tables.page(name, columns=["id"], include_deleted=True)
    assert (whole.rows, whole.response.soft_delete_column) == ([(1,), (2,), (3,)], "")
    assert (await tables.count(name, include_deleted=True)).count == 3
    assert (await tables.get(name, {"id": 2}, include_deleted=True))[0] == 2


@pytest.mark.usefixtures("marked")
async def test_a_table_that_is_configured_not_to_mark_shows_all_its_rows(tables: Tables) -> None:
    page = await tables.page("keeping", columns=["id"])
    assert (page.rows, page.response.soft_delete_column) == ([(1,), (2,), (3,)], "")


# The request


async def test_a_request_without_a_table_or_of_no_database_is_refused(tables: Tables) -> None:
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await tables.page("")
    assert fields(caught.value) == ["table"]
    with pytest.raises(rowgate.UnknownDatabase) as unknown:
        await tables.of("nowhere").page("x")
    assert fields(unknown.value) == ["database"]


async def test_counting_nothing_is_refused(tables: Tables, table: str) -> None:
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await tables.count(table, count=1)
    assert fields(caught.value) == ["count"]
