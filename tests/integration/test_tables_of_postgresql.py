"""What the gateway's one query tells of a PostgreSQL table is what SQLAlchemy tells of it in many."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from sqlalchemy.exc import NoSuchTableError

from rowgate_server.core.reflection import Extent, read_table
from rowgate_server.core.tables import IndexPart, Table
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from support.direct import database_of, target_of
from support.postgresql import PostgreSQL
from support.throwaway import USER

_TYPES = (
    *("smallint", "integer", "bigint", "oid", "numeric", "numeric(12,2)", "real", "double precision", "money"),
    *(
        "boolean",
        "char",
        "char(3)",
        "varchar",
        "varchar(40)",
        "text",
        "name",
        '"char"',
        "bytea",
        "bit(3)",
        "bit varying(5)",
    ),
    *("date", "time", "time(3)", "time with time zone", "timestamp", "timestamp(3)", "timestamp with time zone"),
    *("timestamp(0) with time zone", "interval", "interval(3)", "json", "jsonb", "uuid", "inet", "cidr", "macaddr"),
    *("xml", "point", "int4range", "tsvector", "integer[]", "text[][]", "varchar(3)[]", "numeric(5,1)[]", "int2vector"),
    *("oidvector", "mood", "mood[]", "short_text", "shorter_text", "numbers", "feeling", "sure"),
)
_MAKE = (
    "create type mood as enum ('sad', 'it''s ok')",
    "create domain short_text as varchar(9)",
    "create domain shorter_text as short_text check (length(value) < 3)",
    "create domain numbers as integer[]",
    "create domain feeling as mood",
    "create domain sure as integer not null",
    f"create table every_type ({', '.join(f'c{number} {kind}' for number, kind in enumerate(_TYPES))})",
    (
        "create table keyed (id serial, other bigint generated always as identity, a text not null,"
        " b integer default 7, c integer generated always as (b * 2) stored, d integer, d2 timestamp default now(),"
        " constraint keyed_key primary key (b, a), unique (d, a), exclude using btree (d2 with =))"
    ),
    "create index keyed_first on keyed (a desc, lower(a), b nulls first) include (d)",
    "create unique index keyed_partial on keyed (b) where d > 0",
    'create unique index "odd ""name" on keyed ((b + 1))',
    "create table parent (id integer primary key, code text unique)",
    "create table child () inherits (parent)",
    "create table parted (id integer primary key) partition by range (id)",
    "create table part_one partition of parted for values from (1) to (9)",
    "create view seen as select a, b from keyed",
    "create materialized view kept as select a, b from keyed",
    'create table "Odd ""name" (":x" integer, "%s" text)',
)
_TABLES = ("every_type", "keyed", "parent", "child", "parted", "part_one", "seen", "kept", 'Odd "name')


@pytest.fixture(scope="module")
def server(postgresql_server: PostgreSQL) -> Iterator[PostgreSQL]:
    postgresql_server.script(f"create schema rows_read; set search_path = rows_read; {'; '.join(_MAKE)}")
    postgresql_server.script(f"grant all on schema rows_read to {USER}")
    yield postgresql_server
    postgresql_server.script("drop schema rows_read cascade")


async def _read(server: PostgreSQL, name: str, schema: str | None, extent: Extent) -> Table:
    async with database_of(target_of(server)) as database:
        return await database.reflect(
            lambda inspector: read_table(inspector, name, schema, Dialect.POSTGRESQL, extent),
            Deadline.soonest((30.0, "x")),
        )


# The gateway is deaf to this too: what SQLAlchemy does not know, it tells in the database's words.
@pytest.mark.filterwarnings("ignore:Did not recognize type:sqlalchemy.exc.SAWarning")
@pytest.mark.parametrize("name", _TABLES)
async def test_one_query_tells_what_many_tell(server: PostgreSQL, name: str) -> None:
    whole = await _read(server, name, "rows_read", Extent.WHOLE)
    brief = await _read(server, name, "rows_read", Extent.ROWS)
    for known, told in zip(whole.columns, brief.columns, strict=True):
        assert told == replace(known, comment="")
    assert brief == _brief(whole, brief)


def _brief(whole: Table, brief: Table) -> Table:
    """Without what rows are not written by."""
    return replace(
        whole,
        columns=brief.columns,
        comment="",
        foreign_keys=(),
        indexes=tuple(
            replace(
                index,
                parts=tuple(IndexPart(part.text, part.expression, part.descending) for part in index.parts),
                condition="",
                include=(),
            )
            for index in whole.indexes
        ),
        checks=(),
        row_estimate=None,
        create_statement="",
        besides=(),
    )


async def test_a_table_elsewhere_is_not_there(server: PostgreSQL) -> None:
    for schema in (None, "public", "no_such_schema"):
        with pytest.raises(NoSuchTableError):
            await _read(server, "keyed", schema, Extent.ROWS)
