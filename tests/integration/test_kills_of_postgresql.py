"""A statement of PostgreSQL's is ended even when the link that it came by is gone."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg
import pytest
from asyncpg import connect_utils

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


@pytest.fixture
async def connection(postgresql_server: PostgreSQL) -> AsyncIterator[Any]:
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
    yield connection
    connection.terminate()


@pytest.fixture
def running(postgresql_server: PostgreSQL) -> Callable[[], bool]:
    return lambda: bool(postgresql_server.execute(RUNNING)[0][0])


async def left(session: PostgreSQLSession, running: Callable[[], bool], *, cut: bool) -> None:
    """A statement that runs, and whose caller has left."""
    call = asyncio.create_task(session.execute(BoundStatement((SLEEP,), ()), ExecuteMode()))
    await eventually(running, 5, "it ran")
    if cut:
        session.abort()
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await call
    assert running()


async def test_a_kill_of_a_connection_that_is_cut_already_reaches_the_server(
    connection: Any, running: Callable[[], bool]
) -> None:
    session = PostgreSQLSession(connection, ReceiveMeter(connection), Origins())
    await left(session, running, cut=True)
    await session.kill()
    await eventually(lambda: not running(), 5, "it was ended")


async def test_a_request_to_cancel_that_overtakes_its_statement_is_sent_again(
    connection: Any, running: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server finds nothing to cancel then, and says nothing of that."""
    session = PostgreSQLSession(connection, ReceiveMeter(connection), Origins())
    with monkeypatch.context() as patch:

        async def in_vain(**_: Any) -> None:
            """Answered, and of no effect."""

        patch.setattr(connect_utils, "_cancel", in_vain)
        await left(session, running, cut=False)
    await session.kill()
    assert not running()
