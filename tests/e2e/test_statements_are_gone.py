"""Whatever ends a call: how soon its statement is gone from the database's own list of what runs.

The databases are asked from outside the gateway, again and again. `LONG_RUN=1` (`make life`) does it many times over,
and prints the table of `docs/running.md`.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import datetime
from typing import Any

import grpc.aio
import pytest

from rowgate.v1 import admin_service_pb2, admin_service_pb2_grpc
from support.available import ROOT
from support.child import Child
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.slow_calls import KINDS, PRESENT, Kind, begun

PROMISED = 0.5
TIMES = 20 if os.environ.get("LONG_RUN") else 1
GRACE = 1.5
BEFORE_THE_END = 0.5
"""Seconds before the grace ends: then what still runs is stopped."""

Moments = dict[Kind, float]


class Databases:
    """The two servers, and which statements of a tag they have not ended."""

    def __init__(self, mariadb: MariaDB, postgresql: PostgreSQL) -> None:
        self.servers = {"mariadb": mariadb, "postgresql": postgresql}

    def present(self, engine: str, tag: str) -> list[Kind]:
        texts = [str(row[0]) for row in self.servers[engine].execute(PRESENT[engine].format(tag))]
        return [
            kind for kind in KINDS if kind.engine == engine and any(f" {kind.named(tag)}" in text for text in texts)
        ]

    async def all_present(self, tag: str) -> None:
        def there() -> bool:
            return sum(len(self.present(engine, tag)) for engine in self.servers) == len(KINDS)

        await eventually(there, 10, "all statements were there")

    async def gone(self, tag: str) -> Moments:
        """When each was found to be gone, by the machine's clock."""
        found: Moments = {}

        async def look(engine: str) -> None:
            left = {kind for kind in KINDS if kind.engine == engine}
            until = time.time() + 10
            while left:
                assert time.time() < until, f"still there: {left}"
                present = await asyncio.to_thread(self.present, engine, tag)
                now = time.time()
                found.update(dict.fromkeys(left.difference(present), now))
                left.intersection_update(present)

        await asyncio.gather(*map(look, self.servers))
        return found


class Measured:
    """Seconds by cause and kind; `str` is a table of them."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[Kind, list[float]]] = defaultdict(lambda: defaultdict(list))

    def add(self, cause: str, since: Moments, gone: Moments) -> None:
        """Take note of them, and see that each is within what is promised."""
        for kind in KINDS:
            seconds = gone[kind] - since[kind]
            self._seconds[cause][kind].append(max(0.0, seconds))
            assert seconds < PROMISED, f"{cause}, {kind.rpc} on {kind.engine}: {seconds:.3f} s"

    def __str__(self) -> str:
        lines = ["cause" + "".join(f" | {kind.engine} {kind.rpc}" for kind in KINDS)]
        for cause, kinds in self._seconds.items():
            cells = [f"{statistics.median(kinds[kind]) * 1000:.0f}, {max(kinds[kind]) * 1000:.0f}" for kind in KINDS]
            lines.append(" | ".join([cause, *cells]))
        return "\n".join(lines)


@pytest.fixture(scope="module")
def measured() -> Iterator[Measured]:
    measured = Measured()
    yield measured
    print(f"\nms, median and worst of {TIMES}:\n{measured}")  # noqa: T201 - the figures that `make life` is run for


@pytest.fixture(scope="module")
def databases(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Databases:
    return Databases(mariadb_server, postgresql_server)


def serving(databases: Databases) -> Gateway:
    urls = {f"ROWGATE_DATABASES__{name.upper()}__URL": server.url for name, server in databases.servers.items()}
    environment = {"ROWGATE_ADMIN__ALL_QUERIES": "true", "ROWGATE_SERVER__DRAIN_GRACE": f"{GRACE}s"}
    return Gateway.start(environment={**urls, **environment})


@pytest.fixture(scope="module")
def gateway(databases: Databases) -> Iterator[Gateway]:
    with serving(databases) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


@contextlib.asynccontextmanager
async def running(gateway: Gateway, databases: Databases, tag: str, seconds: float | None = None) -> AsyncIterator[Any]:
    """All kinds of calls, their statements in the databases, and a channel of another client's."""
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        calls = await asyncio.gather(*(begun(channel, kind, tag, seconds) for kind in KINDS))
        try:
            await databases.all_present(tag)
            yield calls
        finally:
            for call in calls:
                call.cancel()


def at_once() -> Moments:
    """The same moment for all: now."""
    return dict.fromkeys(KINDS, time.time())


async def repeatedly(cause: str, once: Callable[[str], Awaitable[None]]) -> None:
    for number in range(TIMES):
        await once(f"gone_by_{cause}_{number}")


@pytest.mark.timeout(600)
async def test_after_a_cancel(gateway: Gateway, databases: Databases, measured: Measured) -> None:
    async def once(tag: str) -> None:
        async with running(gateway, databases, tag) as calls:
            since = at_once()
            for call in calls:
                call.cancel()
            measured.add("cancel", since, await databases.gone(tag))

    await repeatedly("cancel", once)


@pytest.mark.timeout(600)
async def test_after_the_deadline(gateway: Gateway, databases: Databases, measured: Measured) -> None:
    async def once(tag: str) -> None:
        seconds = 1.5
        began = time.time()
        async with running(gateway, databases, tag, seconds):
            since = at_once()  # the calls were begun before
            assert since[KINDS[0]] < began + seconds, "they ran before their deadline"
            measured.add("deadline", dict.fromkeys(KINDS, began + seconds), await databases.gone(tag))

    await repeatedly("deadline", once)


def ends_in_the_log(gateway: Gateway) -> dict[Kind, float]:
    """When the gateway saw the last call of each kind end."""
    lines = [json.loads(line) for line in gateway.stderr.splitlines() if '"call"' in line]
    moments = [(line, datetime.fromisoformat(line["time"]).timestamp()) for line in lines if "database" in line]
    return {Kind(line["database"], line["method"].rpartition("/")[2]): moment for line, moment in moments}


@pytest.mark.timeout(600)
async def test_after_the_client_was_killed(gateway: Gateway, databases: Databases, measured: Measured) -> None:
    """It counts from the moment that the gateway knew."""

    async def once(tag: str) -> None:
        environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
        command = [sys.executable, "-m", "support.slow_calls", gateway.address, tag]
        client = Child(command, folder=ROOT, environment=environment)
        try:
            await databases.all_present(tag)
            killed = time.time()
            os.kill(client.pid, signal.SIGKILL)
            gone = await databases.gone(tag)
            await eventually(lambda: min(ends_in_the_log(gateway).values()) > killed, 5, "the gateway told of them all")
            measured.add("killed client", ends_in_the_log(gateway), gone)
        finally:
            client.kill()

    await repeatedly("kill", once)


@pytest.mark.timeout(600)
async def test_after_cancel_query(gateway: Gateway, databases: Databases, measured: Measured) -> None:
    async def once(tag: str) -> None:
        async with running(gateway, databases, tag), grpc.aio.insecure_channel(gateway.address) as other:
            admin: Any = admin_service_pb2_grpc.AdminServiceStub(other)
            queries = (await admin.ListQueries(admin_service_pb2.ListQueriesRequest())).queries
            since: Moments = {}
            looking = asyncio.create_task(databases.gone(tag))
            for kind in KINDS:
                (found,) = [
                    each for each in queries if each.database == kind.engine and kind.named(tag) in each.statement
                ]
                since[kind] = time.time()
                await admin.CancelQuery(admin_service_pb2.CancelQueryRequest(query_id=found.query_id))
            measured.add("CancelQuery", since, await looking)

    await repeatedly("cancel_query", once)


@pytest.mark.timeout(600)
async def test_after_the_grace_of_a_drain(databases: Databases, measured: Measured) -> None:
    """Half a second before it ends: they are gone within it."""

    async def once(tag: str) -> None:
        with serving(databases) as gateway:
            async with running(gateway, databases, tag):
                stopped = time.time() + GRACE - BEFORE_THE_END
                os.kill(gateway.child.pid, signal.SIGTERM)
                measured.add("drain", dict.fromkeys(KINDS, stopped), await databases.gone(tag))
            await eventually(lambda: gateway.child.exit_code is not None, 10, "the gateway ended")
            assert gateway.child.exit_code == 0

    await repeatedly("drain", once)
