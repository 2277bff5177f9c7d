"""What does not end by itself is given up: connections that nobody answers on, and workers that are stuck.

`LONG_RUN=1` (`make life`) has most of it: a supervisor waits for ten seconds before it believes that a worker is stuck.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sqlite3
import time
from pathlib import Path

import pytest

import rowgate
from support import proc
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.proxy import HOST, Proxy
from support.scraped import get, total

GRACE = 1.5
SLEEPS = {"mariadb": "select sleep(60)", "postgresql": "select pg_sleep(60)"}
AT_ONCE = 4
ENDLESS = "select instr(zeroblob(4000000), cast(zeroblob(400000) || x'01' as blob))"
"""One step of SQLite's, between two of which it looks whether it is to stop; minutes."""


async def test_a_connection_that_does_not_end_at_all_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with contextlib.closing(sqlite3.connect(tmp_path / "test.db")) as connection:
        connection.execute("create table things (i integer)")
    environment = {"ROWGATE_DATABASES__MAIN__URL": f"sqlite:///{tmp_path / 'test.db'}"}
    environment["ROWGATE_SERVER__DRAIN_GRACE"] = f"{GRACE}s"
    gateway = await asyncio.to_thread(lambda: Gateway.start(environment=environment))
    with gateway:
        async with rowgate.connect(gateway.address, retry=None) as db:
            call = asyncio.create_task(db.query(ENDLESS))
            await eventually(lambda: total(gateway, "rowgate_pool_in_use") == 1, 5, "it ran")
            began = time.monotonic()
            os.kill(gateway.child.pid, signal.SIGTERM)
            with pytest.raises(rowgate.Unavailable):
                await call
            await eventually(lambda: gateway.child.exit_code is not None, 20, "the gateway ended")
        assert time.monotonic() - began < GRACE + 2 + 1
    assert gateway.child.exit_code == 0, gateway.stderr
    assert "connections given up" in gateway.stderr
    assert "Traceback" not in gateway.stderr


if os.environ.get("LONG_RUN"):

    async def test_databases_that_fell_silent_do_not_hold_up_the_end(
        mariadb_server: MariaDB, postgresql_server: PostgreSQL
    ) -> None:
        """Neither kills nor goodbyes are answered; warm, idle and busy connections are on the dark links."""
        async with contextlib.AsyncExitStack() as stack:
            environment, proxies = {"ROWGATE_SERVER__DRAIN_GRACE": f"{GRACE}s"}, []
            for name, server in (("mariadb", mariadb_server), ("postgresql", postgresql_server)):
                proxy = await stack.enter_async_context(Proxy(server.port))
                proxies.append(proxy)
                url = server.url.replace(f"{HOST}:{server.port}", f"{HOST}:{proxy.port}")
                assert url != server.url
                environment[f"ROWGATE_DATABASES__{name.upper()}__URL"] = url
            gateway = stack.enter_context(await asyncio.to_thread(lambda: Gateway.start(environment=environment)))
            client = await stack.enter_async_context(rowgate.connect(gateway.address, retry=None))
            await asyncio.gather(*(client.using(name).query("select 1") for name in SLEEPS for _ in range(AT_ONCE)))
            calls = [
                asyncio.create_task(client.using(name).query(sql))
                for name, sql in SLEEPS.items()
                for _ in range(AT_ONCE)
            ]
            await eventually(lambda: total(gateway, "rowgate_pool_in_use") == len(calls), 5, "they ran")
            for proxy in proxies:
                proxy.go_dark()
            began = time.monotonic()
            os.kill(gateway.child.pid, signal.SIGTERM)
            for error in await asyncio.gather(*calls, return_exceptions=True):
                assert isinstance(error, rowgate.RowgateError), error
            await eventually(lambda: gateway.child.exit_code is not None, 20, "the gateway ended")
            assert time.monotonic() - began < GRACE + 2 + 1  # and a second, as the machine may be busy
        assert gateway.child.exit_code == 0, gateway.stderr
        assert "Traceback" not in gateway.stderr

    async def test_a_worker_whose_loop_stands_still_is_replaced_and_not_left_behind(mariadb_server: MariaDB) -> None:
        """Stopped, it keeps its port and its connections, and answers nobody: only its supervisor can tell."""
        environment = {"ROWGATE_DATABASES__MAIN__URL": mariadb_server.url}
        gateway = await asyncio.to_thread(lambda: Gateway.start("--workers", "2", environment=environment))
        with gateway:
            stuck = next(pid for pid in proc.tree(gateway.child.pid)[1:] if not proc.is_stopped(pid))
            os.kill(stuck, signal.SIGSTOP)
            await eventually(
                lambda: total(gateway, "rowgate_worker_restarts_total") == 1, 40, "it was found to be stuck"
            )
            assert "worker is stuck" in gateway.stderr
            assert stuck not in proc.tree(gateway.child.pid)
            await eventually(lambda: total(gateway, "rowgate_worker_up") == 2, 40, "there was another one")
            assert get(gateway, "/readyz")[0] == 200
            for _ in range(8):  # each by a connection of its own: whichever worker has it
                async with rowgate.connect(gateway.address) as db:
                    assert (await db.query("select 1")).scalar() == 1
            stuck = next(pid for pid in proc.tree(gateway.child.pid)[1:] if not proc.is_stopped(pid))
            os.kill(stuck, signal.SIGSTOP)
            os.kill(gateway.child.pid, signal.SIGTERM)
            await eventually(lambda: '"event": "stopping"' in gateway.stderr, 20, "the other one had heard")
            os.kill(gateway.child.pid, signal.SIGTERM)
            await eventually(lambda: gateway.child.exit_code is not None, 20, "the gateway ended")
            assert gateway.child.exit_code == 1, gateway.stderr
            with pytest.raises(ProcessLookupError):
                os.kill(stuck, 0)
