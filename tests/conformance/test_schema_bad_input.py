"""What is odd in a schema, or in a question about one, is told as it is or refused in plain words."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rowgate
from support.engines import Engine
from support.mariadb import MariaDB
from support.throwaway import USER

_UNKNOWN_TYPES = {"mariadb": ("inet6", "inet6"), "postgresql": ("tsvector", "tsvector"), "sqlite": ("whatsit(3)",) * 2}


async def test_wildcards_in_names_are_only_characters(db: rowgate.Database, engine: Engine) -> None:
    quote = "`" if engine.name == "mariadb" else '"'
    names = ["wild%card", "wild_card", "wildxcard", "wild*card"]
    for name in names:
        await db.query(f"create table {quote}{name}{quote} (id integer)")
    try:
        for pattern, found in (("wild%card", 1), ("wild_card", 1), ("wild\\*card", 1), ("wild?card", 4)):
            assert len(await db.tables(pattern)) == found
        assert (await db.describe("wild%card")).name == "wild%card"
        with pytest.raises(rowgate.UnknownTable):
            await db.describe("wild*")
    finally:
        for name in names:
            await db.query(f"drop table {quote}{name}{quote}")


async def test_a_schema_that_is_not_there_is_refused(db: rowgate.Database, table: str, engine: Engine) -> None:
    name = engine.schema + "z"
    for asking in (
        db.tables(schema=name),
        db.describe(table, schema=name),
        db.schema(schemas=[name]),
        db.complete("select ", schema=name),
        db.drop_table(table, schema=name),
        db.table(table, schema=name).count(),
    ):
        with pytest.raises(rowgate.UnknownTable) as caught:
            await asking
        assert (caught.value.metadata["schema"], caught.value.metadata["hint"]) == (
            name,
            f"did you mean {engine.schema}?",
        )


@pytest.mark.engines("mariadb")
async def test_a_schema_is_found_as_soon_as_it_is_made(db: rowgate.Database, mariadb_server: MariaDB) -> None:
    """Beside the gateway, while it has a tree."""
    await db.schema()
    mariadb_server.script(f"create database late_schema; grant all on late_schema.* to {USER}@'%'")
    try:
        assert "late_schema" in (await db.schema(schemas=["late_schema"]))
        assert "late_schema" in [schema.name for schema in await db.schemas()]
    finally:
        mariadb_server.script(f"revoke all on late_schema.* from {USER}@'%'; drop database late_schema")
        await db.refresh_schema()


@pytest.mark.engines("mariadb", "postgresql")
async def test_the_server_s_own_schemas_are_not_in_the_tree(db: rowgate.Database) -> None:
    with pytest.raises(rowgate.NotSupported):
        await db.schema(schemas=["information_schema"])
    assert [schema.name for schema in await db.schemas() if schema.is_system]


async def test_a_type_that_nobody_knows_is_told_by_its_name(db: rowgate.Database, engine: Engine) -> None:
    declared, told = _UNKNOWN_TYPES[engine.name]
    await db.query(f"create table odd_type (c {declared})")
    try:
        assert (await db.describe("odd_type")).columns[0].database_type == told
        tree = await db.schema()
        assert tree[engine.schema]["odd_type"]["c"].database_type == told
        assert await db.table("odd_type").count() == 0
    finally:
        await db.query("drop table odd_type")


async def test_a_table_of_many_columns_is_described_whole(db: rowgate.Database) -> None:
    await db.query(f"create table described_wide ({', '.join(f'c{number} integer' for number in range(1000))})")
    try:
        assert len((await db.describe("described_wide")).columns) == 1000
        assert await db.table("described_wide").count() == 0
    finally:
        await db.query("drop table described_wide")


@pytest.mark.engines("mariadb", "sqlite")
async def test_a_view_whose_table_is_gone_is_told_as_broken(db: rowgate.Database, engine: Engine) -> None:
    """PostgreSQL drops no table that a view needs."""
    await db.query("create table under_view (id integer)")
    await db.query("create view over_nothing as select id from under_view")
    await db.query("create view over_itself as select 1 as one")
    await db.query("create table under_it (id integer)")
    await db.query("drop table under_view")
    try:
        view = await db.describe("over_nothing")
        assert (view.kind, view.broken, view.columns) == (rowgate.TableKind.VIEW, True, ())
        assert "under_view" in view.create_statement
        tree = (await db.schema())[engine.schema]
        assert (tree["over_nothing"].broken, list(tree["over_nothing"]), tree["over_nothing"].comment) == (True, [], "")
        assert (tree["over_itself"].broken, list(tree["over_itself"])) == (False, ["one"])
        assert [(each.name, each.broken) for each in await db.tables("over*")] == [
            ("over_itself", False),
            ("over_nothing", True),
        ]
        with pytest.raises(rowgate.UnknownTable) as caught:
            await db.table("over_nothing").count()
        assert caught.value.metadata["table"] == "over_nothing"
        with pytest.raises(rowgate.TableExists):
            await db.create_table(replace(await db.describe("under_it"), name="over_nothing"))
    finally:
        await db.query("drop view over_nothing")
        await db.query("drop view over_itself")
        await db.query("drop table under_it")
