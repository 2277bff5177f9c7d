"""Tables with everything that one engine has and the others have not: copied there as they are, or refused by name."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from typing import NamedTuple

import pytest

import rowgate
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.engines import Engine
from support.making import MadeOnEach

_numbers = itertools.count(1)
_TABLES = {
    "mariadb": """create table {0} (
        id int primary key, txt varchar(20) collate utf8mb4_general_ci default 'it''s \\\\ ?%:x', num int,
        odd varchar(9) charset latin1 collate latin1_bin, doc longtext, bytes varbinary(5) default 'ab\\0',
        place point not null, twice int as (num * 2) virtual, state enum('a','it''s') default 'it''s', sure json,
        own int check (own > 0), constraint u unique (own), unique key pre (doc(10)), key down (num desc),
        fulltext key words (txt), spatial key places (place), check (txt <> 'it''s' and odd <=> 'x\\\\y')
    ) comment 'it''s'""",
    "postgresql": """create table {0} (
        id integer generated always as identity primary key, txt text collate "C" default E'it''s \\\\ ?%:x',
        num integer,        doc jsonb, bytes bytea default '\\x00ff', code varchar(9) unique nulls not distinct,
        made text generated always as ('x'::text || (num)::text) stored,
        constraint {0}_late unique (num) deferrable initially deferred, check ((num)::numeric > 1.5),
        foreign key (num) references {0} (id) on delete set null deferrable
    );
    create index {0}_docs on {0} using gin (doc jsonb_path_ops);
    create index {0}_hash on {0} using hash (txt);
    create index {0}_some on {0} (txt text_pattern_ops desc nulls last, lower(code) collate "C") include (num)
        where num > 3;
    create unique index {0}_nulls on {0} (num) nulls not distinct""",
    "sqlite": """create table {0} (
        id integer primary key autoincrement, txt text collate nocase unique default 'it''s \\ ?%:x', num int,
        free any, bytes blob default x'00ff', twice int as (num * 2), kept int as (num * 3) stored,
        words text default "it's" not null, /* check (0) */ other int references {0} deferrable initially deferred,
        constraint "n n" check (txt <> 'check (0), --' and num > 0)
    ) strict;
    create index {0}_some on {0} (txt collate binary desc, lower(words) collate nocase) where num > 3 -- where 0""",
}


class Beside(NamedTuple):
    """A table with what its description has no field for, and the words for it; `{0}` is its name."""

    engine: str
    create: str
    told: tuple[str, ...]


_BESIDES = (
    Beside(
        "mariadb",
        "create table {0} (id int, hidden int invisible, key a (id) ignored) engine = myisam;\n"
        "create trigger {0}_t before insert on {0} for each row set @a = 1",
        ("`hidden` INVISIBLE", "KEY `a` ( `id` ) IGNORED", "ENGINE=MyISAM", "TRIGGER {0}_t"),
    ),
    Beside("mariadb", "create table {0} (id int) with system versioning", ("WITH SYSTEM VERSIONING",)),
    Beside("mariadb", "create table {0} (id int) partition by hash (id) partitions 2", ("PARTITION BY HASH",)),
    Beside(
        "postgresql",
        "create table {0} (id integer generated always as identity (start with 9), a integer, b integer,"
        " exclude using btree (a with =), check (a > 0) no inherit, constraint inc unique (id) include (b),"
        " constraint two unique (a, b), constraint m foreign key (a, b) references {0} (a, b) match full,"
        " constraint s foreign key (a, b) references {0} (a, b) on delete set null (b));\n"
        "alter table {0} enable row level security",
        ("INCLUDE (b)", "MATCH FULL", "SET NULL (b)", "NO INHERIT", "EXCLUDE USING btree", "ROW LEVEL", "START WITH 9"),
    ),
    Beside("postgresql", "create table {0} (id integer) partition by hash (id)", ("PARTITION BY HASH (id)",)),
    Beside(
        "sqlite",
        "create table {0} (id int unique on conflict replace, t text, unique (t collate nocase));\n"
        "create trigger {0}_t after insert on {0} begin select 1; end",
        ("UNIQUE (id) ON CONFLICT REPLACE", "t collate nocase", "CREATE TRIGGER {0}_t"),
    ),
)


class Copied(MadeOnEach):
    """A table that is told of and made again; whatever is made is dropped."""

    async def told(self, engine: str, statements: str) -> pb.Table:
        """What is told of the table that these statements make."""
        for statement in statements.replace("{0}", self.name).split(";\n"):
            await self.client.using(engine).query(statement)
        return await self.on(engine).get(self.name)


@pytest.fixture
async def copied(
    schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, client: rowgate.Client
) -> AsyncIterator[Copied]:
    async with Copied(schemas, client, f"whole_{next(_numbers)}") as copied:
        yield copied


async def test_a_table_with_all_that_an_engine_has_is_copied_as_it_is(copied: Copied, engine: Engine) -> None:
    told = await copied.told(engine.name, _TABLES[engine.name])
    assert not told.untold
    await copied.on(engine.name).drop(copied.name)
    again = (await copied.on(engine.name).create(told)).table
    assert _lines(again) == _lines(told)
    for table in (told, again):
        table.ClearField("create_statement")
        table.ClearField("row_estimate")
    assert again == told


def _lines(table: pb.Table) -> list[str]:
    """The database's own words; SQLite's are those that it was told, so there some of what they are read for."""
    if table.engine != pb.ENGINE_SQLITE:
        return sorted(line.rstrip(",") for line in table.create_statement.splitlines())
    (index,), (key,) = table.indexes, table.foreign_keys
    assert (list(table.options), index.condition, key.deferral) == (["AUTOINCREMENT", "STRICT"], "num > 3", 2)
    assert [part.collation for part in index.parts] == ["BINARY", "nocase"]
    assert {column.name: column.collation for column in table.columns if column.collation} == {"txt": "nocase"}
    assert [column.name for column in table.columns if column.generated_virtual] == ["twice"]
    return []


@pytest.mark.parametrize("beside", _BESIDES, ids=lambda beside: f"{beside.engine}-{beside.told[0]}")
async def test_what_no_field_is_for_is_told_and_not_left_out_in_silence(copied: Copied, beside: Beside) -> None:
    told = await copied.told(beside.engine, beside.create)
    assert len(told.untold) == len(beside.told)
    for words, expected in zip(told.untold, beside.told, strict=True):
        assert expected.replace("{0}", copied.name).lower() in words.lower()
    maker = copied.on(beside.engine)
    await maker.drop(copied.name)
    with pytest.raises(rowgate.NotSupported) as caught:
        await maker.create(told, if_not_exists=True)
    assert caught.value.field_violations[0].field == "table.untold[0]"
    assert caught.value.metadata["outcome"] == "NOT_RUN"
    del told.untold[:]
    assert not (await maker.create(told)).table.untold
