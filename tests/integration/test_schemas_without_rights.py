"""A login that may see little is told little, and without an error: what the database hides is missing."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest

from rowgate_server.core.browsing import Browser
from rowgate_server.core.catalog import Catalog, TableQuery
from rowgate_server.core.completion.completer import Completer, CompletionRequest
from rowgate_server.core.tree import TreeRules, TreeStore
from rowgate_server.engines.database import Databases
from rowgate_server.errors import Reason, RowgateError
from support.direct import database_of, target_of
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.throwaway import DATABASE, ThrowawayServer

LOGIN, PASSWORD = "sees_little", "little-pass"


@asynccontextmanager
async def _databases(server: ThrowawayServer) -> AsyncIterator[Databases]:
    async with database_of(target_of(server, LOGIN, PASSWORD)) as database:
        yield Databases({"db": database}, "db")


@pytest.fixture
def mariadb(mariadb_server: MariaDB) -> Iterator[MariaDB]:
    mariadb_server.script(
        f"create table {DATABASE}.shown (id integer); create table {DATABASE}.hidden (id integer);"
        f"create user {LOGIN}@'%' identified by '{PASSWORD}'; grant select on {DATABASE}.shown to {LOGIN}@'%'"
    )
    yield mariadb_server
    mariadb_server.script(f"drop user {LOGIN}@'%'; drop table {DATABASE}.shown; drop table {DATABASE}.hidden")


@pytest.fixture
def postgresql(postgresql_server: PostgreSQL) -> Iterator[PostgreSQL]:
    postgresql_server.script(
        f"create role {LOGIN} login password '{PASSWORD}'; create table public.shown (id integer);"
        "revoke all on all tables in schema information_schema from public"
    )
    yield postgresql_server
    postgresql_server.script(
        f"grant select on all tables in schema information_schema to public;drop table public.shown; drop role {LOGIN}"
    )


async def test_mariadb_tells_what_the_login_has_a_right_to(mariadb: MariaDB) -> None:
    async with _databases(mariadb) as databases:
        trees = TreeStore(databases, {"db": TreeRules(60.0, 30.0, 100_000)})
        (schema,) = (await trees.get("db", None)).chosen([DATABASE])
        assert list(schema.tables) == ["shown"]
        catalog = Catalog(databases)
        assert [table.name for table in (await catalog.list_tables(TableQuery("db"))).tables] == ["shown"]
        with pytest.raises(RowgateError) as caught:
            await catalog.get_table("db", "", "hidden", None)
        assert caught.value.reason is Reason.UNKNOWN_TABLE


async def test_postgresql_tells_its_catalog_without_the_information_schema(postgresql: PostgreSQL) -> None:
    async with _databases(postgresql) as databases:
        trees = TreeStore(databases, {"db": TreeRules(60.0, 30.0, 100_000)})
        (schema,) = (await trees.get("db", None)).chosen(["public"])
        assert "shown" in schema.tables
        assert (await Catalog(databases).get_table("db", "", "shown", None)).columns


async def test_a_login_that_may_not_read_the_catalog_is_told_so_by_all_that_need_it(postgresql: PostgreSQL) -> None:
    postgresql.script("revoke select on pg_catalog.pg_class, pg_catalog.pg_namespace from public")
    try:
        async with _databases(postgresql) as databases:
            trees = TreeStore(databases, {"db": TreeRules(60.0, 30.0, 100_000)})
            catalog, browser = Catalog(databases), Browser(databases, trees, lambda _: None)
            completion = CompletionRequest("db", "select * from ", 14)
            for asking in (
                browser.tree("db", None),
                browser.refresh("db", None),
                Completer(databases, browser).complete(completion),
                catalog.list_schemas("db", 0, "", None),
                catalog.list_tables(TableQuery("db")),
                catalog.get_table("db", "", "shown", None),
            ):
                with pytest.raises(RowgateError) as caught:
                    await asking
                assert (caught.value.reason, caught.value.metadata["database"]) == (Reason.PERMISSION_DENIED, "db")
    finally:
        postgresql.script("grant select on pg_catalog.pg_class, pg_catalog.pg_namespace to public")
