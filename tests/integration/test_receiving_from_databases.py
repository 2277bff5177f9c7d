"""What comes from a database goes into a buffer that is there, and answers that come at once do not mix in it.

To a protocol without a buffer asyncio gives what `recv(262144)` made, which breaks the heap into pieces.
"""

from __future__ import annotations

import asyncio

import pytest

from rowgate_server.engines.driver import ExecuteMode, Session
from rowgate_server.engines.values import BoundStatement
from support.direct import driver_of
from support.throwaway import ThrowawayServer

SIZES = (1, 70_000, 300_000, 900_000)


@pytest.mark.parametrize("engine", ["mariadb", "postgresql"])
async def test_answers_that_come_at_once_are_each_whole(engine: str, request: pytest.FixtureRequest) -> None:
    server: ThrowawayServer = request.getfixturevalue(f"{engine}_server")
    async with driver_of(server) as driver:
        connections = [await driver.connect() for _ in SIZES]
        sessions = [driver.session(connection) for connection in connections]
        try:
            await asyncio.gather(*(ask(session, number) for number, session in enumerate(sessions)))
            kinds = [type(connection._transport.get_protocol()) for connection in connections]
            assert all(issubclass(kind, asyncio.BufferedProtocol) for kind in kinds), kinds
        finally:
            for session in sessions:
                session.abort()


async def ask(session: Session, number: int) -> None:
    for turn in range(20):
        size = SIZES[(number + turn) % len(SIZES)]
        cursor = await session.execute(BoundStatement((f"select repeat('{number}', {size})",), ()), ExecuteMode())
        ((text,),) = await cursor.fetch()
        assert text == str(number) * size
        await cursor.finish()
