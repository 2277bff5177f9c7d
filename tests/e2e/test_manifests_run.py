"""The real server is what the manifests take it for: it is started as each of them would, and probed as they probe."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

import rowgate
from rowgate_server.identity.hashing import make_key
from rowgate_server.transport.healthcheck import healthcheck
from support import guard
from support.certificates import Authority
from support.manifests import (
    FULL,
    NAMESPACE,
    OVERLAYS,
    Manifest,
    Pod,
    built,
    only,
    pod_of,
    port_named,
    rendered,
)
from support.process import Gateway

WAYS = ("chart", "dev", "production")
MEBIBYTE = 1 << 20


@dataclass(frozen=True, slots=True)
class Running:
    """A pod as a process of this machine."""

    manifests: list[Manifest]
    pod: Pod
    gateway: Gateway
    key: str
    """Of a caller."""
    authority: bytes
    """Who has signed the gateway's certificate, if it has one."""

    def client(self) -> rowgate.Client:
        encrypted = any(port["name"] == "health" for port in self.pod.container["ports"])
        return rowgate.connect(
            self.gateway.address,
            tls=rowgate.Tls(ca=self.authority) if encrypted else None,
            token=None if "--insecure" in self.pod.arguments else self.key,
            credentials_in_plaintext=True,
        )


def manifests_of(way: str) -> list[Manifest]:
    return rendered(FULL) if way == "chart" else built(OVERLAYS / way)


@pytest.fixture(scope="module", params=WAYS)
def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder, volumes = tmp_path_factory.mktemp("databases"), tmp_path_factory.mktemp("volumes")
    authority = Authority.make()
    issued = authority.issue()
    key, hashed = make_key("tester")
    secrets = {
        "page-token": "a secret of a test's own",
        "mask": "another one of its own",
        "tester-hash": str(hashed),
        "tls.crt": issued.certificate.decode(),
        "tls.key": issued.key.decode(),
    }
    for name in ("main-url", "archive-url", "cold-url"):
        with contextlib.closing(sqlite3.connect(folder / f"{name}.db")) as connection:
            connection.execute("create table things (id integer primary key)")
        secrets[name] = f"sqlite:///{folder}/{name}.db\n"
    secrets["reader-url"] = f"sqlite:///{folder}/main-url.db?mode=ro\n"
    manifests = manifests_of(request.param)
    pod = pod_of(manifests, secrets, volumes)
    assert pod.arguments[0] == "serve"
    with Gateway.start(*pod.arguments[1:], environment=pod.environment) as gateway:
        yield Running(manifests, pod, gateway, key, authority.pem)
        assert gateway.terminate() == 0, gateway.stderr


def test_it_serves_what_the_manifest_configures(running: Running) -> None:
    async def names() -> set[str]:
        async with running.client() as client:
            return {database.name for database in await client.databases()}

    urls = [name for name in running.pod.environment if name.endswith("__URL_FILE") and "__LOGINS__" not in name]
    expected = {name.split("__")[1].lower() for name in urls} | (
        {"demo"} if "--demo" in running.pod.arguments else set()
    )
    assert asyncio.run(names()) == expected


@pytest.mark.parametrize("probe", ["startupProbe", "livenessProbe", "readinessProbe"])
async def test_the_probes_are_answered(running: Running, probe: str) -> None:
    asked = running.pod.container[probe]["grpc"]
    plain = "health" if running.gateway.health_address != running.gateway.address else "grpc"
    assert asked["port"] == port_named(running.pod.container, plain)
    assert await healthcheck(running.gateway.health_address, asked["service"], 5) == "SERVING"


@pytest.mark.parametrize("running", ["chart", "production"], indirect=True)
async def test_nobody_without_a_key_is_let_in(running: Running) -> None:
    async with dataclasses.replace(running, key="rgk_tester.wrong").client() as client:
        with pytest.raises(rowgate.RowgateError) as refused:
            await client.databases()
    assert refused.value.reason == "UNAUTHENTICATED"


def test_metrics_are_where_prometheus_looks_for_them(running: Running) -> None:
    monitors = [manifest for manifest in running.manifests if manifest["kind"] == "ServiceMonitor"]
    paths = [endpoint["path"] for monitor in monitors for endpoint in monitor["spec"]["endpoints"]] or ["/metrics"]
    for path in paths:
        with urllib.request.urlopen(f"http://{running.gateway.admin_address}{path}", timeout=5) as answer:
            assert b"\nrowgate_build_info{" in answer.read()


def test_its_volume_has_room_for_twice_what_it_writes(running: Running) -> None:
    spec = only(running.manifests, "Deployment")["spec"]["template"]["spec"]
    (limit,) = [volume["emptyDir"]["sizeLimit"] for volume in spec["volumes"] if "emptyDir" in volume]
    volume = Path(running.pod.environment["TMPDIR"])
    used = sum(file.stat().st_size for file in volume.rglob("*") if file.is_file())
    assert (used > 0) == ("--demo" in running.pod.arguments)
    assert limit.endswith("Mi")
    assert used < int(limit.removesuffix("Mi")) * MEBIBYTE / 2


@pytest.mark.parametrize("running", ["chart"], indirect=True)
def test_the_test_pod_asks_the_service_and_is_answered(running: Running) -> None:
    (container,) = only(running.manifests, "Pod")["spec"]["containers"]
    service = only(running.manifests, "Service")
    (port,) = [port["port"] for port in service["spec"]["ports"] if port["name"] == "health"]
    address = f"{service['metadata']['name']}.{NAMESPACE}.svc:{port}"
    assert f"--listen={address}" in container["args"]
    arguments = [word.replace(address, running.gateway.health_address) for word in container["args"]]
    done = ran(*arguments)
    assert (done.returncode, done.stdout) == (0, "SERVING\n"), done.stderr


@pytest.mark.parametrize("running", ["chart"], indirect=True)
def test_a_pod_checks_its_settings_as_the_notes_say(running: Running) -> None:
    assert ran("check", **running.pod.environment).returncode == 0
    file = Path(running.pod.environment["ROWGATE_CONFIG"])
    text = file.read_text(encoding="utf-8")
    wrong = file.with_name("wrong.yaml")
    wrong.write_text(text.replace("level: warning", "level: loud"), encoding="utf-8")
    done = ran("check", **running.pod.environment | {"ROWGATE_CONFIG": str(wrong)})
    assert done.returncode == 2
    assert "log.level" in done.stderr


def ran(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """The image's command, in a pod."""
    return subprocess.run(
        [sys.executable, "-m", "rowgate_server", *arguments],
        env={"PATH": os.environ["PATH"], **dict([guard.test_run().mark]), **variables},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
