"""The audit log: who did what, one line each, whatever became of it, and no value of a parameter."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from unit.transport.test_authentication import KEY, SIGNER, WRONG, guarded

from rowgate.v1 import query_service_pb2 as pb
from rowgate.v1 import (
    query_service_pb2_grpc,
    schema_service_pb2,
    schema_service_pb2_grpc,
    table_service_pb2,
    table_service_pb2_grpc,
    transact_pb2,
)
from rowgate.v1.batch_pb2 import BatchStep
from rowgate.v1.value_pb2 import Value
from rowgate_server.observability.audit import AuditLog, FileSink, open_sink
from support.streams import answers

SECRET = "planted-value"
VALUE = {"name": Value(string_value=SECRET)}
INSERT = "insert into things (name) values (:name) /* planted-comment */"


class Audited:
    def __init__(self, channel: grpc.aio.Channel, file: Path) -> None:
        self.channel = channel
        self.file = file

    def stub(self, kind: Any) -> Any:
        return kind(self.channel)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.file.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
async def audited(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Audited]:
    file = tmp_path / "audit.log"
    more = getattr(request, "param", {})
    async with guarded(tmp_path, audit__path=str(file), **more) as (_, channel):
        yield Audited(channel, file)


def by(key: str) -> list[tuple[str, str]]:
    return [("authorization", f"Bearer {key}"), ("x-request-id", "id-7")]


async def test_a_call_is_one_line_with_who_what_and_how_it_ended(audited: Audited) -> None:
    query = audited.stub(query_service_pb2_grpc.QueryServiceStub)
    answer = await query.ExecuteQuery(
        pb.ExecuteQueryRequest(sql=INSERT, params=VALUE, options=pb.QueryOptions(tag="job/7")), metadata=by(KEY)
    )
    (line,) = audited.lines()
    assert line.pop("ms") >= 0
    assert line.pop("time").endswith("+00:00")
    assert line.pop("peer").startswith("ipv4:127.0.0.1:")
    assert line == {
        "event": "call",
        "request_id": "id-7",
        "principal": "bob",
        "auth": "api_key",
        "roles": ["reader"],
        "method": "rowgate.v1.QueryService/ExecuteQuery",
        "code": "OK",
        "database": "main",
        "tag": "job/7",
        "query_id": answer.stats.query_id,
        "rows": 0,
        "affected": 1,
        "statements": ["insert into things (name) values (?)"],
    }


async def test_every_kind_of_call_has_its_line(audited: Audited) -> None:
    query = audited.stub(query_service_pb2_grpc.QueryServiceStub)
    tables = audited.stub(table_service_pb2_grpc.TableServiceStub)
    health = audited.stub(health_pb2_grpc.HealthStub)
    token = by(SIGNER.token())
    row = table_service_pb2.RowValues(values=VALUE)
    await tables.InsertRows(table_service_pb2.InsertRowsRequest(table="things", rows=[row]), metadata=token)
    steps = [BatchStep(sql="select 1"), BatchStep(sql=INSERT, params=VALUE)]
    await query.ExecuteBatch(pb.ExecuteBatchRequest(steps=steps), metadata=token)
    _ = [each async for each in query.StreamQuery(pb.StreamQueryRequest(sql="select * from things"), metadata=token)]
    with pytest.raises(grpc.aio.AioRpcError):
        await query.ExecuteQuery(pb.ExecuteQueryRequest(sql="selec 'planted' from nothing"), metadata=by(KEY))
    with pytest.raises(grpc.aio.AioRpcError):
        await query.ExecuteQuery(pb.ExecuteQueryRequest(sql="select 1"), metadata=by(WRONG))
    await health.Check(health_pb2.HealthCheckRequest())
    inserted, batch, streamed, failed, stranger = audited.lines()
    assert (inserted["tables"], inserted["affected"], inserted["issuer"]) == (["things"], 1, "test")
    assert batch["statements"] == ["select ?", "insert into things (name) values (?)"]
    assert (streamed["rows"], streamed["principal"], streamed["auth"]) == (2, "alice", "jwt")
    assert (failed["code"], failed["reason"], failed["outcome"]) == (
        "INVALID_ARGUMENT",
        "INVALID_SQL",
        "ROLLED_BACK",
    )
    assert failed["statements"] == ["selec ? from nothing"]
    assert (stranger["code"], stranger["refused"]) == ("UNAUTHENTICATED", "wrong_key")
    assert not {"principal", "statements", "database"} & set(stranger)
    text = audited.file.read_text(encoding="utf-8")
    assert "planted" not in text
    assert WRONG not in text


async def test_who_dropped_a_table_is_told(audited: Audited) -> None:
    schemas = audited.stub(schema_service_pb2_grpc.SchemaServiceStub)
    asked = schema_service_pb2.DropTableRequest(schema="main", table="things")
    with pytest.raises(grpc.aio.AioRpcError):
        await schemas.DropTable(asked, metadata=by(KEY))
    (line,) = audited.lines()
    assert (line["principal"], line["tables"], line["reason"]) == ("bob", ["main.things"], "DDL_NOT_ALLOWED")


async def test_what_goes_to_the_default_database_names_it(audited: Audited) -> None:
    query = audited.stub(query_service_pb2_grpc.QueryServiceStub)
    tables = audited.stub(table_service_pb2_grpc.TableServiceStub)
    schemas = audited.stub(schema_service_pb2_grpc.SchemaServiceStub)
    await tables.ListRows(table_service_pb2.ListRowsRequest(table="things"), metadata=by(KEY))
    await schemas.ListTables(schema_service_pb2.ListTablesRequest(), metadata=by(KEY))
    await query.ExecuteBatch(pb.ExecuteBatchRequest(steps=[BatchStep(sql="select 1")]), metadata=by(KEY))
    begin = transact_pb2.BeginTransaction(isolation=transact_pb2.ISOLATION_LEVEL_REPEATABLE_READ)
    refused: list[Any] = [
        tables.CountRows(table_service_pb2.CountRowsRequest(table="nothing"), metadata=by(KEY)),
        query.ExecuteBatch(pb.ExecuteBatchRequest(), metadata=by(KEY)),
    ]
    for call in refused:
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    with pytest.raises(grpc.aio.AioRpcError):
        await answers(query.Transact(iter([pb.TransactRequest(begin=begin)]), metadata=by(KEY)))
    lines = audited.lines()
    assert [(line["method"], line.get("database")) for line in lines if line.get("database") != "main"] == []
    assert len(lines) == 6


async def test_each_request_of_a_transaction_has_a_line_of_its_own(audited: Audited) -> None:
    query = audited.stub(query_service_pb2_grpc.QueryServiceStub)
    asked = [
        pb.TransactRequest(begin=transact_pb2.BeginTransaction(tag="nightly")),
        pb.TransactRequest(execute_query=pb.ExecuteQueryRequest(sql=INSERT, params=VALUE)),
        pb.TransactRequest(list_rows=table_service_pb2.ListRowsRequest(table="things")),
        pb.TransactRequest(execute_query=pb.ExecuteQueryRequest(sql="selec 'planted' from nothing")),
        pb.TransactRequest(commit=transact_pb2.Commit()),
    ]
    _ = [answer async for answer in query.Transact(iter(asked), metadata=by(KEY))]
    *requests, call = audited.lines()
    assert [(line["event"], line["request"], line["sequence"]) for line in requests] == [
        ("request", kind, number)
        for number, kind in enumerate(("begin", "execute_query", "list_rows", "execute_query", "commit"), 1)
    ]
    assert {(line["principal"], line["transaction_id"], line["tag"]) for line in [*requests, call]} == {
        ("bob", call["transaction_id"], "nightly")
    }
    assert (requests[1]["statements"], requests[1]["affected"]) == (["insert into things (name) values (?)"], 1)
    assert (requests[2]["tables"], requests[2]["rows"]) == (["things"], 1)
    assert (requests[3]["reason"], requests[3]["statements"]) == ("INVALID_SQL", ["selec ? from nothing"])
    assert (call["event"], call["code"]) == ("call", "OK")
    assert "planted" not in audited.file.read_text(encoding="utf-8")


@pytest.mark.parametrize("audited", [{"audit__sql": "text"}], indirect=True)
async def test_sql_is_told_as_it_was_sent_where_that_is_wanted_and_values_still_are_not(audited: Audited) -> None:
    query = audited.stub(query_service_pb2_grpc.QueryServiceStub)
    await query.ExecuteQuery(pb.ExecuteQueryRequest(sql=INSERT, params=VALUE), metadata=by(KEY))
    (line,) = audited.lines()
    assert line["sql"] == [INSERT]
    assert SECRET not in json.dumps(line)


# The file


def test_a_file_that_has_grown_is_put_aside_and_the_oldest_dropped(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    sink = FileSink(str(file), 100, 2)
    for number in range(12):
        sink.write(f"{number:02d}" + "x" * 40, print)
    sink.close()
    kept = {path.name: [line[:2] for line in path.read_text().splitlines()] for path in tmp_path.iterdir()}
    assert kept == {"audit.log": ["10", "11"], "audit.log.1": ["08", "09"], "audit.log.2": ["06", "07"]}
    assert file.stat().st_mode & 0o777 == 0o600
    again = FileSink(str(file), 100, 0)
    again.write("y" * 60, print)
    again.close()
    assert file.read_text() == "y" * 60 + "\n"


def test_a_line_that_cannot_be_written_is_counted_and_the_call_goes_on(tmp_path: Path) -> None:
    lost: list[None] = []
    sink = open_sink(str(tmp_path / "audit.log"), 1 << 20, 1)
    log = AuditLog(sink, lambda: lost.append(None))
    sink.close()
    log.write("call", {"a": 1})
    log.write("call", {"a": 1})
    assert len(lost) == 2


def test_a_line_cannot_be_forged(tmp_path: Path) -> None:
    file = tmp_path / "audit.log"
    log = AuditLog(open_sink(str(file), 1 << 20, 1), lambda: None)
    log.write("call", {"tag": 'x"}\n{"event": "call"\u2028\ud800'})
    log.close()
    (line,) = file.read_bytes().split(b"\n")[:-1]
    assert json.loads(line)["event"] == "call"
