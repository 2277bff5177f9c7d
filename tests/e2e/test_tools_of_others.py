"""The tools that people have: grpcurl and buf curl, against a gateway that serves real servers."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.tools import buf, grpcurl


@pytest.fixture(scope="module")
def gateway(mariadb_server: MariaDB, postgresql_server: PostgreSQL) -> Iterator[Gateway]:
    environment = {
        "ROWGATE_DATABASES__MARIADB__URL": mariadb_server.url,
        "ROWGATE_DATABASES__POSTGRESQL__URL": postgresql_server.url,
        "ROWGATE_DEFAULT_DATABASE": "mariadb",
    }
    with Gateway.start(environment=environment) as gateway:
        yield gateway


def _grpcurl(gateway: Gateway, method: str, request: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    command = [str(grpcurl()), "-plaintext", "-d", json.dumps(request), gateway.address, method]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


def _buf(gateway: Gateway, method: str, request: dict[str, Any]) -> subprocess.CompletedProcess[str]:
    url = f"http://{gateway.address}/{method}"
    command = [
        str(buf()),
        "curl",
        "--protocol",
        "grpc",
        "--http2-prior-knowledge",
        "-d",
        json.dumps(request),
        url,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)


@pytest.mark.parametrize("database", ["mariadb", "postgresql"])
@pytest.mark.parametrize("tool", [_grpcurl, _buf], ids=["grpcurl", "buf"])
def test_a_query_is_answered(gateway: Gateway, tool: Any, database: str) -> None:
    request = {
        "database": database,
        "sql": "select :n + 1 as n, :text as text, null as nothing",
        "params": {"n": {"intValue": "41"}, "text": {"stringValue": "it's 日本"}},
    }
    answer = tool(gateway, "rowgate.v1.QueryService/ExecuteQuery", request)
    assert answer.returncode == 0, answer.stderr
    values = json.loads(answer.stdout)["result"]["rows"][0]["values"]
    assert [next(iter(value.values())) for value in values[:2]] == ["42", "it's 日本"]
    # grpcurl writes the enum's name, buf writes null.
    assert values[2] in ({"null_value": "NULL_VALUE"}, {"nullValue": None})


@pytest.mark.parametrize("tool", [_grpcurl, _buf], ids=["grpcurl", "buf"])
def test_a_null_parameter_can_be_written_in_json(gateway: Gateway, tool: Any) -> None:
    request = {"sql": "select :x is null as answer", "params": {"x": {"nullValue": "NULL_VALUE"}}}
    answer = tool(gateway, "rowgate.v1.QueryService/ExecuteQuery", request)
    assert answer.returncode == 0, answer.stderr
    assert '"1"' in answer.stdout


def test_a_stream_is_answered_message_by_message(gateway: Gateway) -> None:
    answer = _grpcurl(gateway, "rowgate.v1.QueryService/StreamQuery", {"sql": "select seq as i from seq_1_to_3"})
    assert answer.returncode == 0, answer.stderr
    messages = [json.loads(text + "}") for text in answer.stdout.split("\n}\n") if text.strip()]
    assert sum(len(message.get("result", {}).get("rows", [])) for message in messages) == 3
    assert messages[-1]["stats"]["row_count"] == "3"


def test_an_unset_value_is_refused_with_its_field(gateway: Gateway) -> None:
    answer = _grpcurl(gateway, "rowgate.v1.QueryService/ExecuteQuery", {"sql": "select :x as x", "params": {"x": {}}})
    assert "Code: InvalidArgument" in answer.stderr
    assert '"reason": "INVALID_PARAMETER"' in answer.stderr
    assert '"field": "params[x]"' in answer.stderr


def test_an_error_shows_its_reason_and_details(gateway: Gateway) -> None:
    answer = _grpcurl(gateway, "rowgate.v1.QueryService/ExecuteQuery", {"sql": "select 1; select 2"})
    assert answer.returncode != 0
    assert '"reason": "MULTIPLE_STATEMENTS"' in answer.stderr
    assert '"domain": "rowgate"' in answer.stderr
    assert '"correlation_id"' in answer.stderr


def test_a_lone_surrogate_never_reaches_the_gateway_whole(gateway: Gateway) -> None:
    """JSON can write one; protobuf cannot carry it."""
    request = '{"sql": "select \\"\\ud800\\" as x"}'
    command = [
        str(grpcurl()),
        "-plaintext",
        "-d",
        request,
        gateway.address,
        "rowgate.v1.QueryService/ExecuteQuery",
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert "Internal" not in answer.stderr
    assert _grpcurl(gateway, "rowgate.v1.QueryService/ExecuteQuery", {"sql": "select 1 as x"}).returncode == 0


@pytest.mark.parametrize("tool", [_grpcurl, _buf], ids=["grpcurl", "buf"])
def test_tables_are_described(gateway: Gateway, mariadb_server: MariaDB, tool: Any) -> None:
    mariadb_server.execute("create or replace table rowgate_test.shelf (id int primary key, label varchar(9) not null)")
    listed = tool(gateway, "rowgate.v1.SchemaService/ListTables", {"namePattern": "SHE*"})
    described = tool(gateway, "rowgate.v1.SchemaService/GetTable", {"table": "shelf"})
    mariadb_server.execute("drop table rowgate_test.shelf")
    assert [table["name"] for table in json.loads(listed.stdout)["tables"]] == ["shelf"]
    table = json.loads(described.stdout)["table"]
    assert [column["name"] for column in table["columns"]] == ["id", "label"]


def test_health_is_the_standard_service(gateway: Gateway) -> None:
    for service in ("", "liveness", "readiness", "database/mariadb", "database/postgresql"):
        answer = _grpcurl(gateway, "grpc.health.v1.Health/Check", {"service": service})
        assert json.loads(answer.stdout) == {"status": "SERVING"}, service
    assert "NotFound" in _grpcurl(gateway, "grpc.health.v1.Health/Check", {"service": "database/nowhere"}).stderr
