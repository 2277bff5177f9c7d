"""Several workers with keys, a policy, an audit log and a health port: one gateway to callers and to operators."""

from __future__ import annotations

import json
import os
import re
import signal
import sqlite3
import ssl
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

import rowgate
from rowgate_server.identity.hashing import make_key
from support.certificates import Authority
from support.eventually import eventually
from support.process import Gateway

KEY, HASH = make_key("amy")
CA = Authority.make()
_POLICY = """
roles:
  member:
    rules:
      - {{database: shop, table: {table}, allow: read, masks: {{tenant: hash}}}}
"""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        for table in ("orders", "items"):
            connection.execute(f"create table {table} (id integer primary key, tenant text)")
            connection.execute(f"insert into {table} values (1, 'acme')")
        connection.commit()
    (tmp_path / "policy.yaml").write_text(_POLICY.format(table="orders"), encoding="utf-8")
    certificate, key = CA.issue().write(tmp_path)
    environment = {
        "ROWGATE_DATABASES__SHOP__URL": f"sqlite:///{file}",
        "ROWGATE_POLICY__PATH": str(tmp_path / "policy.yaml"),
        "ROWGATE_POLICY__INTERVAL": "1h",
        "ROWGATE_AUTH__API_KEYS__AMY__HASH": str(HASH),
        "ROWGATE_AUTH__API_KEYS__AMY__ROLES": "member",
        "ROWGATE_AUDIT__PATH": str(tmp_path / "audit.log"),
        "ROWGATE_HEALTH_LISTEN": "127.0.0.1:0",
        "ROWGATE_ADMIN_TLS__CERTIFICATE": str(certificate),
        "ROWGATE_ADMIN_TLS__KEY": str(key),
        "ROWGATE_TLS__RELOAD_INTERVAL": "1h",
        "ROWGATE_LOG__FORMAT": "json",
        "ROWGATE_SERVER__DRAIN_PAUSE": "0",
    }
    with Gateway.start("--workers", "2", environment=environment) as running:
        yield running


async def _shown(gateway: Gateway, table: str) -> str:
    async with rowgate.connect(gateway.address, token=KEY, credentials_in_plaintext=True) as db:
        shown: str = (await db.table(table).get(id=1))["tenant"]
    return shown


async def test_the_workers_agree_and_look_at_the_policy_on_sighup(gateway: Gateway, tmp_path: Path) -> None:
    # With so many connections each worker has some: all but one time in 2,000.
    assert len({await _shown(gateway, "orders") for _ in range(12)}) == 1, "hashes of masks are keyed alike"
    (tmp_path / "policy.yaml").write_text(_POLICY.format(table="items"), encoding="utf-8")
    os.kill(gateway.child.pid, signal.SIGHUP)

    def taken() -> bool:
        return gateway.stderr.count("policy taken") == 2

    await eventually(taken, within=10, what="both workers have taken the policy")
    for _ in range(12):
        await _shown(gateway, "items")
    with pytest.raises(rowgate.PermissionDenied):
        await _shown(gateway, "orders")
    lines = [
        json.loads(line)
        for number in (1, 2)
        for line in (tmp_path / f"audit.log.worker{number}").read_text(encoding="utf-8").splitlines()
    ]
    assert len([line for line in lines if line["event"] == "call" and line["principal"] == "amy"]) == 25


async def test_the_health_port_is_the_workers_together(gateway: Gateway) -> None:
    found = re.search(r"\(health (\S+)\)", gateway.stdout)
    assert found is not None
    for _ in range(6):
        async with grpc.aio.insecure_channel(found[1]) as channel:
            stub: Any = health_pb2_grpc.HealthStub(channel)
            answer = await stub.Check(health_pb2.HealthCheckRequest(service="readiness"))
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def test_the_admin_port_has_the_newest_certificate_after_sighup(gateway: Gateway, tmp_path: Path) -> None:
    host, _, port = gateway.admin_address.rpartition(":")

    def shown() -> bytes:
        return ssl.get_server_certificate((host, int(port))).encode()

    newest = CA.issue()
    newest.write(tmp_path)
    assert shown() != newest.certificate
    os.kill(gateway.child.pid, signal.SIGHUP)
    await eventually(lambda: shown() == newest.certificate, within=10, what="the new one is shown")
