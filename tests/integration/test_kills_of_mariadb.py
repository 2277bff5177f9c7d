"""MariaDB says OK to a KILL before the statement has noticed: only what is gone from its list has ended."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import Connection
from sqlalchemy.dialects.mysql.base import MySQLDialect

from rowgate_server.engines.cleaning import Cleaner
from rowgate_server.engines.connector import Attempt, Connector, ConnectorSettings
from rowgate_server.engines.driver import Driver, ExecuteMode, Session
from rowgate_server.engines.values import BoundStatement
from rowgate_server.observability.metrics import Metrics
from support.direct import driver_of
from support.eventually import eventually
from support.mariadb import MariaDB

# One step on a large value, which looks nowhere whether it is to end.
DEAF = "select locate(concat(repeat('a', 3000), 'b'), repeat('a', 1200000)) /* deaf */"
SLEEP = "select sleep(47)"
LISTED = "select count(*) from information_schema.processlist where info like 'select locate%deaf%'"


@pytest.fixture
async def driver(mariadb_server: MariaDB) -> AsyncIterator[Driver]:
    async with driver_of(mariadb_server) as driver:
        yield driver


async def left(driver: Driver, server: MariaDB) -> Session:
    """One whose statement runs, and whose caller has left."""
    session = driver.session(await driver.connect())
    call = asyncio.create_task(session.execute(BoundStatement((DEAF,), ()), ExecuteMode()))
    await eventually(lambda: listed(server), 5, "it ran")
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call
    return session


def listed(server: MariaDB) -> bool:
    return bool(server.execute(LISTED)[0][0])


async def test_a_kill_tells_whether_the_statement_is_gone(driver: Driver, mariadb_server: MariaDB) -> None:
    session = await left(driver, mariadb_server)
    assert not await session.kill()
    assert listed(mariadb_server)
    await eventually(lambda: not listed(mariadb_server), 20, "it was over")
    assert await session.kill()


async def test_one_that_outlasts_the_bound_is_counted_and_holds_its_place(
    driver: Driver, mariadb_server: MariaDB
) -> None:
    metrics = Metrics()
    cleaner = Cleaner(0.1, metrics.database("db"))
    session = await left(driver, mariadb_server)
    freed = asyncio.Event()
    await cleaner.clean(session, kill=True)
    cleaner.once_free(session, freed.set)
    assert listed(mariadb_server)
    assert not freed.is_set()
    (failures,) = metrics.cleanup_failures.collect()
    assert {(each.labels["kind"], each.value) for each in failures.samples if each.name.endswith("_total")} >= {
        ("kill", 1)
    }
    async with asyncio.timeout(20):
        await freed.wait()
    assert not listed(mariadb_server)
    await cleaner.close()


async def test_a_first_connection_that_nobody_wants_any_more_is_given_up_and_no_failure(
    driver: Driver, mariadb_server: MariaDB, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLAlchemy asks it about its server; what it would roll back behind that has no link any more."""

    def slow(_: MySQLDialect, connection: Connection) -> object:
        return connection.exec_driver_sql(SLEEP).scalar()

    monkeypatch.setattr(MySQLDialect, "_detect_casing", slow)
    connections = Connector(driver, ConnectorSettings(1, 0, pre_ping=True), Metrics().database("db").connections)
    attempt = Attempt()
    making = asyncio.create_task(connections.new_one(attempt, lambda: None))
    sleeping = f"select count(*) from information_schema.processlist where info = '{SLEEP}'"
    await eventually(lambda: mariadb_server.execute(sleeping)[0][0] == 1, 5, "it was asked")
    attempt.cut()
    making.cancel()
    await asyncio.wait({making}, timeout=10)
    assert making.cancelled()
    await connections.close()
