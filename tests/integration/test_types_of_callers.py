"""What a type of a caller's own is, nobody can make another believe: PostgreSQL, one connection after another."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects.postgresql import connection
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.running import Call
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import RowgateError
from support.linked import Linked, linked
from support.postgresql import PostgreSQL
from support.throwaway import USER

MADE = f"""
set role {USER};
create domain own_text as text; create domain own_big as int8; create domain own_inner as own_big;
create domain own_list as int[]; create type own_mood as enum ('a', 'b'); create type own_pair as (x int, y text);
create type own_span as range (subtype = int4);
-- Its array is not called like it.
create type _own_odd as enum ('forged'); create type own_odd as enum ('genuine');
"""
DROPPED = (
    "drop domain own_text; drop domain own_inner; drop domain own_big; drop domain own_list; drop type own_mood; "
    "drop type own_pair; drop type own_span; drop type own_odd; drop type _own_odd"
)
SHADOWED = (
    "create temp table pg_type as select * from pg_catalog.pg_type",
    "create temp table pg_namespace as select * from pg_catalog.pg_namespace",
    "create temp table pg_range as select * from pg_catalog.pg_range",
    "update pg_temp.pg_type set typbasetype = 23 where typname in ('own_text', 'own_inner')",
    "update pg_temp.pg_type set typbasetype = 701 where typname = 'own_big'",
    "update pg_temp.pg_type set typtype = 'd', typbasetype = 23 where typname in ('own_mood', 'own_pair', 'own_span')",
    "update pg_temp.pg_type set typelem = 23 where typname = '_own_mood'",
)
READS = (
    "select array['abcd', 'efgh']::own_text[] as x",
    "select array[4607182418800017408, 7]::own_big[] as x",
    "select array[1, 7]::own_inner[] as x",
    "select array[array[1, 2]::own_list] as x",
    "select array['a', 'b']::own_mood[] as x",
    "select 'a'::own_mood as x",
    "select row(1, 'y')::own_pair as x, array[row(1, 'y')::own_pair] as y",
    "select '1 2'::int2vector as x, '1 2'::oidvector as y, array[1] as z, array['{}'::json] as w",
    "select '[1,3)'::own_span as x, array['[1,3)'::own_span] as y",
)
A_LIST = BoundValue(ValueType.LIST, [BoundValue(ValueType.STRING, "a"), BoundValue(ValueType.STRING, "b")])
BOUND: tuple[tuple[str, str, BoundValue], ...] = (
    ("select 'a'::own_mood = ", " as x", BoundValue(ValueType.STRING, "a")),
    ("select array['a', 'b']::own_mood[] = ", " as x", A_LIST),
    ("select array['a', 'b']::own_text[] = ", " as x", A_LIST),
    ("select coalesce(", ", row(1, 'y')::own_pair) as x", BoundValue(ValueType.STRING, "(1,y)")),
)


def statement(sql: str, value: BoundValue | None = None, behind: str = "") -> Call:
    bound = BoundStatement((sql,), ()) if value is None else BoundStatement((sql, behind), (value,))
    return Call(bound, Deadline.soonest((10, "the test")), ResultLimits(), "id", reads=False)


async def read(far: Linked) -> list[Any]:
    """What all of it is to a caller."""
    rows = [[tuple(row) for row in (await far.executor.run(statement(sql))).rows] for sql in READS]
    for sql, behind, value in BOUND:
        rows.append([tuple(row) for row in (await far.executor.run(statement(sql, value, behind))).rows])
    return rows


async def in_a_transaction(far: Linked, sqls: Sequence[str]) -> None:
    """Run them, whatever becomes of them, and roll back."""
    async with far.executor.transaction(TransactionOptions(), Deadline.soonest((10, "the test"))) as transaction:
        for number, sql in enumerate(sqls):
            await transaction.savepoint(f"s{number}")
            try:
                await transaction.run(statement(sql))
            except RowgateError:
                await transaction.rollback_to(f"s{number}")
        await transaction.rollback()


@pytest.fixture
def made(postgresql_server: PostgreSQL) -> Iterator[PostgreSQL]:
    postgresql_server.script(MADE)
    yield postgresql_server
    postgresql_server.script(DROPPED)


@pytest.fixture
async def far(made: PostgreSQL) -> AsyncIterator[Linked]:
    async with linked(made, "postgresql", size=1) as far:
        yield far


async def test_a_catalogue_in_temporary_tables_makes_no_one_s_values_other(far: Linked) -> None:
    number = await far.scalar(far.id_sql)
    await in_a_transaction(far, (*SHADOWED, *READS, *(sql + "null" + behind for sql, behind, _ in BOUND)))
    async with far.another(size=1) as fresh:
        assert await read(far) == await read(fresh)
    assert await far.scalar(far.id_sql) == number, "it is the same connection that is asked"


async def test_operators_and_functions_in_the_search_path_make_no_one_s_values_other(far: Linked) -> None:
    far.server.script(
        f"create schema evil authorization {USER}; "
        "create function evil.eq(oid, oid) returns bool language sql as 'select true'; "
        "create operator evil.= (leftarg = oid, rightarg = oid, function = evil.eq); "
        "create function evil.current_setting(text) returns text language sql as $$ select 'evil' $$"
    )
    try:
        await in_a_transaction(far, ("set search_path = evil, pg_catalog, public", *READS))
        async with far.another(size=1) as fresh:
            assert await read(far) == await read(fresh)
    finally:
        far.server.script("drop schema evil cascade")


async def test_a_name_that_a_type_had_in_a_transaction_is_not_kept(far: Linked) -> None:
    """A value that goes as text is cast to its type by name: with another one it would be read by another type."""
    await in_a_transaction(far, ("alter type own_mood rename to own_moody", "select 'a'::own_moody", "select 1"))
    sql, behind, value = BOUND[0]
    result = await far.executor.run(statement(sql, value, behind))
    assert [tuple(row) for row in result.rows] == [(True,)]
    assert (await far.run("select 'a'::own_mood as x")).columns[0].database_type == "own_mood"


async def test_types_that_are_made_anew_or_altered_are_what_they_are_now(far: Linked) -> None:
    for definition, literal, expected in (
        ("type own_new as enum ('a')", "'a'", "a"),
        ("domain own_new as int", "7", 7),
        ("type own_new as (x int)", "row(7)", "(7)"),
        ("domain own_new as float8", "7", 7.0),
    ):
        await far.run(f"create {definition}", reads=False)
        (row,) = (await far.run(f"select array[{literal}::own_new] as x, {literal}::own_new as y")).rows
        assert (row[0].members, row[1]) == ([expected], expected)
        await far.run("alter type own_new rename to own_newer", reads=False)
        columns = (await far.run(f"select array[{literal}::own_newer] as x")).columns
        assert columns[0].database_type == "own_newer[]"
        await far.run("drop type own_newer", reads=False)


async def test_an_array_is_cast_to_its_members_type_whatever_its_own_name_is(far: Linked) -> None:
    genuine = BoundValue(ValueType.LIST, [BoundValue(ValueType.STRING, "genuine")])
    result = await far.executor.run(statement("select array['genuine']::own_odd[] = ", genuine, " as x"))
    assert [tuple(row) for row in result.rows] == [(True,)]


async def test_what_is_known_of_types_is_not_asked_again_and_again(
    far: Linked, monkeypatch: pytest.MonkeyPatch
) -> None:
    await read(far)
    monkeypatch.setattr(connection, "CATALOGUE", "select 'asked again'")
    await read(far)
