"""The admin port over real HTTP: metrics in both formats, liveness, readiness, and nothing else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from unit.core.sqlite_files import databases, fill

from rowgate_server.engines.database import Databases
from rowgate_server.observability.exposition import Snapshot, snapshot
from rowgate_server.observability.metrics import MethodLabels, Metrics
from rowgate_server.transport.admin import AdminServer
from rowgate_server.transport.health import Health

LABELS = MethodLabels("unary", "rowgate.v1.QueryService", "ExecuteQuery")


@dataclass(frozen=True)
class Admin:
    """The admin port, and what stands behind it."""

    server: AdminServer
    url: str
    databases: Databases
    health: Health
    metrics: Metrics

    async def get(self, path: str, method: str = "GET", **headers: str) -> tuple[aiohttp.ClientResponse, str]:
        """One answer, read to its end."""
        async with aiohttp.request(method, f"{self.url}{path}", headers=headers) as answer:
            return answer, await answer.text()


def serving(metrics: Metrics, health: Health) -> AdminServer:
    async def collected() -> Snapshot:
        return snapshot(metrics.registry.collect())

    return AdminServer(collected, health.state)


@pytest.fixture
async def admin(tmp_path: Path) -> AsyncIterator[Admin]:
    main = fill(tmp_path / "main.db", "create table things (id integer)")
    metrics = Metrics()
    metrics.call(LABELS, ("OK",)).handled["OK"] += 1
    async with databases({"main": main, "other": tmp_path / "other.db"}, metrics=metrics) as found:
        health = Health(found)

        server = serving(metrics, health)
        metrics.watch_pools(
            lambda: {database.name: database.pool_numbers() for database in found},
            lambda name: bool(found.get(name).availability.up),
        )
        port = await server.start("127.0.0.1", 0)
        yield Admin(server, f"http://127.0.0.1:{port}", found, health, metrics)
        await server.stop()


async def test_the_process_lives_whatever_the_databases_do(admin: Admin) -> None:
    for _ in range(2):
        answer, body = await admin.get("/livez")
        assert (answer.status, body) == (200, '{"status": "ok"}')
        admin.health.drain()


async def test_readiness_tells_each_database(admin: Admin) -> None:
    answer, _ = await admin.get("/readyz")
    assert answer.status == 503, "before the first probe"
    for database in admin.databases:
        await database.availability.probe()
    answer, body = await admin.get("/readyz")
    assert answer.status == 200, "one that answers is enough"
    assert answer.content_type == "application/json"
    assert body == '{"status": "ready", "databases": {"main": "up", "other": "down"}}'


async def test_a_gateway_that_drains_is_not_ready(admin: Admin) -> None:
    await admin.databases.get("main").availability.probe()
    admin.health.drain()
    answer, body = await admin.get("/readyz")
    assert answer.status == 503
    assert body == '{"status": "not ready", "databases": {"main": "up", "other": "down"}}'


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/plain", "text/plain;version=0.0.4", "application/json", "a;b=c,,;"], ids=repr
)
async def test_metrics_are_prometheus_text_for_whoever_asks_for_nothing_better(admin: Admin, accept: str) -> None:
    answer, body = await admin.get("/metrics", Accept=accept)
    assert answer.status == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    assert _values(parse_text(body))["grpc_server_handled_total", "OK"] == 1


async def test_metrics_are_openmetrics_for_those_who_ask(admin: Admin) -> None:
    accept = "application/openmetrics-text;version=1.0.0;q=0.8,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
    answer, body = await admin.get("/metrics", Accept=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert body.endswith("# EOF\n")
    families = parse_openmetrics(body)
    assert _values(families)["grpc_server_handled_total", "OK"] == 1


@pytest.mark.parametrize("kind", ["application/openmetrics-text", "text/plain"])
@pytest.mark.parametrize(
    "version", ["x", "1.0.0.0.0", "-1", "99999999999999999999", "1.0.0; escaping=x", '"', ""], ids=repr
)
async def test_a_version_that_makes_no_sense_gets_metrics_all_the_same(admin: Admin, kind: str, version: str) -> None:
    answer, body = await admin.get("/metrics", Accept=f"{kind};version={version}")
    assert answer.status == 200
    assert "grpc_server_handled_total" in body


def _values(families: Any) -> dict[tuple[str, str | None], float]:
    return {
        (sample.name, sample.labels.get("grpc_code")): sample.value for family in families for sample in family.samples
    }


async def test_pools_and_databases_are_read_at_every_scrape(admin: Admin) -> None:
    await admin.databases.get("main").availability.probe()
    _, body = await admin.get("/metrics")
    assert 'rowgate_database_up{database="main"} 1.0' in body
    assert 'rowgate_database_up{database="other"} 0.0' in body
    for name in ("in_use", "idle", "waiting"):
        assert f'rowgate_pool_{name}{{database="main"}} 0.0' in body
    assert "process_resident_memory_bytes" in body


async def test_no_series_tells_when_it_was_created(admin: Admin) -> None:
    _, body = await admin.get("/metrics")
    assert "_created" not in body


@pytest.mark.parametrize("path", ["/", "/metrics/", "/livez/x", "/readyz?x=1/../..", "/debug", "/%2e%2e/etc/passwd"])
async def test_there_is_nothing_else(admin: Admin, path: str) -> None:
    answer, _ = await admin.get(path)
    assert answer.status == (503 if path.startswith("/readyz?") else 404)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
async def test_nothing_can_be_sent_to_it(admin: Admin, method: str) -> None:
    answer, _ = await admin.get("/metrics", method)
    assert answer.status == 405


async def test_a_port_that_is_taken_is_an_os_error(admin: Admin) -> None:
    other = serving(admin.metrics, admin.health)
    with pytest.raises(OSError, match="address already in use"):
        await other.start("127.0.0.1", int(admin.url.rpartition(":")[2]))
    await other.stop()


async def test_a_socket_file_will_do(admin: Admin, tmp_path: Path) -> None:
    file = tmp_path / "admin.sock"
    server = serving(admin.metrics, admin.health)
    await server.start_unix(str(file))
    connector = aiohttp.UnixConnector(str(file))
    async with aiohttp.ClientSession(connector=connector) as session, session.get("http://admin/livez") as answer:
        assert answer.status == 200
    await server.stop()


async def test_after_the_stop_nobody_listens(admin: Admin) -> None:
    await admin.get("/livez")
    await admin.server.stop()
    port = int(admin.url.rpartition(":")[2])
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))
    with pytest.raises(OSError, match=str(port)):
        await asyncio.open_connection("127.0.0.1", port)
