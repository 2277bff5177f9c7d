"""A database of the gateway's behind a proxy, in the test's own process: what it holds can be counted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rowgate_server.engines.database import Bounds, Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.registry import Timeouts, make_database
from rowgate_server.engines.results import Result
from rowgate_server.engines.tls import Tls, TlsMode
from rowgate_server.engines.values import BoundStatement
from rowgate_server.observability.metrics import Metrics
from support.direct import target_of
from support.engines import ENGINES
from support.proxy import Proxy
from support.throwaway import ThrowawayServer

LONG = bool(os.environ.get("LONG_RUN"))
"""Whether the long versions are to be run: `make chaos`."""

SLEEP = {"mariadb": "select sleep({}) as s", "postgresql": "select pg_sleep({}) as s"}
CONNECTION_ID = {"mariadb": "select connection_id() as x", "postgresql": "select pg_backend_pid() as x"}
_POOL = PoolSettings(size=2, max_overflow=0, recycle=1800, pre_ping=True, wait_timeout=5)
_TIMEOUTS = Timeouts(connect=5, statement=30, probe=1, probe_interval=0.5)


@dataclass
class Linked:
    """A database and the proxy that it is reached through."""

    engine: str
    server: ThrowawayServer
    proxy: Proxy
    database: Database
    metrics: Metrics
    tls: bool

    @contextlib.asynccontextmanager
    async def another(self, **pool: Any) -> AsyncIterator[Linked]:
        """The same database once more, with a proxy and a pool of its own."""
        async with linked(self.server, self.engine, tls=self.tls, **pool) as other:
            yield other

    @property
    def executor(self) -> Executor:
        assert isinstance(self.database.executor, Executor)
        return self.database.executor

    @property
    def pool(self) -> Pool:
        assert isinstance(self.database._pool, Pool)
        return self.database._pool

    @property
    def in_use(self) -> int:
        return self.database.pool_numbers().in_use

    @property
    def idle_in_the_pool(self) -> int:
        """Connections that are no longer warm."""
        return self.pool._connector.idle

    @property
    def id_sql(self) -> str:
        """SQL that tells the connection's number on the server."""
        return CONNECTION_ID[self.engine]

    def running(self, text: str) -> int:
        """How many statements with that text run on the server."""
        sql = next(engine.running for engine in ENGINES if engine.name == self.engine)
        return int(self.server.execute(sql.format(text=text))[0][0])

    def call(self, sql: str, seconds: float = 10, *, reads: bool = True) -> Call:
        deadline = Deadline.soonest((seconds, "options.timeout"))
        return Call(BoundStatement((sql,), ()), deadline, ResultLimits(), "id", reads=reads)

    async def run(self, sql: str, seconds: float = 10, *, reads: bool = True) -> Result:
        return await self.executor.run(self.call(sql, seconds, reads=reads))

    async def scalar(self, sql: str, seconds: float = 10) -> Any:
        return (await self.run(sql, seconds)).rows[0][0]

    def sleep(self, seconds: float) -> str:
        """SQL that takes so long."""
        return SLEEP[self.engine].format(seconds)

    def count(self, name: str, labels: Mapping[str, str] | None = None) -> float:
        """One of the metrics."""
        return self.metrics.registry.get_sample_value(name, {"database": "db", **(labels or {})}) or 0


@contextlib.asynccontextmanager
async def linked(
    server: ThrowawayServer,
    engine: str,
    *,
    tls: bool = False,
    probing: bool = False,
    straight: bool = False,
    **pool: Any,
) -> AsyncIterator[Linked]:
    """Opens one.

    Args:
        server: the database's server.
        engine: its name.
        tls: whether the link is encrypted.
        probing: whether its health is probed all the time.
        straight: past the proxy, whose work would be measured too.
        pool: other settings of the pool than a size of two.
    """
    mode = TlsMode.REQUIRE if tls else TlsMode.DISABLE
    async with Proxy(server.port) as proxy:
        port = server.port if straight else proxy.port
        target = replace(target_of(server), port=port, tls=Tls(mode))
        metrics = Metrics()
        bounds = Bounds(30, 3600, 100_000, 32 * 1024 * 1024, 1024 * 1024)
        database = make_database("db", target, _TIMEOUTS, replace(_POOL, **pool), bounds, metrics)
        if probing:
            database.availability.start()
        try:
            yield Linked(engine, server, proxy, database, metrics, tls)
        finally:
            await database.close()
