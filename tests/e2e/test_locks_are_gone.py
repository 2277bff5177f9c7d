"""Every way in which a transaction ends without a commit, and how soon its locks are gone from the database.

That counts from when the gateway has noticed, by the time of its own line in the log: when a network goes dark, that is
seconds after it did. The databases are asked from outside, again and again, on the same machine's clock.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from typing import Any

import grpc.aio
import pytest

from support.child import Child
from support.dark_link import DarkLink
from support.eventually import eventually
from support.locked_row import ENGINES, Databases, client_of, holding
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.transactions import Transact

PROMISED = 0.5
"""Seconds after the gateway has noticed; it takes a few milliseconds."""
NOTICED = 10.0
"""Seconds until it must have noticed: it looks for silent clients each second."""


@pytest.fixture(scope="module")
def databases(
    mariadb_server: MariaDB, postgresql_server: PostgreSQL, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Databases]:
    with Databases.with_row(mariadb_server, postgresql_server, tmp_path_factory.mktemp("locks")) as databases:
        yield databases


@pytest.fixture(scope="module")
def gateway(databases: Databases) -> Iterator[Gateway]:
    with databases.gateway(SERVER__KEEPALIVE_TIME="1s", SERVER__KEEPALIVE_TIMEOUT="1s") as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


class Locks:
    """The row's locks in all three databases, each held by a transaction, and what the gateway says of these."""

    def __init__(self, gateway: Gateway, databases: Databases) -> None:
        self._gateway, self._databases = gateway, databases
        self._numbers = {engine: databases.number(engine) for engine in ENGINES}
        self._lines = {engine: len(self._ends(engine)) for engine in ENGINES}
        assert not any(databases.is_free(engine) for engine in ENGINES)

    async def are_gone(self) -> None:
        """See that they are, so soon as is promised, and that nothing was changed."""
        await asyncio.gather(*map(self._is_gone, ENGINES))
        for engine in ENGINES:
            assert self._databases.number(engine) == self._numbers[engine]

    async def _is_gone(self, engine: str) -> None:
        await eventually(lambda: self._databases.is_free(engine), NOTICED, f"the lock in {engine} was gone")
        freed = time.time()
        await eventually(lambda: len(self._ends(engine)) > self._lines[engine], 5, "the gateway told of the end")
        noticed = self._ends(engine)[-1]
        assert freed - noticed < PROMISED, f"{engine}: {freed - noticed:.3f} s after the gateway had noticed"

    def _ends(self, engine: str) -> list[float]:
        """When the gateway saw transactions end, by its log."""
        lines = [json.loads(line) for line in self._gateway.stderr.splitlines() if "/Transact" in line]
        return [datetime.fromisoformat(line["time"]).timestamp() for line in lines if line.get("database") == engine]


@contextlib.asynccontextmanager
async def all_held(address: str, **how: Any) -> AsyncIterator[list[Transact]]:
    async with contextlib.AsyncExitStack() as held:
        yield [await held.enter_async_context(holding(address, engine, **how)) for engine in ENGINES]


@contextlib.contextmanager
def clients(gateway: Gateway) -> Iterator[list[Child]]:
    """Processes that hold a lock each."""
    holders = [client_of(gateway, engine) for engine in ENGINES]
    try:
        yield holders
    finally:
        for holder in holders:
            holder.kill()


async def test_after_a_half_close(gateway: Gateway, databases: Databases) -> None:
    async with all_held(gateway.address) as held:
        locks = Locks(gateway, databases)
        assert [await tx.half_close() for tx in held] == [grpc.StatusCode.OK] * 3
        await locks.are_gone()


async def test_after_a_cancel(gateway: Gateway, databases: Databases) -> None:
    async with all_held(gateway.address) as held:
        locks = Locks(gateway, databases)
        for tx in held:
            tx.call.cancel()
        await locks.are_gone()


async def test_after_the_call_s_deadline(gateway: Gateway, databases: Databases) -> None:
    async with all_held(gateway.address, seconds=1.5) as held:
        locks = Locks(gateway, databases)
        for tx in held:
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await tx.answer()
            assert caught.value.code() in (grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.ABORTED)
        await locks.are_gone()


async def test_after_the_channel_was_closed(gateway: Gateway, databases: Databases) -> None:
    async with all_held(gateway.address):
        locks = Locks(gateway, databases)
    await locks.are_gone()


async def test_after_the_client_was_killed(gateway: Gateway, databases: Databases) -> None:
    with clients(gateway) as holders:
        locks = Locks(gateway, databases)
        for holder in holders:
            os.kill(holder.pid, signal.SIGKILL)
        await locks.are_gone()


async def test_after_the_client_has_frozen(gateway: Gateway, databases: Databases) -> None:
    with clients(gateway) as holders:
        locks = Locks(gateway, databases)
        for holder in holders:
            holder.freeze()
        await locks.are_gone()


async def test_after_the_network_went_dark(gateway: Gateway, databases: Databases) -> None:
    """Nothing comes through any more, not even the end of a connection: the gateway's pings are not answered."""
    port = int(gateway.address.rpartition(":")[2])
    async with DarkLink(port) as link, all_held(f"127.0.0.1:{link.port}"):
        locks = Locks(gateway, databases)
        link.go_dark()
        await locks.are_gone()


async def test_after_the_gateway_was_told_to_stop(databases: Databases) -> None:
    with databases.gateway(SERVER__DRAIN_GRACE="1.5s") as gateway:
        async with all_held(gateway.address) as held:
            locks = Locks(gateway, databases)
            os.kill(gateway.child.pid, signal.SIGTERM)
            for tx in held:
                with pytest.raises(grpc.aio.AioRpcError, match="stopping") as caught:
                    await tx.answer()
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            await locks.are_gone()
        await eventually(lambda: gateway.child.exit_code is not None, 15, "the gateway ended")
        assert gateway.child.exit_code == 0
        assert "Traceback" not in gateway.stderr
