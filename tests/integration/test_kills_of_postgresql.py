"""A statement of PostgreSQL's is ended even when the link that it came by is gone, or it takes no notice of that."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any, cast

import pytest
from asyncpg import connect_utils
from sqlalchemy import Connection, Inspector

from rowgate_server.engines import clock
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver, ExecuteMode, Session
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError
from support.direct import driver_of
from support.eventually import eventually
from support.linked import linked
from support.postgresql import PostgreSQL

STUBBORN = """do $$ begin perform set_config('client_connection_check_interval', '0', false);
loop begin loop perform pg_sleep(0.05); end loop; exception when query_canceled then null; end; end loop; end $$"""
STUBBORN_ONES = "from pg_stat_activity where query like 'do $$%query_canceled%' and state = 'active'"
# Two long arrays are compared in one step, which looks nowhere whether it is to end.
DEAF = """with
arrays as materialized (
  select array(select generate_series(1, 36000)) as one, array(select generate_series(40001, 76000)) as other
), made as materialized (select pg_advisory_xact_lock(47) from arrays)
select one && other as deaf from arrays, made"""
DEAF_BY_NOW = "select count(*) from pg_locks where locktype = 'advisory' and objid = 47"
DEAF_ONES = "select count(*) from pg_stat_activity where query like '%as deaf from arrays, made' and state = 'active'"
SLEEP = "select pg_sleep(47)"
RUNNING = f"select count(*) from pg_stat_activity where query = '{SLEEP}' and state = 'active'"


@pytest.fixture
async def driver(postgresql_server: PostgreSQL) -> AsyncIterator[Driver]:
    async with driver_of(postgresql_server) as driver:
        yield driver


@pytest.fixture
async def session(driver: Driver) -> AsyncIterator[Session]:
    connection = await driver.connect()
    # As behind a link that went dark: the server does not notice that its client has gone.
    await connection.execute("set client_connection_check_interval = 0")
    yield driver.session(connection)
    connection.terminate()


@pytest.fixture
def running(postgresql_server: PostgreSQL) -> Callable[[], bool]:
    return lambda: bool(postgresql_server.execute(RUNNING)[0][0])


def _sleep(inspector: Inspector) -> Any:
    return cast("Connection", inspector.bind).exec_driver_sql(SLEEP).all()


async def left(session: Session, running: Callable[[], bool], *, cut: bool) -> None:
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
    session: Session, running: Callable[[], bool]
) -> None:
    await left(session, running, cut=True)
    await session.kill()
    await eventually(lambda: not running(), 5, "it was ended")


async def test_a_request_to_cancel_that_overtakes_its_statement_is_sent_again(
    session: Session, running: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server finds nothing to cancel then, and says nothing of that."""
    with monkeypatch.context() as patch:

        async def in_vain(**_: Any) -> None:
            """Answered, and of no effect."""

        patch.setattr(connect_utils, "_cancel", in_vain)
        await left(session, running, cut=False)
    await session.kill()
    assert not running()


async def test_so_it_is_where_the_statement_is_a_description_s(
    postgresql_server: PostgreSQL, running: Callable[[], bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy, which runs it, would close the connection by itself: in two seconds, and for good."""
    requests: list[Any] = []
    cancel: Any = vars(connect_utils)["_cancel"]

    async def the_first_in_vain(**request: Any) -> None:
        requests.append(request)
        if len(requests) > 1:
            await cancel(**request)

    async with linked(postgresql_server, "postgresql", size=1) as far:
        monkeypatch.setattr(connect_utils, "_cancel", the_first_in_vain)
        deadline = Deadline(clock.now() + 20, 20, "a test's")
        reading = asyncio.create_task(far.database.reflect(_sleep, deadline))
        await eventually(running, 5, "it ran")
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading
        await eventually(lambda: far.in_use == 0, 5, "its place is free")
        assert not running()
        assert len(requests) == 2


async def test_a_description_whose_link_is_cut_meanwhile_fails_as_that_says(session: Session) -> None:
    def read() -> None:
        with session.reflecting():
            session.abort()
            raise ConnectionError("cut")

    with pytest.raises(ConnectionError, match="cut"):
        read()


async def test_a_statement_that_catches_its_cancellation_is_ended_with_its_process(
    postgresql_server: PostgreSQL,
) -> None:
    async with linked(postgresql_server, "postgresql", size=1) as far:
        number = await far.scalar(far.id_sql)
        with pytest.raises(RowgateError) as caught:
            await far.run(STUBBORN, 0.3)
        assert caught.value.reason is Reason.STATEMENT_TIMEOUT
        assert far.in_use == 1, "its place is held"
        await eventually(lambda: far.in_use == 0, 5, "its place is free")
        assert far.server.execute(f"select count(*) {STUBBORN_ONES}") == [(0,)]
        assert far.count("rowgate_pool_cleanup_failures_total", {"kind": "kill"}) == 0
        assert await far.scalar(far.id_sql) != number


async def test_one_that_the_server_cannot_stop_holds_its_place_until_it_is_over(
    postgresql_server: PostgreSQL,
) -> None:
    async with linked(postgresql_server, "postgresql", size=1) as far:
        call = asyncio.create_task(far.run(DEAF, 60))
        await eventually(lambda: far.server.execute(DEAF_BY_NOW) == [(1,)], 5, "it was deaf")
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        failed = partial(far.count, "rowgate_pool_cleanup_failures_total", {"kind": "kill"})
        await eventually(lambda: failed() == 1, 5, "it outlasted the bound")
        looks = 0
        while (far.in_use, far.server.execute(DEAF_ONES)) == (1, [(1,)]):
            looks += 1
            await asyncio.sleep(0.05)
        assert looks
        assert far.server.execute(DEAF_ONES) == [(0,)], "its place was not free while it ran"
        await eventually(lambda: far.in_use == 0, 5, "its place is free")


async def test_one_that_may_not_be_ended_costs_its_connection_and_is_counted(postgresql_server: PostgreSQL) -> None:
    terminate = "function pg_terminate_backend(int, bigint)"
    postgresql_server.script(f"revoke execute on {terminate} from public")
    try:
        async with linked(postgresql_server, "postgresql", size=1) as far:
            number = await far.scalar(far.id_sql)
            with pytest.raises(RowgateError):
                await far.run(STUBBORN, 0.3)
            await eventually(lambda: far.in_use == 0, 5, "its place is free")
            assert far.count("rowgate_pool_cleanup_failures_total", {"kind": "kill"}) == 1
            assert await far.scalar(far.id_sql) != number
            postgresql_server.script(f"grant execute on {terminate} to public")
            ended = f"select count(*) {STUBBORN_ONES}"
            await eventually(lambda: postgresql_server.execute(ended) == [(0,)], 5, "it is tried again behind")
    finally:
        postgresql_server.script(f"grant execute on {terminate} to public")
