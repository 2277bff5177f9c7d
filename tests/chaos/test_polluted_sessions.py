"""Whatever a statement leaves in its session, the next one on the same backend meets a session like a new one."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.mysql.session import MySQLSession
from rowgate_server.engines.dialects.postgresql.session import PostgreSQLSession
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.pool import Pool, PoolSettings
from rowgate_server.engines.registry import Target, Timeouts, make_driver
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import RowgateError
from rowgate_server.observability.metrics import Metrics
from support.direct import target_of
from support.polluters import POLLUTERS, SETUP, TELLING
from support.throwaway import ThrowawayServer


class One:
    """A pool of one connection."""

    def __init__(self, driver: Driver) -> None:
        self.pool = Pool(driver, PoolSettings(1, 0, 0, pre_ping=False, wait_timeout=5), Metrics().database("db"))
        self._executor = Executor(driver, self.pool)

    async def ask(self, sql: str) -> Any:
        """The rows with the names of their columns, or what kind of error there was."""
        try:
            deadline = Deadline.soonest((5, "the test"))
            result = await self._executor.run(
                Call(BoundStatement((sql,), ()), deadline, ResultLimits(), "id", reads=sql.startswith("select"))
            )
        except RowgateError as error:
            return error.reason
        except UnicodeDecodeError:
            return "not UTF-8"
        return [column.name for column in result.columns], [tuple(row) for row in result.rows]

    async def state(self, engine: str) -> list[Any]:
        """Everything that the session tells of itself."""
        return [await self.ask(sql) for sql in TELLING[engine]]


@pytest.fixture
def target(engine: str, request: pytest.FixtureRequest, tmp_path: Path) -> Target:
    if engine == "sqlite":
        with closing(sqlite3.connect(tmp_path / "test.db")) as connection:
            connection.execute("create table things (i int)")
        return Target(Dialect.SQLITE, database=str(tmp_path / "test.db"))
    server: ThrowawayServer = request.getfixturevalue("servers")[engine]
    server.script(SETUP[engine])
    return target_of(server)


@pytest.fixture
async def one(target: Target) -> AsyncIterator[One]:
    one = One(make_driver(target, Timeouts(connect=5, statement=30, probe=1, probe_interval=1)))
    yield one
    await one.pool.close()


def differing(one: list[Any], other: list[Any]) -> list[Any]:
    """What two states do not have in common."""
    found: list[Any] = []
    for before, after in zip(one, other, strict=True):
        if before != after and isinstance(before, tuple) and isinstance(after, tuple):
            found += set(before[1]) ^ set(after[1]) or [after[0]]
        elif before != after:
            found += [before, after]
    return found


@pytest.mark.parametrize("engine", ["mariadb", "postgresql", "sqlite"])
async def test_nothing_is_left_to_the_next_statement(one: One, engine: str) -> None:
    assert len(POLLUTERS[engine]) >= 25
    await one.state(engine)  # what SQLAlchemy asks of a pool's first connection comes before any reset
    fresh = await one.state(engine)
    for sql in POLLUTERS[engine]:
        await one.ask(sql)
        left = await one.state(engine)
        assert differing(fresh, left) == [], f"{sql} left something behind"


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
async def test_most_of_them_cost_no_connection(one: One, engine: str) -> None:
    number = {"mariadb": "select connection_id()", "postgresql": "select pg_backend_pid()"}[engine]
    first = await one.ask(number)
    for sql in POLLUTERS[engine]:
        await one.ask(sql)
    assert await one.ask(number) == first


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
async def test_the_polluters_do_pollute_where_nothing_is_reset(
    one: One, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The proof of the proof: without the reset the state is another one after most of them."""

    async def keep(_: Any) -> None:
        """Leave all as it is."""

    for kind in (MySQLSession, PostgreSQLSession):
        monkeypatch.setattr(kind, "reset", keep)
        monkeypatch.setattr(kind, "defer_reset", lambda *_, **__: False)
    fresh = await one.state(engine)
    await one.ask(POLLUTERS[engine][0])
    assert await one.state(engine) != fresh
