"""Under load for long, with a fifth of the calls cancelled: nothing grows.

`make soak MINUTES=60` says for how long; else it is moments, which show what leaks with each call.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

import rowgate
from support.metrics import scraped
from support.process import Gateway
from support.throwaway import ThrowawayServer

pytestmark = pytest.mark.alone

MINUTES = float(os.environ.get("SOAK_MINUTES") or 0.03)
RATE = 100 if MINUTES >= 1 else 60
"""Calls a second on each of the two."""

WARM_UP = 0.25
"""The part of the time that is for warming up."""

MOST_CONNECTIONS = 20
"""Both pools', with their overflow."""
_PER_TEN_MINUTES = 2 * 1024 * 1024
_EVERY = 5.0
"""Seconds between samples: at a single moment more or fewer connections are open, at up to 0.5 MiB each with TLS."""

PREPARED = {
    "mariadb": "show global status like 'prepared_stmt_count'",
    "postgresql": "select 'own', count(*) from pg_prepared_statements",
}


@pytest.fixture
def gateway(servers: dict[str, ThrowawayServer]) -> Iterator[Gateway]:
    environment = {f"ROWGATE_DATABASES__{name.upper()}__URL": server.url for name, server in servers.items()}
    with Gateway.start(environment=environment) as gateway:
        yield gateway


class Sample:
    """What the gateway holds at one moment."""

    def __init__(self, gateway: Gateway) -> None:
        values = scraped(gateway)
        self.resident = values["process_resident_memory_bytes"]
        self.files = len(list(Path(f"/proc/{gateway.child.pid}/fd").iterdir()))
        self.threads = len(list(Path(f"/proc/{gateway.child.pid}/task").iterdir()))
        self.tasks = values["rowgate_event_loop_tasks"]
        self.in_use = _sum(values, "rowgate_pool_in_use")
        self.connections = self.in_use + _sum(values, "rowgate_pool_idle")

    def __str__(self) -> str:
        return (
            f"{self.resident / 2**20:.1f} MiB, {self.files} files, {self.threads} threads, {self.tasks:.0f} tasks, "
            f"{self.connections:.0f} connections"
        )


def _sum(values: dict[str, float], name: str) -> float:
    return sum(value for sample, value in values.items() if sample.startswith(f"{name}{{"))


async def load(db: rowgate.Database, seconds: float) -> None:
    """So many calls a second, of which every fifth is cancelled while it runs."""
    loop = asyncio.get_running_loop()
    until, at = loop.time() + seconds, loop.time()
    async with asyncio.TaskGroup() as calls:
        number = 0
        while at < until:
            number += 1
            calls.create_task(one(db, number))
            at += 1 / RATE
            await asyncio.sleep(max(0.0, at - loop.time()))


async def one(db: rowgate.Database, number: int) -> None:
    with contextlib.suppress(rowgate.RowgateError, TimeoutError):
        async with asyncio.timeout(0.002 if number % 5 == 0 else 10):
            assert (await db.query("select :n as n, 'x' as x", n=number)).rows[0][0] == number


async def samples(gateway: Gateway) -> list[tuple[float, float]]:
    """Times and the memory at each, until it is cancelled."""
    taken: list[tuple[float, float]] = []
    with contextlib.suppress(asyncio.CancelledError):
        while True:
            await asyncio.sleep(_EVERY)
            taken.append((asyncio.get_running_loop().time(), (await asyncio.to_thread(Sample, gateway)).resident))
    return taken


def grown(taken: list[tuple[float, float]]) -> float:
    """Bytes in ten minutes, by the straight line that is nearest to all samples."""
    return 600 * statistics.linear_regression(*zip(*taken, strict=True)).slope


@pytest.mark.timeout(6 * 3600)
async def test_nothing_grows_under_load(gateway: Gateway, servers: dict[str, ThrowawayServer]) -> None:
    seconds = MINUTES * 60
    async with rowgate.connect(gateway.address, retry=None) as client:

        async def both(part: float) -> None:
            await asyncio.gather(*(load(client.using(name), seconds * part) for name in servers))

        await both(WARM_UP)
        await asyncio.sleep(1.5)  # until no connection is warm
        before = Sample(gateway)
        prepared = {name: server.execute(PREPARED[name])[0][1] for name, server in servers.items()}
        sampling = asyncio.create_task(samples(gateway))
        await both(1 - WARM_UP)
        sampling.cancel()
        taken = await sampling
        await asyncio.sleep(1.5)
        after = Sample(gateway)
    print(f"at rest before: {before}\nand after: {after}")
    if MINUTES >= 1:
        print(f"under load in ten minutes: {grown(taken) / 1024:.0f} KiB")
    assert after.resident - before.resident < max(1.0, MINUTES / 10) * 4 * _PER_TEN_MINUTES
    assert MINUTES < 10 or grown(taken) < _PER_TEN_MINUTES
    assert after.in_use == 0
    assert after.tasks <= before.tasks + 2  # a probe may be under way
    assert after.connections <= MOST_CONNECTIONS
    assert after.files <= before.files + 10  # connections come and go
    assert after.threads <= before.threads + 2
    assert {name: server.execute(PREPARED[name])[0][1] for name, server in servers.items()} == prepared
