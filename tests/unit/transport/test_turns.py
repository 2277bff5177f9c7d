"""In each round of the event loop so many have their turn, in order, and nobody waits for one who has gone away."""

from __future__ import annotations

import asyncio

from rowgate_server.transport.turns import Turns


async def test_so_many_have_their_turn_in_each_round() -> None:
    turns, rounds = Turns(3), [0]
    order: list[tuple[int, int]] = []

    async def count() -> None:
        while len(order) < 10:
            rounds[0] += 1
            await asyncio.sleep(0)

    async def take(number: int) -> None:
        await turns.take()
        order.append((number, rounds[0]))

    counting = asyncio.create_task(count())
    await asyncio.gather(*(take(number) for number in range(10)))
    await counting
    assert [number for number, _ in order] == list(range(10))
    assert max(sum(when == moment for _, when in order) for moment in range(rounds[0] + 1)) == 3


async def test_one_who_goes_away_takes_nobodys_turn() -> None:
    turns = Turns(1)
    await turns.take()
    gone, stays = asyncio.create_task(turns.take()), asyncio.create_task(turns.take())
    await asyncio.sleep(0)
    gone.cancel()
    async with asyncio.timeout(10):
        await stays
        await turns.take()
