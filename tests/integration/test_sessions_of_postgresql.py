"""What DISCARD ALL leaves behind does not reach the next caller on the same connection either; or costs it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from rowgate_server.errors import Reason, RowgateError
from support.linked import Linked, linked
from support.postgresql import PostgreSQL
from support.throwaway import DATABASE, HOST, PASSWORD, USER

EXTENSIONS = ("dblink", "pg_trgm", "hstore", "postgres_fdw")


@pytest.fixture(scope="module")
def extended(postgresql_server: PostgreSQL) -> Iterator[PostgreSQL]:
    made = "; ".join(f"create extension {name} schema extended" for name in EXTENSIONS)
    postgresql_server.script(f"create schema extended; grant usage on schema extended to public; {made}")
    postgresql_server.script(
        f"create server far foreign data wrapper postgres_fdw options "
        f"(host '{HOST}', port '{postgresql_server.port}', dbname '{DATABASE}'); "
        f"create user mapping for {USER} server far options (user '{USER}', password '{PASSWORD}'); "
        "create foreign table extended.far_settings (name text, setting text) server far "
        "options (schema_name 'pg_catalog', table_name 'pg_settings'); "
        f"grant select on extended.far_settings to {USER}"
    )
    yield postgresql_server
    postgresql_server.script("drop schema extended cascade; drop server if exists far cascade")


@pytest.fixture
async def far(extended: PostgreSQL) -> AsyncIterator[Linked]:
    async with linked(extended, "postgresql", size=1) as far:
        yield far


async def answer(far: Linked, sql: str) -> Any:
    """The first cell, or the reason why there is none."""
    try:
        rows = (await far.run(sql, reads=False)).rows
    except RowgateError as error:
        return error.reason
    return rows[0][0] if rows else None


def to_itself(far: Linked) -> str:
    return f"host={HOST} port={far.server.port} dbname={DATABASE} user={USER} password={PASSWORD}"


async def test_a_seed_is_not_the_next_caller_s(far: Linked) -> None:
    number = await far.scalar(far.id_sql)
    drawn = []
    for _ in range(2):
        assert await answer(far, "select setseed(0.5)::text") == ""
        drawn.append(await answer(far, "select random()"))
    assert drawn[0] != drawn[1]
    assert await far.scalar(far.id_sql) == number


async def test_what_was_done_to_tables_is_not_the_next_caller_s_to_know(far: Linked) -> None:
    number = await far.scalar(far.id_sql)
    await answer(far, "create table secret (id int)")
    try:
        await answer(far, "insert into secret select generate_series(1, 37)")
        counted = "select count(*) from pg_stat_xact_user_tables where relname = 'secret' and n_tup_ins > 0"
        assert await answer(far, counted) == 0
        assert await far.scalar(far.id_sql) == number
    finally:
        await answer(far, "drop table secret")


@pytest.mark.parametrize("name", ["'leak', ", ""])
async def test_connections_of_dblink_are_closed(far: Linked, name: str) -> None:
    number = await far.scalar(far.id_sql)
    assert await answer(far, f"select extended.dblink_connect({name}'{to_itself(far)}')") == "OK"
    assert await answer(far, "select extended.dblink_get_connections()::text") is None
    assert await far.scalar(far.id_sql) == number
    used = await answer(far, f"select x from extended.dblink({name}'select 4711') as t (x int)")
    assert isinstance(used, Reason)


async def test_where_dblink_is_not_allowed_connections_are_kept(far: Linked) -> None:
    of_dblink = "all functions in schema extended"
    far.server.script(f"revoke execute on {of_dblink} from public")
    try:
        number = await far.scalar(far.id_sql)
        assert await answer(far, "select extended.dblink_get_connections()") is Reason.PERMISSION_DENIED
        assert await far.scalar(far.id_sql) == number
        assert far.count("rowgate_pool_cleanup_failures_total", {"kind": "reset"}) == 0
    finally:
        far.server.script(f"grant execute on {of_dblink} to public")


async def test_settings_of_extensions_are_as_they_were(far: Linked) -> None:
    limit = "select extended.show_limit()::text"
    before = await answer(far, limit)
    assert await answer(far, "select extended.set_limit(0.9)::text") == "0.9"
    assert await answer(far, limit) == before


async def test_a_foreign_server_s_session_has_nothing_of_the_last_caller_s(far: Linked) -> None:
    """postgres_fdw keeps its connection, with the rights of the login's own user mapping."""
    ask = "select setting from extended.far_settings where name = 'search_path'"
    before = await answer(far, ask)
    await answer(far, "set search_path = extended, pg_catalog")
    assert await answer(far, ask) == before


@pytest.mark.parametrize(
    ("encoding", "text", "expected"),
    [
        ("SQL_ASCII", "é", "SQL_ASCIIé"),
        ("EUC_TW", "x", Reason.NOT_SUPPORTED),
        ("MULE_INTERNAL", "x", Reason.NOT_SUPPORTED),
        ("LATIN1", "é", Reason.NOT_SUPPORTED),
    ],
)
async def test_another_encoding_is_its_caller_s_own_trouble(
    far: Linked, encoding: str, text: str, expected: object
) -> None:
    assert await answer(far, f"select set_config('client_encoding', '{encoding}', false) || '{text}'") == expected
    assert await answer(far, "select 'é'") == "é"


async def test_descriptors_of_large_objects_end_with_their_call(far: Linked) -> None:
    number = await answer(far, "select lo_from_bytea(0, 'secret')")
    assert await answer(far, f"select lo_open({number}, 262144)") == 0
    assert isinstance(await answer(far, "select loread(0, 10)"), Reason)
    await answer(far, f"select lo_unlink({number})")


async def test_a_setting_of_a_caller_s_own_is_empty_afterwards(far: Linked) -> None:
    """The one thing that is not as in a new session, where it is an error: nothing takes a name away."""
    assert await answer(far, "select set_config('somebodys.own', 'secret', false)") == "secret"
    assert await answer(far, "select current_setting('somebodys.own')") == ""
