"""A statement of PostgreSQL's is ended even when the link that it came by is gone."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg

from rowgate_server.engines.dialects.postgresql import types
from rowgate_server.engines.dialects.postgresql.connection import Connection
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter
from rowgate_server.engines.dialects.postgresql.origins import Origins
from rowgate_server.engines.dialects.postgresql.session import PostgreSQLSession
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.values import BoundStatement
from support.eventually import eventually
from support.postgresql import PostgreSQL
from support.throwaway import DATABASE, HOST, PASSWORD, USER

SLEEP = "select pg_sleep(47)"
RUNNING = f"select count(*) from pg_stat_activity where query = '{SLEEP}' and state = 'active'"


async def test_a_kill_of_a_connection_that_is_cut_already_reaches_the_server(postgresql_server: PostgreSQL) -> None:
    def running() -> bool:
        return bool(postgresql_server.execute(RUNNING)[0][0])

    connection = await asyncpg.connect(
        host=HOST,
        port=postgresql_server.port,
        user=USER,
        password=PASSWORD,
        database=DATABASE,
        statement_cache_size=0,
        connection_class=Connection,
        # As behind a link that went dark: the server does not notice that its client has gone.
        server_settings={"client_connection_check_interval": "0"},
    )
    types.install_codecs(connection)
    session = PostgreSQLSession(connection, ReceiveMeter(connection), Origins())
    call = asyncio.create_task(session.execute(BoundStatement((SLEEP,), ()), ExecuteMode()))
    await eventually(running, 5, "it ran")
    session.abort()
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await call
    assert running()
    await session.kill()
    await eventually(lambda: not running(), 5, "it was ended")
