"""What each connection to MariaDB is set up with, and what becomes of it when a result is left unread."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from asyncmy.errors import ProgrammingError

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Result, Truncation
from rowgate_server.engines.values import BoundStatement
from support.direct import driver_of, pool_of
from support.eventually import eventually
from support.mariadb import MariaDB


@pytest.fixture
async def driver(mariadb_server: MariaDB) -> AsyncIterator[Driver]:
    async with driver_of(mariadb_server) as driver:
        yield driver


@pytest.fixture
async def connection(driver: Driver) -> AsyncIterator[Any]:
    connection = await driver.connect()
    yield connection
    connection.close()


@pytest.fixture
async def executor(driver: Driver) -> AsyncIterator[Executor]:
    async with pool_of(driver) as pool:
        yield Executor(driver, pool)


async def run(executor: Executor, sql: str, *, max_rows: int | None = None) -> Result:
    call = Call(
        BoundStatement((sql,), ()), Deadline.soonest((10, "the test")), ResultLimits(max_rows), "id", reads=True
    )
    return await executor.run(call)


async def test_the_server_takes_one_statement_a_packet(driver: Driver, connection: Any) -> None:
    for _ in range(2):
        with pytest.raises(ProgrammingError) as caught:
            await connection.query("select 1; select 2")
        assert caught.value.args[0] == 1064
        await driver.session(connection).reset()


@pytest.mark.parametrize(
    ("option", "value"),
    [
        (socket.TCP_KEEPIDLE, 30),
        (socket.TCP_KEEPINTVL, 5),
        (socket.TCP_KEEPCNT, 3),
        (socket.TCP_USER_TIMEOUT, 45_000),
    ],
)
async def test_a_dead_server_is_noticed_on_an_idle_connection(connection: Any, option: int, value: int) -> None:
    link: socket.socket = connection._transport.get_extra_info("socket")
    assert link.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
    assert link.getsockopt(socket.IPPROTO_TCP, option) == value


async def test_a_long_rest_of_a_result_is_not_read_to_its_end(executor: Executor, mariadb_server: MariaDB) -> None:
    """It has a thousand million rows: whoever reads them runs out of time."""
    result = await run(executor, "select seq as left_unread from seq_1_to_1000000000", max_rows=2)
    assert len(result.rows) == 2
    assert result.stats.truncation is Truncation.MAX_ROWS
    running = (
        "select count(*) from information_schema.processlist where info like '%left_unread%' and id <> connection_id()"
    )
    await eventually(lambda: mariadb_server.execute(running) == [(0,)], 5, "the statement was ended on the server")


async def test_a_short_rest_of_a_result_costs_no_connection(executor: Executor) -> None:
    async def connection_id() -> Any:
        return (await run(executor, "select connection_id()")).rows[0][0]

    before = await connection_id()
    # A row is more than is received at once, so the rest takes several fetches.
    assert len((await run(executor, "select repeat('x', 1000000) from seq_1_to_8", max_rows=1)).rows) == 1
    assert await connection_id() == before
