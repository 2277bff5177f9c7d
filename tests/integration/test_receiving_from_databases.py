"""What comes from a database goes into a buffer that is there, and answers that come at once do not mix in it.

To a protocol without a buffer asyncio gives what `recv(262144)` made, which breaks the heap into pieces.
"""

from __future__ import annotations

import asyncio

import pytest

from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import ExecuteMode
from rowgate_server.engines.registry import Target, Timeouts, make_driver
from rowgate_server.engines.values import BoundStatement
from support.throwaway import DATABASE, HOST, PASSWORD, USER, ThrowawayServer

DIALECTS = {"mariadb_server": Dialect.MYSQL, "postgresql_server": Dialect.POSTGRESQL}
SIZES = (1, 70_000, 300_000, 900_000)


@pytest.mark.parametrize("engine", DIALECTS)
async def test_answers_that_come_at_once_are_each_whole(engine: str, request: pytest.FixtureRequest) -> None:
    server: ThrowawayServer = request.getfixturevalue(engine)
    target = Target(DIALECTS[engine], False, HOST, server.port, USER, PASSWORD, DATABASE)
    driver = make_driver(target, Timeouts(connect=10, statement=30, probe=5, probe_interval=5))
    connections = [await driver.connect() for _ in SIZES]

    async def ask(number: int) -> None:
        session = driver.session(connections[number])
        for turn in range(20):
            size = SIZES[(number + turn) % len(SIZES)]
            statement = BoundStatement((f"select repeat('{number}', {size})",), ())
            cursor = await session.execute(statement, ExecuteMode())
            ((text,),) = await cursor.fetch()
            assert text == str(number) * size
            await cursor.finish()

    try:
        await asyncio.gather(*(ask(number) for number in range(len(SIZES))))
        kinds = [type(connection._transport.get_protocol()) for connection in connections]
        assert all(issubclass(kind, asyncio.BufferedProtocol) for kind in kinds), kinds
    finally:
        for connection in connections:
            driver.session(connection).abort()
        await driver.close()
