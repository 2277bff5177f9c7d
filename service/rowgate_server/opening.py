"""From settings to databases: each with the gateway's own login, and with the others; and to the traces of both."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from types import MappingProxyType

from rowgate_server import __version__, config
from rowgate_server.engines.database import Bounds, Database, Databases
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.pool import PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, make_database, make_login
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
        try:
            databases[name] = _open_database(name, database, settings, metrics, tracing)
        except OSError as error:
            words = f"the file that its sslrootcert names cannot be used: {error.strerror or error}"
            raise config.ConfigError([f"databases.{name}.url: {words}"]) from None
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
            try:
                logins[name, login] = make_login(
                    login,
                    databases.get(name),
                    _target(other.url),
                    _timeouts(database, settings),
                    _pool(other.pool),
                    metrics,
                    tracing,
                )
            except OSError as error:
                words = f"the file that its sslrootcert names cannot be used: {error.strerror or error}"
                raise config.ConfigError([f"databases.{name}.logins.{login}.url: {words}"]) from None
    return logins


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


def _open_database(
    name: str, database: config.Database, settings: config.Settings, metrics: Metrics, tracing: Tracing | None
) -> Database:
    return make_database(
        name,
        _target(database.url),
        _timeouts(database, settings),
        _pool(database.pool),
        bounds_of(database),
        metrics,
        tracing,
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


def _timeouts(database: config.Database, settings: config.Settings) -> Timeouts:
    timeouts = database.timeouts
    return Timeouts(
        connect=timeouts.connect,
        statement=timeouts.statement,
        probe=timeouts.probe,
        probe_interval=settings.health.interval,
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


def _target(url: config.DatabaseUrl) -> Target:
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
    )
