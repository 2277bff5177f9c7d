"""A policy as an operator meets it: keys with roles, a file that is exchanged while the server serves, and bad ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import grpc.aio
import pytest

import rowgate
from rowgate._status import error_from_rpc
from rowgate.v1 import table_service_pb2, table_service_pb2_grpc
from rowgate_server.identity.hashing import make_key
from support.eventually import eventually
from support.process import Gateway, GatewayDidNotStartError

_KEYS = {tenant: make_key(tenant) for tenant in ("acme", "globex")}
_POLICY = """
roles:
  member:
    rules:
      - database: shop
        table: {table}
        allow: [read]
        rows: {{column: tenant, value: {{claim: tenant}}}}
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    file = tmp_path / "shop.db"
    with closing(sqlite3.connect(file)) as connection:
        for table in ("orders", "items"):
            connection.execute(f"create table {table} (id integer primary key, tenant text)")
            connection.execute(f"insert into {table} values (1, 'acme'), (2, 'globex'), (3, 'acme')")
        connection.commit()
    (tmp_path / "policy.yaml").write_text(_POLICY.format(table="orders"), encoding="utf-8")
    keys = {
        f"ROWGATE_AUTH__API_KEYS__{tenant.upper()}__{name}": text
        for tenant, (_, hashed) in _KEYS.items()
        for name, text in (("HASH", str(hashed)), ("ROLES", "member"), ("CLAIMS", f"tenant={tenant}"))
    }
    return {
        "ROWGATE_DATABASES__SHOP__URL": f"sqlite:///{file}",
        "ROWGATE_POLICY__PATH": str(tmp_path / "policy.yaml"),
        "ROWGATE_POLICY__INTERVAL": "100ms",
        **keys,
    }


@pytest.fixture
def gateway(environment: dict[str, str]) -> Iterator[Gateway]:
    with Gateway.start(environment=environment) as running:
        yield running


async def _ids(gateway: Gateway, tenant: str, table: str = "orders") -> list[int]:
    request = table_service_pb2.ListRowsRequest(database="shop", table=table, columns=["id"])
    async with grpc.aio.insecure_channel(gateway.address) as channel:
        stub = cast("table_service_pb2_grpc.TableServiceAsyncStub", table_service_pb2_grpc.TableServiceStub(channel))
        try:
            answer = await stub.ListRows(request, metadata=(("authorization", f"Bearer {_KEYS[tenant][0]}"),))
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from None
        return [row.values[0].int_value for row in answer.result.rows]


async def test_keys_carry_roles_and_claims_into_row_filters(gateway: Gateway) -> None:
    assert await _ids(gateway, "acme") == [1, 3]
    assert await _ids(gateway, "globex") == [2]
    with pytest.raises(rowgate.PermissionDenied):
        await _ids(gateway, "acme", "items")


async def test_a_new_policy_holds_and_a_wrong_one_leaves_the_old(gateway: Gateway, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("roles: {member: {rules: [{database: shop, table: orders, allow: raed}]}}", encoding="utf-8")

    def refused() -> bool:
        return "policy refused" in gateway.stderr

    await eventually(refused, within=10, what="the policy was refused")
    assert "did you mean read?" in gateway.stderr
    assert await _ids(gateway, "acme") == [1, 3]
    file.write_text(_POLICY.format(table="items"), encoding="utf-8")

    def taken() -> bool:
        return "policy taken" in gateway.stderr

    await eventually(taken, within=10, what="the policy was taken")
    assert await _ids(gateway, "acme", "items") == [1, 3]
    with pytest.raises(rowgate.PermissionDenied):
        await _ids(gateway, "acme")


@pytest.mark.parametrize(
    ("policy", "words"),
    [
        ("roles: {}", "has none: without a role nobody may do anything"),
        ("roles: {other: {limits: {rows: 5}}}", "names member, which is no role of the policy"),
    ],
)
def test_a_server_does_not_start_with_a_policy_that_is_wrong(
    environment: dict[str, str], tmp_path: Path, policy: str, words: str
) -> None:
    (tmp_path / "policy.yaml").write_text(policy, encoding="utf-8")
    with pytest.raises(GatewayDidNotStartError, match=words):
        Gateway.start(environment=environment)
