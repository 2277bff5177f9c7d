"""SIGTERM, step by step: word of it, a pause, no new calls, the end of those under way, the end of the process."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Mapping

import pytest

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway

SLOW = {"mariadb": "select sleep(60) as planted_{}", "postgresql": "select pg_sleep(60) as planted_{}"}
RUNNING = {
    "mariadb": "select count(*) from information_schema.processlist where info like 'select sleep%planted_{}%'",
    "postgresql": "select count(*) from pg_stat_activity where query like 'select pg_sleep%planted_{}%'"
    " and state = 'active'",
}


class Both:
    """The two servers, asked which statements run."""

    def __init__(self, mariadb: MariaDB, postgresql: PostgreSQL) -> None:
        self.servers = {"mariadb": mariadb, "postgresql": postgresql}

    def environment(self, **settings: str) -> Mapping[str, str]:
        urls = {f"ROWGATE_DATABASES__{name.upper()}__URL": server.url for name, server in self.servers.items()}
        return {**urls, **{f"ROWGATE_SERVER__{key}": text for key, text in settings.items()}}

    def running(self, name: str) -> list[int]:
        return [int(self.servers[engine].execute(sql.format(name))[0][0]) for engine, sql in RUNNING.items()]


@pytest.fixture
def both(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Both:
    return Both(mariadb_server, postgresql_server)


async def begun(both: Both, client: rowgate.Client, name: str) -> list[asyncio.Task[rowgate.Result]]:
    """A slow statement on each, running."""
    calls = [asyncio.create_task(client.using(engine).query(sql.format(name))) for engine, sql in SLOW.items()]
    await eventually(lambda: both.running(name) == [1, 1], 5, "the statements ran")
    return calls


async def test_what_the_grace_does_not_suffice_for_is_stopped_in_the_databases_too(both: Both) -> None:
    with Gateway.start(environment=both.environment(DRAIN_GRACE="2s")) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            calls = await begun(both, client, "long")
            began = time.monotonic()
            os.kill(gateway.child.pid, signal.SIGTERM)
            for call in calls:
                with pytest.raises(rowgate.Unavailable, match="stopped the statement") as caught:
                    await call
                assert (caught.value.reason, caught.value.outcome) == ("SHUTTING_DOWN", rowgate.Outcome.UNKNOWN)
            assert time.monotonic() - began > 1
            await eventually(lambda: both.running("long") == [0, 0], 1, "the statements were gone")
            await eventually(lambda: gateway.child.exit_code is not None, 10, "the gateway ended")
        assert gateway.child.exit_code == 0
        assert time.monotonic() - began < 2 + 2
        assert "given up" not in gateway.stderr


async def test_a_second_signal_hurries(both: Both) -> None:
    with Gateway.start(environment=both.environment(DRAIN_GRACE="60s", DRAIN_PAUSE="10s")) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            calls = await begun(both, client, "hurried")
            os.kill(gateway.child.pid, signal.SIGTERM)
            await asyncio.to_thread(gateway.child.stderr.wait_for, "stopping", within=5)
            os.kill(gateway.child.pid, signal.SIGTERM)
            for call in calls:
                with pytest.raises(rowgate.Unavailable):
                    await call
            await eventually(lambda: gateway.child.exit_code is not None, 10, "the gateway ended")
        assert gateway.child.exit_code == 0
        assert both.running("hurried") == [0, 0]


def _ready(gateway: Gateway) -> int:
    try:
        with urllib.request.urlopen(f"http://{gateway.admin_address}/readyz", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def _refused(address: str) -> bool:
    host, _, port = address.rpartition(":")
    try:
        socket.create_connection((host, int(port)), 5).close()
    except ConnectionError:
        return True
    return False


async def _until_told(client: rowgate.Database) -> None:
    async with asyncio.timeout(10):
        while True:
            await client.query("select 1")
            await asyncio.sleep(0.03)


async def test_readiness_is_lost_first_and_new_calls_are_served_for_the_pause(both: Both) -> None:
    with Gateway.start(environment=both.environment(DRAIN_GRACE="60s", DRAIN_PAUSE="1s")) as gateway:
        async with rowgate.connect(gateway.address, retry=None) as client:
            calls = await begun(both, client, "paused")
            assert _ready(gateway) == 200
            os.kill(gateway.child.pid, signal.SIGTERM)
            await eventually(lambda: _ready(gateway) == 503, 5, "it said that it was not ready")
            mariadb = client.using("mariadb")
            assert (await mariadb.query("select 1")).scalar() == 1
            await asyncio.sleep(0.9)  # the pause is what is tested
            await eventually(lambda: _refused(gateway.address), 5, "nobody new was let in")
            with pytest.raises(rowgate.Unavailable):
                await _until_told(mariadb)
            assert not any(call.done() for call in calls), "those under way go on"
        # Its callers are gone, so there is nothing to wait for.
        await eventually(lambda: gateway.child.exit_code is not None, 10, "the gateway ended")
        assert gateway.child.exit_code == 0
