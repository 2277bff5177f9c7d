"""What COM_RESET_CONNECTION leaves behind is wiped out by the gateway: what takes time, or chance, to be seen."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects.mysql.link import Link
from rowgate_server.engines.dialects.mysql.session import MySQLSession
from rowgate_server.engines.driver import Driver, ExecuteMode
from rowgate_server.engines.results import Row
from rowgate_server.engines.values import BoundStatement
from support.direct import driver_of
from support.mariadb import MariaDB
from support.throwaway import USER

NOTHING_SET = ("do 1", "select sleep(0)", "select 1")
SOMETHING_SET = ("set @a = 1", "begin not atomic set @a = 1; select 1; select 2; end", "select an_error")
ROLES = ("beyond_before", "beyond_after")


@pytest.fixture
async def driver(mariadb_server: MariaDB) -> AsyncIterator[Driver]:
    for role in ROLES:
        mariadb_server.script(f"create role {role}; grant {role} to {USER}")
    async with driver_of(mariadb_server) as driver:
        yield driver
    mariadb_server.execute(f"set default role none for {USER}")
    for role in ROLES:
        mariadb_server.execute(f"drop role if exists {role}")


async def session_of(driver: Driver) -> MySQLSession:
    session = driver.session(await driver.connect())
    assert isinstance(session, MySQLSession)
    return session


async def ask(session: MySQLSession, sql: str, wait: float = 0) -> list[Row]:
    """The rows of a statement, the first of which are read that many seconds before the rest."""
    mode = ExecuteMode(reads=True, streaming=bool(wait), floats=False)
    cursor = await session.execute(BoundStatement((sql,), ()), mode)
    rows = list(await cursor.fetch())
    await asyncio.sleep(wait)
    while batch := await cursor.fetch():
        rows.extend(batch)
    await cursor.finish()
    return rows


async def test_a_slow_reader_keeps_its_time_after_one_who_set_less(driver: Driver) -> None:
    """A reset gives the variable its default again, but not the socket."""
    session = await session_of(driver)
    await ask(session, "set net_write_timeout = 1")
    await session.reset()
    rows = await ask(session, "select repeat('x', 1000) from seq_1_to_30000", wait=2.5)
    session.abort()
    assert len(rows) == 30_000


async def test_nobody_sets_what_the_next_one_draws(driver: Driver) -> None:
    session = await session_of(driver)
    drawn = set()
    for _ in range(3):
        await ask(session, "set rand_seed1 = 1, rand_seed2 = 1")
        await session.reset()
        drawn.add((await ask(session, "select rand()"))[0])
    session.abort()
    assert len(drawn) == 3


async def test_a_default_role_is_kept_and_one_set_later_is_not_taken_over(
    driver: Driver, mariadb_server: MariaDB
) -> None:
    """A caller may give the login another default; all sessions begin as the gateway's first one did."""
    before, after = ROLES
    mariadb_server.execute(f"set default role {before} for {USER}")
    session = await session_of(driver)
    await ask(session, f"set default role {after}")
    for sql in (f"set role {after}", "set role none"):
        await ask(session, sql)
        await session.reset()
        assert await ask(session, "select current_role()") == [(before,)]
    session.abort()
    other = await session_of(driver)
    assert await ask(other, "select current_role()") == [(before,)]
    other.abort()


async def test_a_role_that_was_taken_from_the_login_costs_no_more_than_its_connections(
    driver: Driver, mariadb_server: MariaDB
) -> None:
    mariadb_server.execute(f"set default role {ROLES[0]} for {USER}")
    (await session_of(driver)).abort()
    mariadb_server.execute(f"drop role {ROLES[0]}")
    session = await session_of(driver)
    await session.reset()
    assert await ask(session, "select current_role()") == [(None,)]
    session.abort()


async def test_profiles_are_wiped_only_where_a_setting_may_have_changed(
    driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes two commands more, which most calls need not pay for."""
    session = await session_of(driver)
    sent: list[bytes] = []
    write = Link.write

    def watched(link: Link, *payloads: bytes) -> None:
        sent.extend(payloads)
        write(link, *payloads)

    monkeypatch.setattr(Link, "write", watched)
    wiped = {}
    for sql in (*NOTHING_SET, *SOMETHING_SET):
        sent.clear()
        with contextlib.suppress(MySQLError):
            await ask(session, sql)
        await session.reset()
        wiped[sql] = any(b"profiling=1" in command for command in sent)
    session.abort()
    assert wiped == dict.fromkeys(NOTHING_SET, False) | dict.fromkeys(SOMETHING_SET, True)
