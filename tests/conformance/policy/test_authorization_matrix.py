"""Every RPC under every operation: allowed where one of those that it needs is, denied where all the others are.

The RPCs are taken from the service descriptors, so a new one that nobody has decided about fails here.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from grpc_health.v1 import health_pb2
from grpc_reflection.v1alpha import reflection_pb2

import rowgate
from rowgate.v1 import admin_service_pb2, query_service_pb2, schema_service_pb2, table_service_pb2
from rowgate_server.core.policy.needs import NEEDS, OF_DATABASES, OF_ROWS, Need, Operation
from rowgate_server.transport.server import SERVICES
from support.engines import ENGINES, Engine
from support.policed import Caller, Policed, policed, value, values

_FILES: tuple[Any, ...] = (
    admin_service_pb2,
    query_service_pb2,
    schema_service_pb2,
    table_service_pb2,
    health_pb2,
    reflection_pb2,
)


def _rpcs() -> Iterator[str]:
    for file in _FILES:
        for service in file.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield f"{service.full_name}/{method.name}"


RPCS = tuple(_rpcs())
OURS = tuple(rpc for rpc in RPCS if rpc.startswith("rowgate."))
_KEY = {"key": values(id=1)}
_VALUES = {"values": values(body="x")}
_ROW = {"rows": [{"values": values(id=2, tenant="acme")}]}
_SQL = {"sql": "select 1"}
_BATCH = {"steps": [_SQL]}
_NEW = {"name": "new_matrix", "columns": [{"name": "id", "database_type": "integer"}]}

# What a call is about, beside its database: with the operations of which it takes one at least.
_TABLE = {"table": "notes_matrix"}
REQUESTS: dict[str, tuple[dict[str, Any], frozenset[Operation]]] = {
    "QueryService/ExecuteQuery": (_SQL, frozenset({Operation.RAW_READ, Operation.RAW, Operation.DDL})),
    "QueryService/StreamQuery": (_SQL, frozenset({Operation.RAW_READ, Operation.RAW, Operation.DDL})),
    "QueryService/ExecuteBatch": (_BATCH, frozenset({Operation.RAW_READ, Operation.RAW, Operation.DDL})),
    "QueryService/Transact": ({}, frozenset(Operation)),
    "TableService/ListRows": (_TABLE, frozenset({Operation.READ})),
    "TableService/GetRow": ({**_TABLE, **_KEY}, frozenset({Operation.READ})),
    "TableService/CountRows": (_TABLE, frozenset({Operation.READ})),
    "TableService/InsertRows": ({**_TABLE, **_ROW, "dry_run": True}, frozenset({Operation.INSERT})),
    "TableService/UpdateRows": ({**_TABLE, **_KEY, **_VALUES, "dry_run": True}, frozenset({Operation.UPDATE})),
    "TableService/DeleteRows": ({**_TABLE, **_KEY, "dry_run": True}, frozenset({Operation.DELETE})),
    "SchemaService/ListDatabases": ({}, frozenset(Operation)),
    "SchemaService/ListTables": ({}, frozenset(Operation)),
    "SchemaService/GetTable": (
        _TABLE,
        frozenset({*OF_ROWS, Operation.RAW_READ, Operation.RAW, Operation.DDL}),
    ),
    "SchemaService/ListSchemas": ({}, frozenset(Operation)),
    "SchemaService/GetSchemaTree": ({}, frozenset(Operation)),
    "SchemaService/RefreshSchema": ({}, frozenset(Operation)),
    "SchemaService/CompleteSql": ({"sql": "select ", "cursor": 7}, frozenset(Operation)),
    "SchemaService/CreateTable": ({"table": _NEW, "dry_run": True}, frozenset({Operation.DDL})),
    "SchemaService/DropTable": ({"table": "no_matrix", "if_exists": True}, frozenset({Operation.DDL})),
    "AdminService/ListQueries": ({}, frozenset(Operation)),
    # Nobody's own is called that, nor anybody else's.
    "AdminService/CancelQuery": ({"query_id": "none"}, frozenset(Operation)),
}


def _role(operation: Operation) -> str:
    # Update and delete need read, so they come with it: what they allow is told by taking read away again.
    if operation in OF_DATABASES:
        return f'{{databases: "*", allow: {operation.value}}}'
    allowed = f"[{operation.value}, read]" if operation in (Operation.UPDATE, Operation.DELETE) else operation.value
    return f'{{databases: "*", table: notes_*, allow: {allowed}}}'


POLICY = (
    "roles:\n"
    + "".join(f"  only_{operation.value}: {{rules: [{_role(operation)}]}}\n" for operation in Operation)
    + (
        '  root: {rules: [{databases: "*", allow: [raw, ddl]}, '
        '{databases: "*", table: "*", allow: [read, insert, update, delete]}]}\n'
    )
)


@pytest.fixture(scope="module")
async def matrix(urls: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Policed]:
    making = {f"ROWGATE_DATABASES__{engine.name.upper()}__CATALOG__DDL": "true" for engine in ENGINES}
    async with policed({**urls, **making}, POLICY, tmp_path_factory.mktemp("matrix")) as running:
        root = running.caller("root", "root")
        create = "create table notes_matrix (id integer primary key, tenant varchar(40), body varchar(40))"
        for engine in ENGINES:
            await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": create})
            row = {"database": engine.name, "table": "notes_matrix", "rows": [{"values": {"id": value(1)}}]}
            await root("TableService/InsertRows", row)
        yield running
        for engine in ENGINES:
            await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "drop table notes_matrix"})


def test_every_rpc_has_a_need() -> None:
    assert set(RPCS) <= set(NEEDS)
    assert {rpc.partition("/")[0] for rpc in RPCS} >= set(SERVICES)
    assert {rpc for rpc in RPCS if NEEDS[rpc] is Need.NOTHING} == {rpc for rpc in RPCS if rpc.startswith("grpc.")}


def test_every_rpc_is_in_the_matrix() -> None:
    assert {f"rowgate.v1.{rpc}" for rpc in REQUESTS} == set(OURS)
    for rpc, (_, operations) in REQUESTS.items():
        assert operations <= NEEDS[f"rowgate.v1.{rpc}"].operations, rpc


@pytest.mark.parametrize("operation", Operation, ids=lambda operation: operation.value)
@pytest.mark.parametrize("rpc", REQUESTS)
async def test_an_rpc_takes_an_operation_of_its_own(
    matrix: Policed, engine: Engine, rpc: str, operation: Operation
) -> None:
    request, operations = REQUESTS[rpc]
    held = {operation}
    if operation in (Operation.UPDATE, Operation.DELETE):
        held.add(Operation.READ)
    caller = matrix.caller("somebody", f"only_{operation.value}")
    if held & operations:
        await _call(caller, rpc, engine, request)
        return
    with pytest.raises(rowgate.PermissionDenied):
        await _call(caller, rpc, engine, request)


@pytest.mark.parametrize("rpc", REQUESTS)
async def test_nobody_without_a_role_gets_anything(matrix: Policed, engine: Engine, rpc: str) -> None:
    caller = matrix.caller("nobody")
    request, _ = REQUESTS[rpc]
    if rpc == "SchemaService/ListDatabases":
        assert await _call(caller, rpc, engine, request) == {}
        return
    with pytest.raises(rowgate.PermissionDenied):
        await _call(caller, rpc, engine, request)


async def _call(caller: Caller, rpc: str, engine: Engine, request: dict[str, Any]) -> Any:
    if rpc == "QueryService/Transact":
        return await caller.transact({"begin": {"database": engine.name}}, {"rollback": {}})
    named = {} if rpc in ("SchemaService/ListDatabases", "AdminService/CancelQuery") else {"database": engine.name}
    if rpc == "AdminService/CancelQuery":
        with pytest.raises(rowgate.QueryNotFound):
            await caller(rpc, request)
        return None
    return await caller(rpc, {**named, **request})
