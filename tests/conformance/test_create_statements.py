"""What GetTable says of how a table is made makes the same table again."""

from __future__ import annotations

import pytest

import rowgate
from support.engines import Engine

_OF_MARIADB = """
create table Made (
  a int auto_increment primary key, b varchar(9) not null default 'x;', c int,
  d int generated always as (c + 1) stored, check (b <> ''), key by_c (c desc, b)
)"""
_OF_POSTGRESQL = """
create table "Made" (
  a integer generated always as identity primary key,
  b varchar(9) collate "C" not null default 'x;', c integer default 3,
  d integer generated always as (c + 1) stored, during int4range,
  constraint "Not Empty" check (b <> ''), unique (b, c) deferrable,
  foreign key (c) references "Made" (a) on delete set null, exclude using gist (during with &&)
)"""
TABLES = {
    "sqlite": ["create table Made (a integer primary key, b varchar(9) default 'x;' not null, check (b <> ''))"],
    "mariadb": [_OF_MARIADB],
    "postgresql": [
        _OF_POSTGRESQL,
        'create index "By C" on "Made" (c desc nulls last, lower(b)) where c > 0',
        'create unique index by_d on "Made" (d)',
    ],
}


async def test_a_table_made_by_its_own_statement_has_the_same_one(db: rowgate.Database, engine: Engine) -> None:
    quote = "`" if engine.name == "mariadb" else '"'
    for sql in TABLES[engine.name]:
        await db.query(sql)
    try:
        told = await db.describe("Made")
        await db.query(f"drop table {quote}Made{quote}")
        for sql in told.create_statement.split(";\n"):
            await db.query(sql)
        again = await db.describe("Made")
        assert again.create_statement == told.create_statement
        assert (again.columns, again.indexes, again.checks) == (told.columns, told.indexes, told.checks)
    finally:
        await db.query(f"drop table if exists {quote}Made{quote}")


@pytest.mark.engines("postgresql")
async def test_the_parts_of_a_partitioned_table_and_heirs_say_whose_they_are(db: rowgate.Database) -> None:
    await db.query("create table whole (a integer not null, b text) partition by range (a)")
    await db.query("create table part partition of whole for values from (1) to (9)")
    await db.query("create table parent (a integer)")
    await db.query("create unlogged table heir (b text) inherits (parent)")
    try:
        statements = {name: (await db.describe(name)).create_statement for name in ("whole", "part", "heir")}
        assert statements["whole"].endswith("\n) PARTITION BY RANGE (a)")
        assert statements["part"] == "CREATE TABLE public.part PARTITION OF whole FOR VALUES FROM (1) TO (9)"
        assert statements["heir"].startswith("CREATE UNLOGGED TABLE public.heir (\n  a integer,\n  b text")
        assert statements["heir"].endswith("INHERITS (parent)")
    finally:
        for name in ("whole", "heir", "parent"):
            await db.query(f"drop table if exists {name}")


@pytest.mark.engines("mariadb", "postgresql")
async def test_the_direction_of_each_part_of_an_index_is_told(db: rowgate.Database, table: str) -> None:
    await db.query(f"create index downwards on {table} (amount desc, name, id desc)")
    (index,) = [index for index in (await db.describe(table)).indexes if index.name == "downwards"]
    assert [(part.column, part.descending) for part in index.parts] == [("amount", True), ("name", False), ("id", True)]
