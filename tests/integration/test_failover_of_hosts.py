"""A primary and its replica: what becomes of calls when one of them goes, falls behind, or comes to be the other."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import rowgate
from rowgate import col
from rowgate_server import config, opening
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.executor import Call, Executor
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.routing import Reading, Route
from rowgate_server.engines.values import BoundStatement
from rowgate_server.observability.metrics import Metrics
from support.clusters import Pair, pair
from support.eventually import eventually
from support.process import Gateway
from support.scraped import total
from support.throwaway import ADMIN, ADMIN_PASSWORD, PASSWORD, USER

PORT = {"mariadb": "select @@port as p", "postgresql": "select inet_server_port() as p"}
USERS = {"mariadb": "select current_user() as u", "postgresql": "select session_user::text as u"}
SLOW = {
    "mariadb": "insert into kept select 7 + 0 * sleep(30)",
    "postgresql": "insert into kept select 7 from pg_sleep(30)",
}
PAUSE = {"mariadb": "select sleep(30), '{}' as planted", "postgresql": "select pg_sleep(30)::text, '{}' as planted"}
PAUSED = {
    "mariadb": "select count(*) from information_schema.processlist where info like 'select sleep%{}%planted'",
    "postgresql": "select count(*) from pg_stat_activity where query like 'select pg_sleep%{}%planted'"
    " and state = 'active'",
}
RUNNING = {
    "mariadb": "select count(*) from information_schema.processlist where info like 'insert into kept select%'",
    "postgresql": "select count(*) from pg_stat_activity where query like 'insert into kept select%'"
    " and state = 'active'",
}


@dataclass
class Served:
    """A pair of servers, and the gateway before them."""

    engine: str
    both: Pair
    gateway: Gateway

    async def port(self, db: rowgate.Database) -> int:
        return int((await db.query(PORT[self.engine])).scalar())


@pytest.fixture(scope="module", params=["mariadb", "postgresql"])
def served(request: pytest.FixtureRequest) -> Iterator[Served]:
    with pair(request.param) as both:
        both.primary.execute("create table kept (k int primary key)")
        if request.param == "postgresql":
            both.primary.execute("grant all on kept to public")
        environment = {
            "ROWGATE_DATABASES__MAIN__URL": both.url,
            "ROWGATE_DATABASES__MAIN__REPLICAS__COPY__URL": both.replica.url,
            "ROWGATE_HEALTH__INTERVAL": "100ms",
        }
        with Gateway.start(environment=environment) as gateway:
            yield Served(request.param, both, gateway)


@pytest.fixture
async def db(served: Served) -> AsyncIterator[rowgate.Client]:
    async with rowgate.connect(served.gateway.address, retry=None, timeout=10) as client:
        yield client


def statuses(gateway: Gateway) -> dict[str, bool]:
    """What the health service says of readiness, and of the database."""
    with grpc.insecure_channel(gateway.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        return {
            name: stub.Check(health_pb2.HealthCheckRequest(service=name)).status
            == health_pb2.HealthCheckResponse.SERVING
            for name in ("readiness", "database/main")
        }


def readyz(gateway: Gateway) -> Any:
    """What the admin port says, with 200."""
    with urllib.request.urlopen(f"http://{gateway.admin_address}/readyz", timeout=5) as answer:
        return json.load(answer)


async def answered_by(db: rowgate.Database, replica: str, within: float = 5.0) -> set[int]:
    """The keys that a call reads, once that replica answers it; "": the primary."""
    async with asyncio.timeout(within):
        while True:
            result = await db.query("select k from kept order by k")
            if result.stats.replica == replica:
                return {row[0] for row in result}
            await asyncio.sleep(0.02)


async def test_what_reads_goes_to_a_replica_and_says_so(served: Served, db: rowgate.Client) -> None:
    there = db.with_options(read_only=True, route="replica", max_staleness=5)
    await db.query("insert into kept values (1)")
    await answered_by(there, "copy")
    assert await served.port(db) == served.both.primary.port
    assert await served.port(there) == served.both.replica.port
    async with there.stream("select k from kept") as rows:
        assert [row[0] async for row in rows] == [1]
    assert (await there.table("kept").get(1))[0] == 1
    assert await there.table("kept").where(col("k") == 1).count() == 1
    assert [row[0] async for row in there.table("kept")] == [1]
    async with there.transaction() as tx:
        assert (await tx.query(PORT[served.engine])).scalar() == served.both.replica.port
        assert (await tx.query("select k from kept")).stats.replica == "copy"
    with pytest.raises(rowgate.ReadOnly):
        await there.query("insert into kept values (2)")
    assert (await db.with_options(read_only=True, route="nearest").query("select k from kept")).one()


async def test_stale_replica_is_passed_over_until_it_has_caught_up(served: Served, db: rowgate.Client) -> None:
    there = db.with_options(read_only=True, route="replica")
    bounded = there.with_options(max_staleness=1)
    await answered_by(bounded, "copy")
    served.both.hold()
    await db.query("insert into kept values (2)")
    assert 2 in await answered_by(bounded, "")
    assert 2 not in await answered_by(there, "copy"), "without a bound it is old"
    served.both.go_on()
    assert 2 in await answered_by(bounded, "copy")


def test_check_says_what_each_server_is(served: Served) -> None:
    flags = ["--database", f"main={served.both.url}", "--set"]
    command = [
        sys.executable,
        "-m",
        "rowgate_server",
        "check",
        *flags,
        f"databases.main.replicas.copy.url={served.both.replica.url}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    primary, replica = served.both
    assert f"databases.main: 127.0.0.1:{primary.port}: ok, takes writes\n" in done.stdout
    assert f"databases.main: 127.0.0.1:{replica.port}: ok, takes no writes\n" in done.stdout
    assert "databases.main: copy: ok, takes no writes, 0." in done.stdout


async def test_metrics_tell_of_each_server(served: Served, db: rowgate.Client) -> None:
    await answered_by(db.with_options(read_only=True, route="replica"), "copy")
    assert total(served.gateway, "rowgate_host_up", database="main", host="copy", role="replica") == 1
    assert total(served.gateway, "rowgate_host_writable", database="main") == 1
    assert total(served.gateway, "rowgate_host_calls_total", host="copy") > 0
    assert total(served.gateway, "rowgate_replica_staleness_seconds", host="copy") < 60


@pytest.mark.parametrize("ended_by", ["cancel", "deadline"])
async def test_call_that_is_ended_is_gone_from_the_replica(served: Served, db: rowgate.Client, ended_by: str) -> None:
    there = db.with_options(read_only=True, route="replica")
    await answered_by(there, "copy")
    running = PAUSED[served.engine].format(ended_by)

    def seen() -> bool:
        return bool(served.both.replica.execute(running)[0][0])

    patient = there.with_options(timeout=1.5 if ended_by == "deadline" else 60)
    call = asyncio.create_task(patient.query(PAUSE[served.engine].format(ended_by)))
    await eventually(seen, 5, "the call runs on the replica")
    if ended_by == "cancel":
        call.cancel()
    await eventually(lambda: not seen(), 5, "it is gone")
    with pytest.raises((asyncio.CancelledError, rowgate.StatementTimeout)):
        await call
    assert (await there.query("select 1 as x")).stats.replica == "copy"


async def test_killed_replica_is_passed_over_at_once(served: Served, db: rowgate.Client) -> None:
    there = db.with_options(read_only=True, route="replica")
    await answered_by(there, "copy")
    await asyncio.to_thread(served.both.replica.kill)
    results = [await there.query("select k from kept") for _ in range(5)]
    assert {result.stats.replica for result in results} == {""}
    await asyncio.to_thread(served.both.replica.restart)
    await answered_by(there, "copy")


async def test_another_login_has_its_own_name_on_the_replica(served: Served) -> None:
    admin = served.both.url.replace(f"{USER}:{PASSWORD}", f"{ADMIN}:{ADMIN_PASSWORD}")
    flags = {
        "databases.main.url": served.both.url,
        "databases.main.replicas.copy.url": served.both.replica.url,
        "databases.main.logins.admin.url": admin,
    }
    metrics, settings = Metrics(), config.load(flags, {}, extra_databases={}, extra={})
    databases = opening.open_databases(settings, metrics)
    login = opening.open_logins(settings, databases, metrics)["main", "admin"]
    try:
        assert await databases.get("main").availability.probe() is None
        executor = login.reading(Reading(Route.REPLICA)).executor
        assert isinstance(executor, Executor)
        deadline = Deadline.soonest((10.0, "the test's"))
        call = Call(BoundStatement((USERS[served.engine],), ()), deadline, ResultLimits(), "id", reads=True)
        result = await executor.run(call)
        assert (str(result.rows[0][0]).split("@")[0], result.stats.replica) == (ADMIN, "copy")
    finally:
        await login.close()
        await databases.get("main").close()


async def test_write_on_a_killed_primary_is_in_doubt_and_the_next_goes_to_the_promoted_one(
    served: Served, db: rowgate.Client
) -> None:
    """The last test of the two servers, as the replica is the primary from here on."""
    primary, replica = served.both
    in_flight = asyncio.create_task(db.query(SLOW[served.engine]))
    await eventually(lambda: primary.execute(RUNNING[served.engine])[0][0] > 0, 5, "the write runs")
    await asyncio.to_thread(primary.kill)
    with pytest.raises(rowgate.Unavailable) as caught:
        await in_flight
    assert caught.value.outcome == rowgate.Outcome.UNKNOWN
    with pytest.raises(rowgate.Unavailable) as caught:
        await db.query("insert into kept values (8)")
    assert caught.value.outcome == rowgate.Outcome.NOT_RUN, "the replica takes no writes"
    await eventually(lambda: total(served.gateway, "rowgate_database_up", database="main") == 0, 10, "it is noticed")
    reading = db.with_options(read_only=True, route="replica")
    assert (await reading.query("select k from kept")).stats.replica == "copy"
    assert statuses(served.gateway) == {"readiness": True, "database/main": False}, "welcome are calls that read there"
    assert readyz(served.gateway) == {"status": "ready", "databases": {"main": "down"}}
    await asyncio.to_thread(served.both.promote)
    patient = db.with_options(retry=rowgate.Retry(attempts=50, first_delay=0.05, longest_delay=0.1))
    assert (await patient.query("insert into kept values (9)")).stats.affected_rows == 1
    assert await served.port(db) == replica.port
    there = {row[0] for row in replica.execute("select k from kept")}
    assert 9 in there
    assert not {7, 8} & there, "what may have been sent is not sent again"
