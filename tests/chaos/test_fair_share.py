"""Through a real gateway: one caller floods a pool, and another one does not notice.

Callers are told apart by who they are; and where nobody has to say so, by their connections.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import AsyncIterator, Sequence
from functools import partial

import pytest

import rowgate
from rowgate_server.identity.hashing import make_key
from support.linked import LONG, SLEEP
from support.process import Gateway
from support.steady import Made, Steady
from support.throwaway import ThrowawayServer

pytestmark = pytest.mark.alone

PLACES, WORK = 4, 0.1
CAPACITY = PLACES / WORK
SECONDS = 10.0 if LONG else 1.0
SETTLING = 0.5
"""Seconds in which the flood may still be a burst."""

CALLERS = ("quiet", "greedy")
KEYS = {name: make_key(name) for name in CALLERS}


@pytest.fixture
def gateway(known: bool, server: ThrowawayServer) -> Gateway:
    keys = {f"ROWGATE_AUTH__API_KEYS__{name.upper()}__HASH": str(KEYS[name][1]) for name in CALLERS}
    return Gateway.start(
        environment={
            "ROWGATE_DATABASES__DB__URL": server.url,
            "ROWGATE_DATABASES__DB__POOL__SIZE": str(PLACES),
            "ROWGATE_DATABASES__DB__POOL__MAX_OVERFLOW": "0",
            "ROWGATE_LOG__LEVEL": "error",
            **(keys if known else {}),
        }
    )


class Shared:
    """A gateway of four connections, and two who call it.

    Args:
        gateway: the gateway.
        engine: the database's kind.
        known: whether callers say who they are. The greedy one has five connections then, which give it no more.
    """

    def __init__(self, gateway: Gateway, engine: str, *, known: bool) -> None:
        self._sql = SLEEP[engine].format(WORK)
        self._clients = {
            name: [
                rowgate.connect(
                    gateway.address, token=KEYS[name][0] if known else None, credentials_in_plaintext=True, retry=None
                )
                for _ in range(5 if known and name == "greedy" else 1)
            ]
            for name in CALLERS
        }

    async def call(self, name: str, number: int) -> None:
        """One call, over one of the caller's connections."""
        clients = self._clients[name]
        await clients[number % len(clients)].query(self._sql)

    async def at(self, quiet: float, greedy: float) -> tuple[Sequence[Made], Sequence[Made]]:
        """What became of the calls of both, at so many times what the database can do."""
        rates = {"quiet": quiet * CAPACITY, "greedy": greedy * CAPACITY}
        async with contextlib.AsyncExitStack() as under_way:
            gc.disable()  # for half a second nobody would call, and then the quiet one for all of that at once
            under_way.callback(gc.enable)
            calls = {
                name: await under_way.enter_async_context(Steady(partial(self.call, name), rate))
                for name, rate in rates.items()
            }
            began = asyncio.get_running_loop().time() + SETTLING
            await asyncio.sleep(SETTLING + SECONDS)
        told = [[made for made in calls[name].made if made.began > began] for name in CALLERS]
        return told[0], told[1]

    async def close(self) -> None:
        for clients in self._clients.values():
            for client in clients:
                await client.aclose()


@pytest.fixture
async def shared(gateway: Gateway, engine: str, known: bool) -> AsyncIterator[Shared]:
    with gateway:
        shared = Shared(gateway, engine, known=known)
        await asyncio.gather(*(shared.call("quiet", number) for number in range(PLACES)))
        yield shared
        await shared.close()


def served(calls: Sequence[Made]) -> list[Made]:
    return [made for made in calls if made.error is None]


@pytest.mark.parametrize(("engine", "known"), [("mariadb", True), ("postgresql", False)])
async def test_one_who_floods_takes_nothing_from_another(shared: Shared) -> None:
    """Ten times as many calls as the other's, who asks for a quarter of what there is: half would be its share."""
    quiet, greedy = await shared.at(0.25, 2.5)
    assert quiet
    assert [made.error for made in quiet if made.error is not None] == []
    assert max(made.ended - made.began for made in quiet) < 0.5
    refused = [made.error for made in greedy if made.error is not None]
    assert refused
    assert {type(error) for error in refused} == {rowgate.PoolExhausted}
    assert all(error.retry_after for error in refused)
    # Each asks for more than half now.
    quiet, greedy = await shared.at(0.75, 7.5)
    both = len(served(quiet)) + len(served(greedy))
    assert 0.4 < len(served(quiet)) / both < 0.6
    assert both > 0.7 * CAPACITY * SECONDS
