"""Every expression returns data in a real Prometheus that scrapes a real Rowgate under load: `make monitoring`.

Not among the tests of `make test`, which check that each can be read and names what there is.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import socket
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
import yaml

import rowgate
from rowgate_server.identity.hashing import make_key
from support import monitoring
from support.child import Child
from support.eventually import eventually
from support.mariadb import MariaDB
from support.monitoring import Asked
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.tools import prometheus
from support.transactions import Transact

LOAD = 20.0
"""Seconds."""

SERIES = "with recursive s(i) as (select 1 union all select i + 1 from s where i < 500) select i from s"


class Prometheus:
    """A running one."""

    def __init__(self, folder: Path, targets: dict[str, str]) -> None:
        with socket.socket() as reserved:
            reserved.bind(("127.0.0.1", 0))
            self.address = f"127.0.0.1:{reserved.getsockname()[1]}"
        scraped = [
            {"targets": [target], "labels": {"pod": pod, "namespace": monitoring.NAMESPACE}}
            for pod, target in targets.items()
        ]
        jobs = [{"job_name": "rowgate", "static_configs": scraped}]
        every = {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"}
        file = folder / "prometheus.yml"
        configuration = {"global": every, "rule_files": [str(monitoring.RULES)], "scrape_configs": jobs}
        file.write_text(yaml.safe_dump(configuration), encoding="utf-8")
        options = {"config.file": file, "storage.tsdb.path": folder / "data", "web.listen-address": self.address}
        command = [str(prometheus()), *(f"--{name}={value}" for name, value in options.items())]
        self.child = Child(command, folder=folder, environment={})

    def ready(self) -> bool:
        """Whether it answers."""
        assert self.child.exit_code is None, self.child.stderr.text
        with contextlib.suppress(urllib.error.URLError, ConnectionError):
            urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2).close()
            return True
        return False

    def asked(self, path: str, **query: str) -> Any:
        """What its API answers."""
        url = f"http://{self.address}/api/v1/{path}?{urllib.parse.urlencode(query)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            told = json.load(answer)
        assert told["status"] == "success", told
        return told["data"]

    def values(self, expression: str) -> list[float]:
        """What an expression returns at this moment."""
        result = self.asked("query", query=expression)
        return [float(series["value"][1]) for series in result["result"]]


@pytest.fixture(scope="module")
def gateway(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Iterator[Gateway]:
    environment = {
        "ROWGATE_DATABASES__MARIA__URL": mariadb_server.url,
        "ROWGATE_DATABASES__POSTGRES__URL": postgresql_server.url,
        # The server itself: what is told of several servers is told of it.
        "ROWGATE_DATABASES__POSTGRES__REPLICAS__COPY__URL": postgresql_server.url,
        **{
            f"ROWGATE_DATABASES__{name}__{key}": value
            for name in ("MARIA", "POSTGRES")
            for key, value in (
                ("POOL__SIZE", "2"),
                ("POOL__MAX_OVERFLOW", "1"),
                ("POOL__WAIT_TIMEOUT", "200ms"),
                ("TRANSACTIONS__IDLE_TIMEOUT", "1s"),
            )
        },
    }
    with Gateway.start(environment=environment) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """Another one, that asks callers who they are."""
    url = f"sqlite:///{tmp_path_factory.mktemp('guarded') / 'any.db'}"
    hashed = f"auth.api_keys.tester.hash={make_key('tester')[1]}"
    with Gateway.start("--database", f"any={url}", "--set", hashed) as gateway:
        yield gateway


@pytest.fixture(scope="module")
async def watched(
    gateway: Gateway, guarded: Gateway, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Prometheus]:
    """Prometheus, after some seconds of load that has a bit of everything."""
    targets = {monitoring.POD: gateway.admin_address, "rowgate-1": guarded.admin_address}
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), targets)
    try:
        await eventually(server.ready, 30, "Prometheus is ready")
        async with rowgate.connect(gateway.address, retry=None) as client:
            end = asyncio.get_running_loop().time() + LOAD
            databases = [client.using(name) for name in ("maria", "postgres")]
            await asyncio.gather(*(prepare(database) for database in databases))
            work = [one(database, end) for database in databases for one in (reads, writes, trouble, crowd)]
            work += [transactions(gateway.address, name, end) for name in ("maria", "postgres")]
            await asyncio.gather(*work, strangers(guarded.address, end))
        yield server
    finally:
        server.child.kill()


async def prepare(database: rowgate.Database) -> None:
    await database.query("create table monitored (id integer primary key, words varchar(40))")


def going(end: float) -> bool:
    return asyncio.get_running_loop().time() < end


async def reads(database: rowgate.Database, end: float) -> None:
    while going(end):
        with contextlib.suppress(rowgate.RowgateError):
            await database.query("select 1 as x")
            await database.query(SERIES)
            async with database.stream(SERIES) as rows:
                async for _ in rows:
                    pass
            await asyncio.sleep(0.02)


async def writes(database: rowgate.Database, end: float) -> None:
    things, number = database.table("monitored"), 0
    while going(end):
        number += 1
        with contextlib.suppress(rowgate.RowgateError):
            await things.insert({"id": number, "words": "one"})
            await things.where(id=number).update({"words": "two"})
            await things.where(id=number).delete()
            await asyncio.sleep(0.05)


async def transactions(address: str, database: str, end: float) -> None:
    async with grpc.aio.insecure_channel(address) as channel:
        while going(end):
            with contextlib.suppress(grpc.aio.AioRpcError):  # refused, as the crowd has the pool
                async with Transact(channel) as stream:
                    await stream.begin(database)
                    await stream.commit()
            await asyncio.sleep(0.2)


async def trouble(database: rowgate.Database, end: float) -> None:
    while going(end):
        # Each engine knows one of the two ways to sleep.
        for sql in ("selec 1", "select 1; select 2", "select sleep(9)", "select pg_sleep(9)"):
            with contextlib.suppress(rowgate.RowgateError):
                await database.with_options(timeout=0.3).query(sql)
        await asyncio.sleep(0.1)


async def strangers(address: str, end: float) -> None:
    """Callers whose key is wrong."""
    async with rowgate.connect(address, token="rgk_tester.wrong", credentials_in_plaintext=True, retry=None) as client:
        while going(end):
            with contextlib.suppress(rowgate.RowgateError):
                await client.databases()
            await asyncio.sleep(0.2)


async def crowd(database: rowgate.Database, end: float) -> None:
    """More at once than the pool has places."""
    while going(end):
        await asyncio.gather(*(database.query(SERIES) for _ in range(8)), return_exceptions=True)
        await asyncio.sleep(0.5)


@pytest.mark.parametrize("asked", monitoring.of_the_dashboard("10s"), ids=str)
async def test_every_panel_has_data(watched: Prometheus, asked: Asked) -> None:
    found = await asyncio.to_thread(watched.values, asked.expression)
    assert [value for value in found if not math.isnan(value)], f"{asked.expression}: {found}"


async def test_the_adapter_s_metric_has_one_value_for_the_pod(watched: Prometheus) -> None:
    (value,) = await asyncio.to_thread(watched.values, monitoring.of_the_adapter().expression)
    assert 0 <= value <= 1


async def test_every_rule_is_evaluated_without_an_error(watched: Prometheus) -> None:
    groups = (await asyncio.to_thread(watched.asked, "rules"))["groups"]
    told = {rule["name"]: rule["health"] for group in groups for rule in group["rules"]}
    assert told == dict.fromkeys((asked.where for asked in monitoring.of_the_rules()), "ok")


async def test_refused_credentials_are_counted(watched: Prometheus) -> None:
    (asked,) = [each for each in monitoring.of_the_dashboard("10s") if each.where == "Credentials refused A"]
    assert sum(await asyncio.to_thread(watched.values, asked.expression)) > 0


@pytest.mark.parametrize(
    "rule", [rule for rule in monitoring.rules() if "record" in rule], ids=lambda rule: rule["record"]
)
async def test_every_recorded_series_is_there(watched: Prometheus, rule: dict[str, Any]) -> None:
    await eventually(lambda: bool(watched.values(rule["record"])), 10, f"{rule['record']} is recorded")


async def test_a_scrape_is_short(watched: Prometheus) -> None:
    series = f'scrape_duration_seconds{{pod="{monitoring.POD}"}}[30s]'
    (seconds,) = await asyncio.to_thread(watched.values, f"max_over_time({series})")
    (typical,) = await asyncio.to_thread(watched.values, f"quantile_over_time(0.5, {series})")
    sys.stdout.write(f"\nscrapes took {typical * 1000:.1f} ms, at most {seconds * 1000:.1f} ms\n")
    assert typical < 1
