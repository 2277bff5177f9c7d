"""From settings to databases: each with the gateway's own login, and with the others; and to the traces of both."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from types import MappingProxyType
from typing import NamedTuple

from rowgate_server import __version__, config
from rowgate_server.engines.clusters import Around, Servers, make_cluster, make_cluster_login
from rowgate_server.engines.database import Bounds, Database, Databases
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.pool import PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, make_database, make_login
from rowgate_server.engines.routing import RoutingRules
from rowgate_server.engines.tls import Tls, TlsMode
from rowgate_server.observability.metrics import Metrics
from rowgate_server.observability.tracing import Tracing

_NO_DATABASES: Mapping[str, Database] = MappingProxyType({})
_NO_LOGINS: Mapping[tuple[str, str], Database] = MappingProxyType({})


def open_databases(
    settings: config.Settings,
    metrics: Metrics,
    tracing: Tracing | None = None,
    open_already: Mapping[str, Database] = _NO_DATABASES,
) -> Databases:
    """Every database of the settings, put together; nothing is connected yet.

    Args:
        settings: say which there are.
        metrics: of the gateway.
        tracing: its traces, if there are any.
        open_already: those that are taken as they are.

    Raises:
        ConfigError: CA certificates cannot be read.
    """
    databases = dict(open_already)
    for name, database in settings.databases.items():
        if name in open_already:
            continue
        with _certificates_read(f"databases.{name}.url"):
            databases[name] = _open_database(_Opening(name, database, settings, metrics, tracing))
            metrics.failures.serve(name)
    return Databases(databases, settings.default_database)


def open_logins(
    settings: config.Settings,
    databases: Databases,
    metrics: Metrics,
    tracing: Tracing | None = None,
    open_already: Mapping[tuple[str, str], Database] = _NO_LOGINS,
) -> dict[tuple[str, str], Database]:
    """The databases with their other logins, by the names of both; nothing is connected yet.

    Args:
        settings: say which there are.
        databases: the same with the gateway's own logins.
        metrics: of the gateway.
        tracing: its traces, if there are any.
        open_already: those that are taken as they are.

    Raises:
        ConfigError: CA certificates cannot be read.
    """
    logins = dict(open_already)
    for name, database in settings.databases.items():
        for login, other in database.logins.items():
            if (name, login) in open_already:
                continue
            with _certificates_read(f"databases.{name}.logins.{login}.url"):
                logins[name, login] = _open_login(
                    login, other, databases.get(name), _Opening(name, database, settings, metrics, tracing)
                )
    return logins


@contextmanager
def _certificates_read(setting: str) -> Iterator[None]:
    """They were when the settings were, by `config.loading`: this is for a file that was exchanged since."""
    try:
        yield
    except OSError as error:
        words = f"the file that its sslrootcert names cannot be used: {error.strerror or error}"
        raise config.ConfigError([f"{setting}: {words}"]) from None


def open_tracing(tracing: config.Tracing) -> Tracing | None:
    """Traces, if they are asked for; the libraries are imported only then.

    Raises:
        ConfigError: they are not installed.
    """
    if not tracing.endpoint:
        return None
    try:
        otlp = importlib.import_module("rowgate_server.observability.otlp")
    except ImportError:
        words = "the gateway was installed without its tracing extra: pip install './service[tracing]'"
        raise config.ConfigError([f"tracing.endpoint: {words}"]) from None
    opened: Tracing = otlp.OtlpTracing(otlp.by_otlp(tracing.endpoint), tracing.ratio, __version__, sql=tracing.sql)
    return opened


class _Opening(NamedTuple):
    """One database of the settings, and what it is opened with."""

    name: str
    database: config.Database
    settings: config.Settings
    metrics: Metrics
    tracing: Tracing | None

    @property
    def timeouts(self) -> Timeouts:
        timeouts = self.database.timeouts
        return Timeouts(
            timeouts.connect,
            timeouts.statement,
            timeouts.probe,
            self.settings.health.interval,
            self.database.longest_statement,
            self.database.longest_idle,
        )

    @property
    def around(self) -> Around:
        routing = self.database.routing
        writes = not self.database.limits.read_only
        # Where there is one host there are none to agree with, and writes do not stand still for that.
        read_share = routing.read_share if writes and self.database.url.others else 0.0
        rules = RoutingRules(routing.spread, routing.max_staleness, writes, read_share)
        return Around(self.name, self.timeouts, rules, self.metrics, self.tracing)

    def target(self, url: config.DatabaseUrl) -> Target:
        """A server of it, of whose rows none is read that could not be sent."""
        return Target(
            dialect=url.dialect,
            mariadb=url.scheme.startswith("mariadb"),
            host=url.host,
            port=url.port,
            user=url.username,
            password=url.password.get_secret_value() if url.password else "",
            database=url.database,
            tls=Tls(TlsMode(url.ssl_mode.value), url.ssl_root_cert),
            read_only=url.dialect is Dialect.SQLITE and url.read_only,
            longest_row=self.settings.server.max_message_bytes,
        )

    def servers(self, login: config.Login | None = None) -> Servers:
        """All of its servers, with the gateway's own login or another one."""
        database = self.database
        url, pool = (database.url, database.pool) if login is None else (login.url, login.pool)
        who = self.target(url)
        return Servers(
            [replace(who, host=host, port=port) for host, port in url.hosts],
            _pool(pool),
            {
                name: (self.target(each.url), _pool(each.pool))
                if login is None
                else (replace(self.target(each.url), user=who.user, password=who.password), _pool(pool))
                for name, each in database.replicas.items()
            },
        )


def _open_database(opening: _Opening) -> Database:
    database = opening.database
    bounds = bounds_of(database)
    if opening.database.several:
        return make_cluster(opening.servers(), bounds, opening.around)
    return make_database(
        opening.name,
        opening.target(database.url),
        opening.timeouts,
        _pool(database.pool),
        bounds,
        opening.metrics,
        opening.tracing,
    )


def bounds_of(database: config.Database) -> Bounds:
    """The limits on statements of one database."""
    timeouts, limits = database.timeouts, database.limits
    return Bounds(
        statement_timeout=timeouts.statement,
        stream_timeout=timeouts.stream,
        unary_rows=limits.unary_rows,
        unary_bytes=limits.unary_bytes,
        sql_bytes=limits.sql_bytes,
        read_only=limits.read_only,
    )


def _open_login(login: str, other: config.Login, database: Database, opening: _Opening) -> Database:
    if opening.database.several:
        return make_cluster_login(login, database, opening.servers(other), opening.around)
    return make_login(
        login,
        database,
        opening.target(other.url),
        opening.timeouts,
        _pool(other.pool),
        opening.metrics,
        opening.tracing,
    )


def _pool(pool: config.Pool) -> PoolSettings:
    return PoolSettings(
        size=pool.size,
        max_overflow=pool.max_overflow,
        recycle=pool.recycle,
        pre_ping=pool.pre_ping,
        wait_timeout=pool.wait_timeout,
        busy_wait=pool.busy_wait,
    )
