"""Another configuration while the server serves: taken as a whole or not at all, with calls under way left in peace."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path

import pytest

import rowgate
from support.configured import REFUSED, Configured, lent, started
from support.eventually import eventually
from support.metrics import scraped
from support.process import Gateway

_TRIED = "database is up"
_SERVERS = {1: "alone", 2: "workers"}


@pytest.fixture(scope="module", params=_SERVERS, ids=_SERVERS.get)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configured]:
    with started(tmp_path_factory.mktemp("configured"), request.param) as server:
        yield server


@pytest.fixture
async def configured(server: Configured) -> AsyncIterator[Configured]:
    async with lent(server) as configured:
        yield configured


WORKERS = pytest.mark.parametrize("server", [2], indirect=True, ids=["workers"])
ALONE = pytest.mark.parametrize("server", [1], indirect=True, ids=["alone"])


async def test_databases_come_and_go(configured: Configured) -> None:
    before = configured.counted("taken")
    configured.settings["databases"]["other"] = {"url": configured.database("second")}
    await configured.exchange()
    assert [await configured.name(), await configured.name("other")] == ["first", "second"]
    del configured.settings["databases"]["other"]
    await configured.exchange()
    with pytest.raises(rowgate.UnknownDatabase):
        await configured.name("other")
    assert configured.counted("taken") == before + 2


async def test_work_that_has_begun_ends_where_it_began(configured: Configured) -> None:
    counting = "select count(*) as n from named"
    configured.settings["databases"]["main"]["url"] = configured.database("begun")
    await configured.exchange()
    async with rowgate.connect(configured.gateway.address) as client:
        async with client.transaction() as transaction:
            await transaction.query("insert into named values ('added')")
            configured.settings["databases"]["main"]["url"] = configured.database("second")
            await configured.exchange()
            assert await configured.name() == "second"
            assert (await transaction.query(counting)).one()["n"] == 2
        assert (await client.query(counting)).one()["n"] == 1
    with closing(sqlite3.connect(configured.folder / "begun.db")) as connection:
        assert connection.execute(counting).fetchone() == (2,)


@pytest.mark.parametrize("gone", [True, False], ids=["gone", "moved"])
@ALONE
async def test_a_transaction_keeps_its_database_with_its_tables(configured: Configured, gone: bool) -> None:
    databases = configured.settings["databases"]
    databases["other"] = {"url": configured.database("kept")}
    with closing(sqlite3.connect(configured.folder / "kept.db")) as connection:
        connection.execute("create table if not exists only_here (id integer primary key, a text)")
        connection.commit()
    await configured.exchange()
    async with rowgate.connect(configured.gateway.address, database="other") as client:
        async with client.transaction() as transaction:
            await transaction.query("delete from only_here")
            if gone:
                del databases["other"]
            else:
                databases["other"]["url"] = configured.database("elsewhere")
            await configured.exchange()
            await transaction.query("insert into only_here values (1, 'sql')")
            await transaction.table("only_here").insert({"id": 2, "a": "table"})
            assert (await transaction.table("only_here").get(id=2))["a"] == "table"
        error = rowgate.UnknownDatabase if gone else rowgate.UnknownTable
        with pytest.raises(error):
            await client.table("only_here").get(id=2)
    with closing(sqlite3.connect(configured.folder / "kept.db")) as connection:
        assert connection.execute("select id from only_here").fetchall() == [(1,), (2,)]


@ALONE
async def test_what_is_gone_leaves_no_metrics(configured: Configured) -> None:
    def told() -> bool:
        return any('database="other"' in sample for sample in scraped(configured.gateway))

    await eventually(lambda: not told(), 20, "the one of the test before is gone")
    configured.settings["databases"]["other"] = {"url": configured.database("second")}
    await configured.exchange()
    assert await configured.name("other") == "second"
    assert told()
    del configured.settings["databases"]["other"]
    await configured.exchange()
    await eventually(lambda: not told(), 20, "they are gone")


async def test_what_is_wrong_changes_nothing_and_is_told_once(configured: Configured) -> None:
    told, counted = configured.told(REFUSED), configured.counted("refused")
    configured.settings["databases"]["other"] = {"url": configured.database("second"), "pol": {"size": 1}}
    configured.settings["databases"]["main"]["url"] = configured.database("third")
    await configured.exchange(REFUSED)
    assert await configured.name() == "first"
    with pytest.raises(rowgate.UnknownDatabase):
        await configured.name("other")
    assert configured.counted("refused") == counted + 1
    assert scraped(configured.gateway)["rowgate_config_current"] == 0
    del configured.settings["databases"]["other"]["pol"]
    await configured.exchange()
    assert [await configured.name(), await configured.name("other")] == ["third", "second"]
    assert configured.told(REFUSED) == told + 1
    assert scraped(configured.gateway)["rowgate_config_current"] == 1


async def test_what_is_read_at_the_start_only_is_refused_by_name(configured: Configured) -> None:
    configured.settings["server"]["drain_grace"] = "7s"
    configured.settings["databases"]["main"]["url"] = configured.database("second")
    await configured.exchange(REFUSED)
    assert "server.drain_grace: is read at the start only" in configured.gateway.stderr
    assert await configured.name() == "first"


async def test_a_database_that_does_not_answer_is_asked_again_after_growing_pauses(configured: Configured) -> None:
    down, lines = '"event": "database is down"', len(configured.gateway.stderr.splitlines())
    tries = configured.told(down)
    configured.settings["databases"]["main"]["url"] = f"sqlite:///{configured.folder / 'missing.db'}"
    began = time.monotonic()
    await configured.exchange(REFUSED)
    processes = configured.settings["server"]["workers"]
    await eventually(lambda: configured.told(down) >= tries + 4 * processes, 20, "each has tried four times")
    assert time.monotonic() - began > 0.2 + 0.4 + 0.8
    told = [json.loads(line) for line in configured.gateway.stderr.splitlines()[lines:]]
    assert {line["level"] for line in told if line["event"] == "database is down"} == {"debug"}, "the served one is up"
    configured.settings["databases"]["main"]["url"] = configured.database("second")
    await configured.exchange()
    assert await configured.name() == "second", "another file is not waited with"


@WORKERS
async def test_a_worker_that_comes_back_has_what_holds(configured: Configured) -> None:
    gateway = configured.gateway
    configured.settings["databases"]["main"]["url"] = configured.database("second")
    configured.settings["databases"]["passing"] = {"url": configured.database("third")}
    await configured.exchange()
    assert _of(gateway, "passing")
    (worker,) = [int(pid) for pid in _children(gateway.child.pid)[:1]]
    os.kill(worker, signal.SIGKILL)
    await eventually(lambda: _sum(gateway, "rowgate_worker_restarts_total") == 1, 20, "it is gone")
    await eventually(lambda: _sum(gateway, "rowgate_worker_up") == 2, 30, "it is back")
    assert {await configured.name() for _ in range(16)} == {"second"}
    del configured.settings["databases"]["passing"]
    await configured.exchange()
    await eventually(lambda: not _of(gateway, "passing"), 20, "what the one before has counted of it is told no more")
    assert _of(gateway, "main")


@WORKERS
async def test_a_worker_that_cannot_take_what_the_others_took_is_replaced(configured: Configured) -> None:
    gateway = configured.gateway
    restarts = _sum(gateway, "rowgate_worker_restarts_total")
    first, second = (int(pid) for pid in _children(gateway.child.pid))
    configured.settings["databases"]["main"]["url"] = configured.database("second")
    os.kill(second, signal.SIGSTOP)
    try:
        tried = configured.told(_TRIED)
        configured.write()
        # The first builds it, and is another process when it is to be taken.
        await eventually(lambda: configured.told(_TRIED) > tried, 20, "the first has tried the new database")
        os.kill(first, signal.SIGKILL)
        await eventually(lambda: _sum(gateway, "rowgate_worker_restarts_total") > restarts, 20, "it is gone")
    finally:
        os.kill(second, signal.SIGCONT)
    await eventually(lambda: scraped(gateway)["rowgate_config_current"] == 1, 60, "it is taken")
    await eventually(lambda: _sum(gateway, "rowgate_worker_up") == 2, 30, "both are there")
    assert {await configured.name() for _ in range(16)} == {"second"}


def _sum(gateway: Gateway, name: str) -> float:
    return sum(value for sample, value in scraped(gateway).items() if sample.startswith(f"{name}{{"))


def _of(gateway: Gateway, database: str) -> list[str]:
    return [sample for sample in scraped(gateway) if f'database="{database}"' in sample]


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()


async def test_sighup_has_the_files_read_at_once(configured: Configured) -> None:
    await configured.looked()
