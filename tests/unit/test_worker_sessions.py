"""What a worker has is known to its supervisor, and what one has left is ended by the next, each on its own server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from rowgate_server.engines.dialects.control import OtherServerError, Server
from rowgate_server.engines.outliving import Outliving, SessionName
from rowgate_server.workers.channel import Channel
from rowgate_server.workers.sessions import Kept, Sessions

SERVER = Server("a", "1")


class Connection:
    """Whatever a driver has."""


@asynccontextmanager
async def worker(kept: Kept, *outliving: Outliving) -> AsyncIterator[tuple[Sessions, Channel]]:
    """One whose supervisor knows so much; it has begun."""
    ours, theirs = socket.socketpair()
    supervisor, channel = Channel({"session": kept.add, "left": kept.left}), Channel({})
    sessions = Sessions(channel, lambda: outliving)
    serving = [asyncio.create_task(supervisor.serve(ours)), asyncio.create_task(channel.serve(theirs))]
    await sessions.begin()
    yield sessions, channel
    await sessions.stop()
    for task in serving:
        task.cancel()
    await asyncio.wait(serving)


def killing(killed: list[int], *, others: int = 0) -> Callable[[int, Server], Awaitable[bool]]:
    """Gone at the second try; `others`: how often another server is met with before."""

    async def kill(number: int, server: Server) -> bool:
        nonlocal others
        assert server == SERVER
        others -= 1
        if others >= 0:
            raise OtherServerError
        killed.append(number)
        return killed.count(number) == 2

    return kill


async def test_each_is_told_of_when_it_is_made_and_with_another_configuration() -> None:
    kept = Kept()
    outliving = Outliving("me@db:1", killing([]))
    early, late = Connection(), Connection()
    outliving.add(early, 1, SERVER)
    async with worker(kept, outliving) as (sessions, channel):
        outliving.add(late, 2, SERVER)
        told = [SessionName("me@db:1", "a", "1", number) for number in (1, 2)]
        assert sorted(await channel.ask("left", within=5)) == [list(name) for name in told]
        assert await sessions.all(None) == told
        del early
        assert await sessions.all(None) == told[1:]


async def test_what_was_left_is_killed_until_it_is_gone_by_its_own_login_only() -> None:
    kept, killed = Kept(), list[int]()
    mine, elsewhere = SessionName("me@db:1", "a", "1", 7), SessionName("me@db:2", "a", "1", 8)
    kept.exchange([mine])
    async with worker(kept, Outliving("me@db:1", killing(killed, others=1))) as (sessions, _):
        assert killed == [7, 7]
        assert await sessions.all(None) == []
    kept.exchange([list(elsewhere)])
    async with worker(kept, Outliving("me@db:1", killing(killed))) as (sessions, _):
        assert await sessions.all(None) == [], "nobody can end it"
    assert killed == [7, 7]


@pytest.mark.parametrize("worse", [ConnectionError, TimeoutError])
async def test_a_server_that_does_not_answer_is_asked_again(worse: type[Exception]) -> None:
    kept, tries = Kept(), 0

    async def kill(_: int, __: Server) -> bool:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise worse
        return True

    kept.exchange([SessionName("me@db:1", "a", "1", 7), SessionName("me@db:1", "a", "1", 8)])
    async with worker(kept, Outliving("me@db:1", kill)) as (sessions, _):
        assert await sessions.all(None) == []
    assert tries == 3, "the other one was not tried before it answered"
