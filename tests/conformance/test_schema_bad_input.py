"""What is odd in a schema, or in a question about one, is told as it is or refused in plain words."""

from __future__ import annotations

import pytest

import rowgate
from support.engines import ENGINES, Engine

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


async def test_a_schema_that_is_not_there_is_refused(db: rowgate.Database, table: str) -> None:
    for asking in (db.tables(schema="no_such_schema"), db.describe(table, schema="no_such_schema")):
        with pytest.raises(rowgate.UnknownTable):
            await asking


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


@pytest.mark.parametrize("engine", [each for each in ENGINES if each.name != "postgresql"], ids=lambda each: each.name)
async def test_a_view_whose_table_is_gone_is_refused_by_its_name(db: rowgate.Database) -> None:
    """PostgreSQL drops no table that a view needs."""
    await db.query("create table under_view (id integer)")
    await db.query("create view over_nothing as select id from under_view")
    await db.query("drop table under_view")
    try:
        with pytest.raises(rowgate.RowgateError) as caught:
            await db.describe("over_nothing")
        assert isinstance(caught.value, (rowgate.UnknownTable, rowgate.InvalidSql))
        assert "over_nothing" in [each.name for each in await db.tables()]
    finally:
        await db.query("drop view over_nothing")
