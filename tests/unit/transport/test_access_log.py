"""The access log: one line a call, in JSON, with what the servicer noted and nothing that the caller bound."""

from __future__ import annotations

import io
import json
from typing import Any, cast

import grpc.aio
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from unit.transport.own_services import Served
from unit.transport.wrapped import Context, Wrapped, ending, request

from rowgate.v1 import query_service_pb2_grpc, schema_service_pb2, schema_service_pb2_grpc
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, QueryOptions, StreamQueryRequest
from rowgate.v1.value_pb2 import Value
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.interceptors import current_call
from support.eventually import eventually


def _calls(log: io.StringIO, service: str = "rowgate.v1") -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [line for line in lines if line["event"] == "call" and line["method"].startswith(service)]


def _metadata(error: grpc.aio.AioRpcError) -> dict[str, str]:
    status = rpc_status.from_call(cast("Any", error))
    assert status is not None
    info = error_details_pb2.ErrorInfo()
    assert status.details[0].Unpack(info)
    return dict(info.metadata)


async def test_a_query_is_one_line_with_its_figures(served: Served, log: io.StringIO) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    sql = "insert into things (name) values ('planted-literal'), (:planted_name)"
    answer = await stub.ExecuteQuery(
        ExecuteQueryRequest(
            database="main",
            sql=sql,
            params={"planted_name": Value(string_value="planted-value")},
            options=QueryOptions(tag="job/7"),
        )
    )
    (line,) = _calls(log)
    assert (line["method"], line["code"], line["level"]) == ("rowgate.v1.QueryService/ExecuteQuery", "OK", "info")
    assert (line["database"], line["tag"], line["rows"], line["affected"]) == ("main", "job/7", 0, 2)
    assert line["query_id"] == answer.stats.query_id
    assert line["ms"] >= 0
    assert "reason" not in line
    assert "planted" not in log.getvalue()
    assert "insert" not in log.getvalue()


async def test_a_streamed_query_is_one_line(served: Served, log: io.StringIO) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    sql = "with recursive n(x) as (select 1 union all select x + 1 from n where x < 5000) select x from n"
    answers = [answer async for answer in stub.StreamQuery(StreamQueryRequest(sql=sql))]
    (line,) = _calls(log)
    assert (line["code"], line["rows"], line["query_id"]) == ("OK", 5000, answers[-1].stats.query_id)


async def test_a_failed_query_is_one_line_without_its_text(served: Served, log: io.StringIO) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ExecuteQuery(
            ExecuteQueryRequest(
                sql="select planted_column from things where :planted_name = 'planted-literal'",
                params={"planted_name": Value(string_value="planted-value")},
            )
        )
    (line,) = _calls(log)
    assert (line["code"], line["reason"], line["level"]) == ("INVALID_ARGUMENT", "UNKNOWN_COLUMN", "info")
    assert (line["database"], line["vendor_code"]) == ("main", "SQLITE_ERROR")
    assert line["query_id"] == _metadata(caught.value)["query_id"]
    assert "planted" not in log.getvalue()


@pytest.mark.parametrize(
    "refused",
    [
        ExecuteQueryRequest(sql="select :a", params={"a": Value()}),
        ExecuteQueryRequest(sql="select 1", options=QueryOptions(max_rows=-1)),
        ExecuteQueryRequest(sql="select"),
        ExecuteQueryRequest(sql="select 1; select 2"),
    ],
    ids=["value", "option", "sql", "statements"],
)
async def test_a_refused_query_has_its_name_and_its_database_in_the_log_and_in_the_error(
    served: Served, log: io.StringIO, refused: ExecuteQueryRequest
) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await stub.ExecuteQuery(refused)
    told = _metadata(caught.value)
    (line,) = _calls(log)
    assert (line["database"], line["query_id"]) == (told["database"], told["query_id"]) == ("main", told["query_id"])
    assert told["outcome"] in ("NOT_RUN", "ROLLED_BACK")


async def test_a_query_on_the_default_database_names_it(served: Served, log: io.StringIO) -> None:
    stub: Any = query_service_pb2_grpc.QueryServiceStub(served.channel)
    await stub.ExecuteQuery(ExecuteQueryRequest(sql="select 1"))
    (line,) = _calls(log)
    assert line["database"] == "main"


async def test_a_schema_call_is_one_line(served: Served, log: io.StringIO) -> None:
    stub: Any = schema_service_pb2_grpc.SchemaServiceStub(served.channel)
    await stub.ListDatabases(schema_service_pb2.ListDatabasesRequest())
    await stub.ListTables(schema_service_pb2.ListTablesRequest(database="main"))
    await stub.GetTable(schema_service_pb2.GetTableRequest(table="things"))
    assert [(line["method"].rpartition("/")[2], line.get("database")) for line in _calls(log)] == [
        ("ListDatabases", None),
        ("ListTables", "main"),
        ("GetTable", "main"),
    ]


async def test_what_the_caller_wrote_is_cut_and_cannot_forge_a_line(served: Served, log: io.StringIO) -> None:
    stub: Any = schema_service_pb2_grpc.SchemaServiceStub(served.channel)
    forged = 'x"}\n{"event": "call", "code": "OK"}\r\n\u2028\x1b[2J' + "y" * 100_000
    with pytest.raises(grpc.aio.AioRpcError):
        await stub.ListTables(schema_service_pb2.ListTablesRequest(database=forged))
    written = [line for line in log.getvalue().split("\n") if '"call"' in line]
    assert len(written) == 1
    assert len(written[0]) < 1000
    assert json.loads(written[0])["database"] == forged[:128]


async def test_probes_are_logged_for_those_who_ask_for_all(served: Served, log: io.StringIO) -> None:
    stub: Any = health_pb2_grpc.HealthStub(served.channel)
    await stub.Check(health_pb2.HealthCheckRequest(service="liveness"))
    (line,) = _calls(log, "grpc.health.v1")
    assert line["level"] == "debug"


async def test_every_fact_of_the_servicer_is_told(wrapped: Wrapped) -> None:
    async def note(_: Context) -> None:
        current_call().facts.update(database="main", rows=3, tag="t")
        raise RowgateError(Reason.DEADLOCK, "no")

    wrapped.service.behaviours["note"] = note
    await ending(wrapped.unary(request("note")))
    (line,) = wrapped.calls()
    assert {key: line[key] for key in ("database", "rows", "tag", "reason")} == {
        "database": "main",
        "rows": 3,
        "tag": "t",
        "reason": "DEADLOCK",
    }


async def test_what_a_driver_said_is_told_to_operators_only(wrapped: Wrapped) -> None:
    async def broken(_: Context) -> None:
        raise RowgateError(
            Reason.DATABASE_UNAVAILABLE, "it broke", cause="2013 Lost connection", sqlstate="HY000", vendor_code="2013"
        )

    wrapped.service.behaviours["broken"] = broken
    ended = await ending(wrapped.unary(request("broken")))
    (line,) = wrapped.calls()
    assert (line["cause"], line["sqlstate"], line["vendor_code"]) == ("2013 Lost connection", "HY000", "2013")
    assert "Lost connection" not in repr(ended)


async def test_a_watch_of_health_that_ends_at_its_deadline_has_not_failed(served: Served, log: io.StringIO) -> None:
    stub: Any = health_pb2_grpc.HealthStub(served.channel)
    assert await stub.Watch(health_pb2.HealthCheckRequest(), timeout=0.2).code() is grpc.StatusCode.DEADLINE_EXCEEDED
    await eventually(lambda: bool(_calls(log, "grpc.health.v1")), 10, "the call has ended")
    (line,) = _calls(log, "grpc.health.v1")
    assert (line["code"], "reason" in line) == ("DEADLINE_EXCEEDED", False)
