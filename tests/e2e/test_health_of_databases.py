"""A database that goes down, goes silent or comes back is noticed; the process's own health is another matter."""

from __future__ import annotations

import asyncio
import json
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.throwaway import PASSWORD

Server = MariaDB | PostgreSQL
_WITHIN = 2.0


@pytest.fixture(scope="module", params=[MariaDB, PostgreSQL], ids=["mariadb", "postgresql"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One that each test leaves running, as the gateway knows."""
    kind: type[Server] = request.param
    with kind.start() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    other = tmp_path_factory.mktemp("health") / "other.db"
    other.touch()
    environment = {
        "ROWGATE_DATABASES__MAIN__URL": server.url,
        "ROWGATE_DATABASES__OTHER__URL": f"sqlite:///{other}",
        "ROWGATE_DEFAULT_DATABASE": "main",
    }
    with Gateway.start(environment=environment) as gateway:
        yield gateway


@pytest.fixture
async def status(gateway: Gateway) -> AsyncIterator[Callable[[str], str]]:
    """Asks the health service, from any thread."""
    with grpc.insecure_channel(gateway.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)

        def ask(service: str) -> str:
            answer = stub.Check(health_pb2.HealthCheckRequest(service=service), timeout=5)
            return health_pb2.HealthCheckResponse.ServingStatus.Name(answer.status)

        yield ask


async def test_a_killed_database_is_seen_and_so_is_its_return(
    server: Server, gateway: Gateway, status: Callable[[str], str]
) -> None:
    assert status("database/main") == "SERVING"
    server.kill()
    await eventually(lambda: status("database/main") == "NOT_SERVING", _WITHIN, "the loss was seen")
    assert status("liveness") == "SERVING"
    assert status("readiness") == "SERVING"
    async with rowgate.connect(gateway.address, retry=None) as db:
        with pytest.raises(rowgate.DatabaseUnavailable) as caught:
            await db.query("select 1 as x")
        assert caught.value.outcome is rowgate.Outcome.NOT_RUN
        assert caught.value.retry_after is not None
        assert (await db.using("other").query("select 1 as x")).scalar() == 1
        server.restart()
        await eventually(lambda: status("database/main") == "SERVING", _WITHIN, "the return was seen")
        assert (await db.query("select 1 as x")).scalar() == 1


async def test_a_frozen_database_is_seen_and_so_is_its_thaw(server: Server, status: Callable[[str], str]) -> None:
    server.freeze()
    await eventually(lambda: status("database/main") == "NOT_SERVING", _WITHIN, "the freeze was seen")
    assert status("liveness") == "SERVING"
    server.thaw()
    await eventually(lambda: status("database/main") == "SERVING", _WITHIN, "the thaw was seen")


async def test_a_watcher_is_told(server: Server, gateway: Gateway) -> None:
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub: Any = health_pb2_grpc.HealthStub(channel)
        watch = stub.Watch(health_pb2.HealthCheckRequest(service="database/main"))
        seen = [(await watch.read()).status]
        server.kill()
        seen.append((await watch.read()).status)
        server.restart()
        seen.append((await watch.read()).status)
        watch.cancel()
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert seen == [serving, not_serving, serving]


async def test_the_admin_port_tells_the_same(server: Server, gateway: Gateway) -> None:
    def ask(path: str) -> tuple[int, str]:
        try:
            with urllib.request.urlopen(f"http://{gateway.admin_address}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    assert json.loads((await asyncio.to_thread(ask, "/readyz"))[1])["databases"] == {"main": "up", "other": "up"}

    def main() -> Any:
        return json.loads(ask("/readyz")[1])["databases"]["main"]

    server.kill()
    await eventually(lambda: main() == "down", _WITHIN, "the loss was seen")
    assert (await asyncio.to_thread(ask, "/readyz"))[0] == 200, "the other database still answers"
    assert (await asyncio.to_thread(ask, "/livez"))[0] == 200
    assert 'rowgate_database_up{database="main"} 0.0' in (await asyncio.to_thread(ask, "/metrics"))[1]
    server.restart()
    await eventually(lambda: main() == "up", _WITHIN, "the return was seen")


async def test_a_gateway_whose_only_database_is_down_is_not_ready_but_lives(tmp_path: Path) -> None:
    with Gateway.start("--database", f"gone=sqlite:///{tmp_path}/gone.db") as gateway:
        with grpc.insecure_channel(gateway.address) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answers = {
                name: stub.Check(health_pb2.HealthCheckRequest(service=name), timeout=5).status
                for name in ("", "readiness", "liveness", "database/gone")
            }
        (tmp_path / "gone.db").touch()
        with grpc.insecure_channel(gateway.address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            await eventually(
                lambda: (
                    stub.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=5).status
                    == health_pb2.HealthCheckResponse.SERVING
                ),
                _WITHIN,
                "the file was seen",
            )
    serving, not_serving = health_pb2.HealthCheckResponse.SERVING, health_pb2.HealthCheckResponse.NOT_SERVING
    assert answers == {"": not_serving, "readiness": not_serving, "liveness": serving, "database/gone": not_serving}


async def test_the_log_says_why_a_database_cannot_be_reached(server: Server) -> None:
    words = "1045" if isinstance(server, MariaDB) else "password authentication failed"
    wrong = server.url.replace(f":{PASSWORD}@", ":pLaNtEd@")
    with Gateway.start("--database", f"main={wrong}", "--log-format", "json") as gateway:
        async with rowgate.connect(gateway.address, retry=None) as db:
            with pytest.raises(rowgate.DatabaseUnavailable):
                await db.query("select 1 as x")
        gateway.terminate()
        lines = [json.loads(line) for line in gateway.stderr.splitlines()]
    assert {line["event"] for line in lines if words in line.get("cause", "")} == {"database is down", "connect failed"}
    assert "pLaNtEd" not in gateway.stderr
