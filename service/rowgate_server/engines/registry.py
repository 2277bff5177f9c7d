"""From plain values to databases: which driver speaks to which, and what is built for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from rowgate_server.engines.availability import Availability
from rowgate_server.engines.database import Bounds, Database
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.mysql import MySQLDriver
from rowgate_server.engines.dialects.mysql.driver import MySQLAddress, MySQLTimeouts
from rowgate_server.engines.dialects.postgresql import PostgreSQLDriver
from rowgate_server.engines.dialects.postgresql.driver import PostgreSQLAddress, PostgreSQLTimeouts
from rowgate_server.engines.dialects.sqlite import SQLiteDriver
from rowgate_server.engines.dialects.sqlite.driver import SQLiteFile, SQLiteTimeouts
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.tls import Tls
from rowgate_server.engines.traced import TracedDriver, traced
from rowgate_server.engines.traced_pool import TracedPool
from rowgate_server.observability.metrics import DatabaseMetrics, Metrics
from rowgate_server.observability.tracing import Place, Tracing

_LONGEST_LOCK_WAIT = 5.0

_BEHIND = 5.0
"""Seconds that the server's own limits stand behind the gateway's: they decide only where the gateway is stuck."""

_REFUSED = ("28", "3D")
"""SQLSTATEs of logins that are refused."""


@dataclass(frozen=True, slots=True)
class Target:
    """Where a database is and how to log in. For SQLite `database` is the file's path, and `read_only` counts.

    `longest_row`: bytes of a row beyond which it is not read, as it could not be sent.
    """

    dialect: Dialect
    mariadb: bool = False
    host: str = ""
    port: int = 0
    user: str = ""
    password: str = field(default="", repr=False)
    database: str = ""
    tls: Tls = field(default_factory=Tls)
    read_only: bool = False
    longest_row: int = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds.

    `longest` and `idle`: the most that any limit of the gateway's gives a statement, and a transaction that waits for
    its caller; where they are less than `statement`, that counts.
    """

    connect: float
    statement: float
    probe: float
    probe_interval: float
    longest: float = 0.0
    idle: float = 0.0

    @property
    def server_statement(self) -> float:
        """What the server's own limit on a statement is set to."""
        return max(self.statement, self.longest) + _BEHIND

    @property
    def server_idle(self) -> float:
        """And that on a transaction in which nothing runs."""
        return max(self.statement, self.idle) + _BEHIND


def make_driver(target: Target, timeouts: Timeouts) -> Driver:
    """The driver for a target; nothing is connected yet.

    Raises:
        OSError: its CA certificates cannot be read.
    """
    if target.dialect is Dialect.SQLITE:
        file = SQLiteFile(Path(target.database), read_only=target.read_only)
        return SQLiteDriver(file, SQLiteTimeouts(timeouts.connect, min(timeouts.statement, _LONGEST_LOCK_WAIT)))
    if target.dialect is Dialect.POSTGRESQL:
        return PostgreSQLDriver(
            PostgreSQLAddress(target.host, target.port, target.user, target.password, target.database, target.tls),
            PostgreSQLTimeouts(timeouts.connect, timeouts.server_statement, timeouts.server_idle),
            target.longest_row,
        )
    return MySQLDriver(
        MySQLAddress(target.host, target.port, target.user, target.password, target.database, target.tls),
        MySQLTimeouts(timeouts.connect, timeouts.server_statement),
        mariadb=target.mariadb,
        longest_row=target.longest_row,
    )


def make_database(
    name: str,
    target: Target,
    timeouts: Timeouts,
    pool: PoolSettings,
    bounds: Bounds,
    metrics: Metrics,
    tracing: Tracing | None = None,
) -> Database:
    """A database, put together; nothing is connected yet."""
    driver = open_driver(name, target, timeouts, tracing)
    availability = Availability(name, driver, timeouts.probe_interval, timeouts.probe)
    numbers = metrics.database(name)
    return Database(name, driver, open_pool(driver, pool, numbers, availability), bounds, availability, numbers)


def make_login(
    login: str,
    database: Database,
    target: Target,
    timeouts: Timeouts,
    pool: PoolSettings,
    metrics: Metrics,
    tracing: Tracing | None = None,
) -> Database:
    """The same database with another login, and a pool of its own; whether it is up, the gateway's own login finds out.

    In metrics and logs it is called `database/login`.

    Raises:
        OSError: its CA certificates cannot be read.
    """
    driver = open_driver(database.name, target, timeouts, tracing)
    numbers = metrics.database(f"{database.name}/{login}")
    connections = open_pool(driver, pool, numbers, database.availability)
    return Database(
        database.name, driver, connections, database.bounds, database.availability, numbers, login, own=database
    )


def open_pool(
    driver: Driver, settings: PoolSettings, metrics: DatabaseMetrics, availability: Availability, replica: str = ""
) -> Pool:
    """A pool whose breaker hears of the probes.

    A server that refuses the login is left to refuse each caller: it does so at once, and says why.
    """
    if isinstance(driver, TracedDriver):
        pool: Pool = TracedPool(driver, settings, metrics, replica, driver.tracing, driver.place)
    else:
        pool = Pool(driver, settings, metrics, replica)

    def probed(up: bool) -> None:
        error = availability.error
        told = None if up or error is None else driver.translate(error, has_parameters=False)
        pool.breaker.probed(up or (told is not None and told.metadata.get("sqlstate", "").startswith(_REFUSED)))

    availability.listen(probed)
    return pool


def open_driver(name: str, target: Target, timeouts: Timeouts, tracing: Tracing | None) -> Driver:
    """The driver of a database, with traces where they are wanted.

    Raises:
        OSError: its CA certificates cannot be read.
    """
    driver = make_driver(target, timeouts)
    if tracing is None:
        return driver
    system = driver.engine_url.get_backend_name()
    return traced(driver, tracing, Place(name, system, target.database, target.host, target.port))
