"""However many callers ask at once, the database is asked once: counted by what its own log says that it was asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

import rowgate
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.engines import Engine
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL

_CALLERS = 100
_TREES = {"mariadb": "from information_schema.columns where", "postgresql": "left join pg_catalog.pg_attribute a"}
_TABLES = {"mariadb": "show create table `shared_load`", "postgresql": "select json_build_object("}
"""What the gateway asks for a tree, and for one table."""

pytestmark = pytest.mark.engines("mariadb", "postgresql")

Asked = Callable[[str], int]
"""How many statements the database has seen that contain a text."""


@pytest.fixture
async def asked(engine: Engine, request: pytest.FixtureRequest) -> AsyncIterator[Asked]:
    if engine.name == "mariadb":
        server: MariaDB = request.getfixturevalue("mariadb_server")
        server.script("set global log_output = 'TABLE'; set global general_log = on; truncate mysql.general_log")

        def of_mariadb(text: str) -> int:
            rows = server.execute("select argument from mysql.general_log where command_type in ('Query', 'Execute')")
            return sum(text in str(argument).lower() for (argument,) in rows)

        yield of_mariadb
        server.script("set global general_log = off; truncate mysql.general_log")
    else:
        postgresql: PostgreSQL = request.getfixturevalue("postgresql_server")
        _set(postgresql, "all")
        begun = len(postgresql.log)
        await eventually(lambda: "set_now" in _log_of(postgresql, begun, "select 'set_now'"), 10, "it logs statements")
        begun = len(postgresql.log)

        def of_postgresql(text: str) -> int:
            return " ".join(postgresql.log[begun:].lower().split()).count(text)

        yield of_postgresql
        _set(postgresql, "none")


def _set(server: PostgreSQL, what: str) -> None:
    server.execute(f"alter system set log_statement = '{what}'")
    server.execute("select pg_reload_conf()")


def _log_of(server: PostgreSQL, begun: int, sql: str) -> str:
    server.execute(sql)
    return server.log[begun:]


async def test_a_hundred_callers_cause_one_load_of_the_tree(
    schemas: schema_service_pb2_grpc.SchemaServiceAsyncStub, db: rowgate.Database, engine: Engine, asked: Asked
) -> None:
    await db.query("drop table if exists nothing_at_all")  # the tree that is kept is let go of

    async def tree() -> str:
        pieces = [piece async for piece in schemas.GetSchemaTree(pb.GetSchemaTreeRequest(database=engine.name))]
        return pieces[0].etag

    etags = await asyncio.gather(*(tree() for _ in range(_CALLERS)))
    assert len(set(etags)) == 1
    assert asked(_TREES[engine.name]) == 1


async def test_a_hundred_callers_cause_one_reading_of_a_table(
    db: rowgate.Database, engine: Engine, asked: Asked
) -> None:
    await db.query("create table shared_load (id integer primary key)")
    try:
        asking = (db.table("shared_load").count() for _ in range(_CALLERS))
        counts = await asyncio.gather(*asking, return_exceptions=True)
        # The table is known to all; so many statements at once may be more than four connections do in good time.
        assert all(count == 0 or isinstance(count, rowgate.PoolExhausted) for count in counts)
        assert 0 in counts
        assert asked(_TABLES[engine.name]) == 1
    finally:
        await db.query("drop table shared_load")
