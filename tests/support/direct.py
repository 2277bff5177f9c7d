"""A database server of the tests' own as the gateway's engines reach it, without a gateway."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rowgate_server.engines.database import Bounds, Database
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, make_database, make_driver
from rowgate_server.observability.metrics import Metrics
from support.mariadb import MariaDB
from support.throwaway import DATABASE, HOST, PASSWORD, USER, ThrowawayServer

TIMEOUTS = Timeouts(connect=10, statement=60, probe=5, probe_interval=5)
"""None that a test would run into."""
_BOUNDS = Bounds(30, 30, 1000, 1 << 20, 1 << 20)


def target_of(server: ThrowawayServer, user: str = USER, password: str = PASSWORD) -> Target:
    """Where it is, and how to log in."""
    mariadb = isinstance(server, MariaDB)
    dialect = Dialect.MYSQL if mariadb else Dialect.POSTGRESQL
    return Target(dialect, mariadb, HOST, server.port, user, password, DATABASE)


@asynccontextmanager
async def driver_of(server: ThrowawayServer, user: str = USER, password: str = PASSWORD) -> AsyncIterator[Driver]:
    """What connects to it."""
    driver = make_driver(target_of(server, user, password), TIMEOUTS)
    try:
        yield driver
    finally:
        await driver.close()


@asynccontextmanager
async def pool_of(driver: Driver, size: int = 1) -> AsyncIterator[Pool]:
    """A pool that does nothing by itself."""
    pool = Pool(driver, _pool(size), Metrics().database("db"))
    try:
        yield pool
    finally:
        await pool.close()


@asynccontextmanager
async def database_of(target: Target, size: int = 1) -> AsyncIterator[Database]:
    """The whole of it, likewise."""
    database = make_database("db", target, TIMEOUTS, _pool(size), _BOUNDS, Metrics())
    try:
        yield database
    finally:
        await database.close()


def _pool(size: int) -> PoolSettings:
    return PoolSettings(size, 0, recycle=0, pre_ping=False, wait_timeout=20)
