"""Questions and news between two processes: answered, too late, failed, unanswered."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest

from rowgate_server.workers.channel import Channel, ChannelClosedError


async def double(content: Any) -> Any:
    return content * 2


async def fail(content: Any) -> Any:
    raise ValueError(content)


async def never(_: Any) -> Any:
    await asyncio.Event().wait()


@contextlib.asynccontextmanager
async def pair(**answers: Any) -> AsyncIterator[tuple[Channel, asyncio.Task[None]]]:
    """A channel to one that answers so; and that one's task."""
    here, there = socket.socketpair()
    ours, theirs = Channel({}), Channel(answers)
    serving = [asyncio.create_task(ours.serve(here)), asyncio.create_task(theirs.serve(there))]
    await asyncio.sleep(0)
    yield ours, serving[1]
    for task in serving:
        task.cancel()
    await asyncio.wait(serving)


async def asked(channel: Channel, name: str, content: Any = None, within: float = 5) -> Any:
    for _ in range(100):  # until both ends are open
        with contextlib.suppress(ChannelClosedError):
            return await channel.ask(name, content, within=within)
        await asyncio.sleep(0.01)
    raise AssertionError("it was never open")


async def test_answers_come_to_their_questions_whatever_their_order() -> None:
    async with pair(double=double, never=never) as (channel, _):
        assert await asked(channel, "double", "long " * 100_000) == "long " * 200_000
        assert await asyncio.gather(*(channel.ask("double", n, within=5) for n in range(20))) == [*range(0, 40, 2)]


async def test_one_that_does_not_answer_is_not_waited_for() -> None:
    async with pair(double=double, never=never) as (channel, _):
        await asked(channel, "double", 1)
        with pytest.raises(TimeoutError):
            await channel.ask("never", within=0.05)
        assert await channel.ask("double", 2, within=5) == 4


async def test_one_that_fails_says_so() -> None:
    async with pair(double=double, fail=fail) as (channel, _):
        await asked(channel, "double", 1)
        with pytest.raises(ChannelClosedError, match="planted"):
            await channel.ask("fail", "planted", within=5)


async def test_one_that_goes_ends_every_question() -> None:
    async with pair(double=double, never=never) as (channel, serving):
        await asked(channel, "double", 1)
        asking = asyncio.create_task(channel.ask("never", within=60))
        await asyncio.sleep(0.05)
        serving.cancel()
        with pytest.raises(ChannelClosedError):
            await asking
        with pytest.raises(ChannelClosedError):
            await channel.ask("double", 1, within=5)
