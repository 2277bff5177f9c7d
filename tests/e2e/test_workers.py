"""`serve --workers N`: several processes on one port that a user and an operator meet as one gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncmy
import pytest

import rowgate
from support import proc
from support.available import ROOT
from support.eventually import eventually
from support.mariadb import MariaDB
from support.process import Gateway
from support.scraped import get, total
from support.throwaway import DATABASE, HOST, PASSWORD, USER

WORKERS = 2
WRITE = "update workers_locked set n = n + 1 where id = 1"
CALLS = {"grpc_method": "ExecuteQuery", "grpc_code": "OK"}


@pytest.fixture(scope="module")
def gateway(mariadb_server: MariaDB) -> Iterator[Gateway]:
    environment = {
        "ROWGATE_DATABASES__MAIN__URL": mariadb_server.url,
        "ROWGATE_DATABASES__MAIN__POOL__SIZE": "200",
        "ROWGATE_LOG__FORMAT": "json",
        "ROWGATE_ADMIN__ALL_QUERIES": "true",
    }
    with Gateway.start("--workers", str(WORKERS), environment=environment) as gateway:
        yield gateway


@contextlib.asynccontextmanager
async def clients(gateway: Gateway, number: int = 12) -> AsyncIterator[list[rowgate.Client]]:
    """With so many connections, each worker has some: all but one in 2,000 times."""
    async with contextlib.AsyncExitStack() as opened:
        yield [await opened.enter_async_context(rowgate.connect(gateway.address)) for _ in range(number)]


def pids(gateway: Gateway) -> list[int]:
    return [pid for pid in proc.tree(gateway.child.pid)[1:] if not proc.is_stopped(pid)]


async def test_calls_are_spread_and_counted_together(gateway: Gateway) -> None:
    before = total(gateway, "grpc_server_handled_total", **CALLS)
    async with clients(gateway) as opened:
        connections = {(await client.query("select connection_id()")).scalar() for client in opened}
        assert len(connections) >= WORKERS, "each has a pool of its own"
        assert total(gateway, "grpc_server_handled_total", **CALLS) == before + len(opened)
        assert total(gateway, "rowgate_pool_max", database="main") == WORKERS * 205
        assert total(gateway, "rowgate_database_up", database="main") == 1
        assert total(gateway, "grpc_server_handling_seconds_count", grpc_method="ExecuteQuery") == before + len(opened)
        assert get(gateway, "/readyz") == (200, '{"status": "ready", "databases": {"main": "up"}}')
        for client in opened:
            with pytest.raises(rowgate.InvalidSql):
                await client.query("selec 1")
        failed = {"database": "main", "reason": "INVALID_SQL"}
        assert total(gateway, "rowgate_calls_failed_total", **failed) == len(opened)
    lines = [json.loads(line) for line in gateway.stderr.splitlines()]
    assert {line["worker"] for line in lines if line["event"] == "call"} == {1, 2}


async def test_pools_that_ask_for_too_much_are_told_of(gateway: Gateway) -> None:
    """By one of the workers, for all of them."""
    assert gateway.child.stderr.wait_for("pools larger than the database allows", within=20)
    async with clients(gateway) as opened:  # by the time that each worker has answered, each would have told
        for client in opened:
            await client.query("select 1 as x")
    (line,) = [json.loads(line) for line in gateway.stderr.splitlines() if "larger than the database allows" in line]
    assert (line["pool_max"], line["processes"]) == (205, WORKERS)
    assert line["allowed"] < 205 * WORKERS


async def test_what_one_worker_hands_out_another_takes(gateway: Gateway) -> None:
    """Page tokens are signed alike; a table that was altered through one is known to the others."""
    async with clients(gateway) as opened:
        await opened[0].query("create table workers_pages (id integer primary key)")
        await opened[0].query("insert into workers_pages values (1), (2), (3), (4)")
        try:
            pages = [await client.table("workers_pages").order_by("id").page_size(1).page() for client in opened]
            for client in opened:
                page = await client.table("workers_pages").order_by("id").page_size(1).page(pages[0].next_page_token)
                assert [row["id"] for row in page] == [2]
            await opened[0].query("alter table workers_pages add column late integer default 7")
            told: list[object] = []
            for _ in range(200):  # the news is on its way; no event tells of its arrival
                told = [dict(await client.table("workers_pages").get(id=1)).get("late") for client in opened]
                if set(told) == {7}:
                    break
                await asyncio.sleep(0.01)
            assert set(told) == {7}
        finally:
            await opened[0].query("drop table workers_pages")


async def test_a_schema_that_one_worker_reads_anew_is_read_anew_by_the_others(
    gateway: Gateway, mariadb_server: MariaDB
) -> None:
    async with clients(gateway) as opened:
        for client in opened:
            await client.schema()
        mariadb_server.script("create table rowgate_test.workers_beside (id integer primary key)")
        try:
            await opened[0].refresh_schema()
            seen: list[bool] = []
            for _ in range(500):
                seen = ["workers_beside" in (await client.schema())["rowgate_test"] for client in opened]
                if all(seen):
                    break
                await asyncio.sleep(0.01)
            assert all(seen)
        finally:
            mariadb_server.script("drop table rowgate_test.workers_beside")


async def test_queries_are_listed_and_cancelled_whichever_worker_runs_them(gateway: Gateway) -> None:
    async with clients(gateway) as opened:
        calls = [asyncio.create_task(client.query("select sleep(60)")) for client in opened]
        found: list[rowgate.RunningQuery] = []
        for _ in range(500):
            found = await opened[0].running()
            if len(found) == len(opened):
                break
            await asyncio.sleep(0.01)
        assert {query.worker for query in found} == {1, 2}
        for query in found:
            assert (await opened[0].cancel(query.query_id)).worker == query.worker
        ended = await asyncio.gather(*calls, return_exceptions=True)
        assert {type(error) for error in ended} == {rowgate.QueryCancelled}


@contextlib.asynccontextmanager
async def locked(server: MariaDB) -> AsyncIterator[None]:
    """The row that `WRITE` writes, while somebody else holds it."""
    server.script(
        "create table workers_locked (id integer primary key, n integer); insert into workers_locked values (1, 0)"
    )
    holder: Any = await asyncmy.connect(host=HOST, port=server.port, user=USER, password=PASSWORD, database=DATABASE)
    await holder.query("begin")
    await holder.query("select n from workers_locked where id = 1 for update")
    try:
        yield
    finally:
        await holder.ensure_closed()


async def test_a_crashed_worker_is_replaced_what_it_counted_stays_and_what_it_ran_is_ended(
    gateway: Gateway, mariadb_server: MariaDB
) -> None:
    """MariaDB would notice at the statements' own end only, and carry out what waits for a lock."""
    running = f"select count(*) from information_schema.processlist where info = '{WRITE}'"
    handled = total(gateway, "grpc_server_handled_total", **CALLS)
    before = pids(gateway)
    assert len(before) == WORKERS
    async with clients(gateway) as opened, locked(mariadb_server):
        calls = [asyncio.create_task(client.query(WRITE)) for client in opened]
        await eventually(lambda: mariadb_server.execute(running) == [(len(calls),)], 10, "they ran")
        os.kill(before[0], signal.SIGKILL)
        await eventually(lambda: total(gateway, "rowgate_worker_restarts_total") == 1, 20, "it was noticed")
        assert total(gateway, "grpc_server_handled_total", **CALLS) == handled
        await eventually(lambda: total(gateway, "rowgate_worker_up") == WORKERS, 30, "there was another one")
        ended = "what the worker before has left is ended"
        await eventually(lambda: ended in gateway.stderr, 5, "by the worker, and not by MariaDB itself")
        cut = [call for call in calls if call.done()]
        assert 0 < len(cut) < len(calls), "each worker had some"
        assert mariadb_server.execute(running) == [(len(calls) - len(cut),)]
        for call in calls:
            call.cancel()
        assert {type(each) for each in await asyncio.gather(*cut, return_exceptions=True)} == {
            rowgate.GatewayUnreachable
        }
        await eventually(lambda: mariadb_server.execute(running) == [(0,)], 5, "the others were ended, too")
    assert mariadb_server.execute("select n from workers_locked") == [(0,)]
    mariadb_server.script("drop table workers_locked")
    async with clients(gateway) as opened:
        for client in opened:
            assert (await client.query("select 1")).scalar() == 1
    assert total(gateway, "grpc_server_handled_total", **CALLS) == handled + len(opened)


async def test_all_end_with_the_supervisor(mariadb_server: MariaDB, gateway: Gateway) -> None:
    """The last test of this gateway: it is stopped with a statement under way, which is finished."""
    family = pids(gateway)
    running = "select count(*) from information_schema.processlist where info like 'select sleep%planted_slow%'"
    async with rowgate.connect(gateway.address) as client:
        call = asyncio.create_task(client.query("select sleep(1) as planted_slow"))
        await eventually(lambda: mariadb_server.execute(running) == [(1,)], 5, "the call ran")
        stopping = asyncio.create_task(asyncio.to_thread(gateway.terminate))
        assert (await call).scalar() == 0
        assert await stopping == 0, gateway.stderr
    assert all(proc.is_stopped(pid) for pid in family)
    assert "Traceback" not in gateway.stderr


async def test_workers_whose_supervisor_was_killed_end_by_themselves(mariadb_server: MariaDB) -> None:
    environment = {"ROWGATE_DATABASES__MAIN__URL": mariadb_server.url}
    with Gateway.start("--workers", "2", environment=environment) as gateway:
        family = pids(gateway)
        os.kill(gateway.child.pid, signal.SIGKILL)
        await eventually(lambda: all(proc.is_stopped(pid) for pid in family), 20, "the workers ended")


def test_workers_that_cannot_start_are_given_up_with_a_word() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        ended = _serve("--workers", "2", "--listen", address, "--database", "main=sqlite:////nowhere/x.db")
    assert ended.returncode == 1
    assert f"listen: {address} cannot be listened on" in ended.stderr


def test_a_unix_socket_is_not_shared() -> None:
    ended = _serve("--workers", "2", "--listen", "unix:/tmp/x.sock", "--database", "main=sqlite:////nowhere/x.db")
    assert ended.returncode == 2
    assert "server.workers" in ended.stderr


def _serve(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "rowgate_server", "serve", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
