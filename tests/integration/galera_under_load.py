"""Two gateways before a Galera cluster of three, with 200 calls a second: what it costs when one of the five goes.

With Galera's own settings a node that is gone is missed for five seconds and more, in which none commits.
`make cluster` runs them, which takes two or three minutes; pytest does not find them by itself.
"""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, ExitStack
from functools import partial

import pytest

import rowgate
from support.clusters import galera, several, synced
from support.eventually import eventually
from support.mariadb import MariaDB
from support.process import Gateway
from support.scraped import total
from support.steady import Cost, Steady

RATE = 200
CALM, AFTER = 2.0, 8.0
MOST_SECONDS, MOST_SHARE = 5.0, 1 / 3
STANDS_STILL = 10.0
"""Seconds for which a cluster with Galera's own settings stands still, and more than it did here."""

SOON = "evs.keepalive_period=PT0.5S;evs.inactive_check_period=PT0.25S;evs.suspect_timeout=PT1.5S"
"""Settings with which the others give a node up sooner: docs/replicas.md."""

_keys = itertools.count(1)


@pytest.fixture(scope="module")
def nodes(request: pytest.FixtureRequest) -> Iterator[list[MariaDB]]:
    with galera(options=getattr(request, "param", "")) as nodes:
        nodes[0].execute("CREATE TABLE calls (k BIGINT PRIMARY KEY)")
        yield nodes


@pytest.fixture
def deadline() -> float:
    """Seconds that each call has."""
    return 3.0


@pytest.fixture(params=["spread", "in order"])
def gateways(nodes: list[MariaDB], deadline: float, request: pytest.FixtureRequest) -> Iterator[list[Gateway]]:
    environment = {
        # Who has the time waits for a connection as long as for the answer.
        "ROWGATE_DATABASES__MAIN__POOL__WAIT_TIMEOUT": f"{max(5.0, deadline)}s",
        "ROWGATE_DATABASES__MAIN__URL": several(*nodes),
        "ROWGATE_DATABASES__MAIN__ROUTING__SPREAD": str(request.param == "spread").lower(),
        "ROWGATE_SERVER__DRAIN_PAUSE": "1s",
    }
    with ExitStack() as stack:
        yield [stack.enter_context(Gateway.start(environment=environment)) for _ in range(2)]


@pytest.fixture
async def clients(gateways: list[Gateway], deadline: float) -> AsyncIterator[list[rowgate.Client]]:
    """Four, each connected to both: a connection takes 100 calls at a time, and more than that may stand still."""
    target = f"ipv4:{','.join(gateway.address for gateway in gateways)}"
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(rowgate.connect(target, timeout=deadline)) for _ in range(4)]


async def under_load(clients: list[rowgate.Client], node: MariaDB, misfortune: Callable[[], object], what: str) -> Cost:
    """Lets it happen amid the calls, one of four a write, and sees that no write is lost or done twice."""
    keys = {number: next(_keys) for number in range(1, 10_000)}

    async def call(number: int) -> None:
        client = clients[number // 4 % len(clients)]
        if number % 4:
            await client.query("SELECT count(*) FROM calls WHERE k = :k", k=keys[number])
        else:
            await client.query("INSERT INTO calls (k) VALUES (:k)", k=keys[number])

    async with Steady(call, RATE) as steady:
        await asyncio.sleep(CALM)
        moment = asyncio.get_running_loop().time()
        await asyncio.to_thread(misfortune)
        await asyncio.sleep(AFTER)
    there = {row[0] for row in await asyncio.to_thread(node.execute, "SELECT k FROM calls")}
    writes = [made for made in steady.made if made.number % 4 == 0]
    assert {keys[made.number] for made in writes if made.error is None} <= there
    unrun = {keys[made.number] for made in writes if made.error and made.error.outcome == rowgate.Outcome.NOT_RUN}
    assert not unrun & there
    # A write that was sent twice would have met its own key. The client sends again what was surely not run, no other.
    assert not any(isinstance(made.error, rowgate.DuplicateKey) for made in writes)
    cost = steady.cost_since(moment)
    print(f"\n{what}: {cost}")  # noqa: T201 - the figures that they are run for
    assert all(made.error is None for made in steady.made if made.ended < moment)
    return cost


async def back(node: MariaDB) -> None:
    """The node is one of three again."""
    await asyncio.to_thread(node.restart)
    assert await asyncio.to_thread(synced, node)


@pytest.mark.parametrize(
    ("nodes", "deadline", "most_seconds"),
    [("", 1.0, STANDS_STILL), ("", 3.0, STANDS_STILL), (SOON, 3.0, MOST_SECONDS), ("", 10.0, MOST_SECONDS)],
    indirect=["nodes"],
    ids=["1s", "3s", "given up soon", "patient callers"],
)
async def test_killed_node_costs_few_calls_until_it_is_missed_no_more(
    clients: list[rowgate.Client], nodes: list[MariaDB], most_seconds: float, request: pytest.FixtureRequest
) -> None:
    cost = await under_load(clients, nodes[1], nodes[0].kill, f"killed node ({request.node.name})")
    await back(nodes[0])
    assert cost.seconds <= most_seconds
    assert cost.share <= MOST_SHARE


async def test_frozen_node_costs_few_seconds(
    clients: list[rowgate.Client], nodes: list[MariaDB], request: pytest.FixtureRequest
) -> None:
    cost = await under_load(clients, nodes[1], nodes[0].freeze, f"frozen node ({request.node.name})")
    nodes[0].kill()
    await back(nodes[0])
    assert cost.seconds <= STANDS_STILL


async def test_node_that_is_taken_out_first_costs_nothing(
    clients: list[rowgate.Client], gateways: list[Gateway], nodes: list[MariaDB], request: pytest.FixtureRequest
) -> None:
    def take_out() -> None:
        nodes[0].execute("SET GLOBAL wsrep_desync = ON")
        # As an operator would: until no gateway has a call there.
        asyncio.run(eventually(partial(idle, gateways, nodes[0].port), 10, "the node is passed over"))
        nodes[0].stop()

    cost = await under_load(clients, nodes[1], take_out, f"node taken out ({request.node.name})")
    await back(nodes[0])
    assert cost.failed == 0


async def test_drained_gateway_costs_nothing(
    clients: list[rowgate.Client], gateways: list[Gateway], nodes: list[MariaDB], request: pytest.FixtureRequest
) -> None:
    cost = await under_load(clients, nodes[0], gateways[0].terminate, f"drained gateway ({request.node.name})")
    assert cost.failed == 0


def idle(gateways: list[Gateway], port: int) -> bool:
    """Whether the gateways have given the node no calls for a second."""

    def calls() -> float:
        return sum(total(gateway, "rowgate_host_calls_total", host=f"127.0.0.1:{port}") for gateway in gateways)

    before = calls()
    time.sleep(1)
    return calls() == before
