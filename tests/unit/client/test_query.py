from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from unit.client.scripted import Hang, ScriptedGateway, answer, product

import rowgate
from rowgate.v1.query_service_pb2 import ExecuteQueryResponse, QueryOptions
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS, TRUNCATION_REASON_MAX_ROWS, QueryStats, QueryWarning
from rowgate.v1.value_pb2 import Value


async def test_a_query_sends_named_parameters_and_answers_rows(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer(product(1)))
    result = await db.query("select id, name from products where id = :id", id=1)
    assert result.one() == (1, "Oak table")
    assert gateway.request.sql == "select id, name from products where id = :id"
    assert dict(gateway.request.params) == {"id": Value(int_value=1)}
    assert gateway.request.database == ""


async def test_a_query_sends_positional_parameters_in_order(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    await db.query("select ? < ?", 1, "a")
    assert list(gateway.request.positional_params) == [Value(int_value=1), Value(string_value="a")]


async def test_any_name_is_free_for_a_parameter(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    names = ("self", "sql", "timeout", "read_only", "database", "positional", "named", "a name")
    gateway.will(answer())
    await db.query("...", **dict.fromkeys(names, 1))
    assert sorted(gateway.request.params) == sorted(names)
    assert gateway.request.options.read_only is False


async def test_named_and_positional_parameters_do_not_mix(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    with pytest.raises(rowgate.InvalidParameter, match="not both"):
        await db.query("select ?, :a", 1, a=1)
    assert gateway.received == []


@pytest.mark.parametrize(("sql", "params"), [("select '\ud800'", {}), ("select :a", {"\ud800": 1})])
async def test_sql_that_is_no_text_is_refused(db: rowgate.Client, sql: str, params: dict[str, Any]) -> None:
    with pytest.raises(rowgate.InvalidSql, match="lone surrogate") as caught:
        await db.query(sql, **params)
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN


def options_of(**options: Any) -> QueryOptions:
    """Results are always asked for by column."""
    return QueryOptions(encoding=RESULT_ENCODING_COLUMNS, **options)


async def test_options_go_through_a_view_and_leave_the_client_as_it_was(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will(answer(), answer())
    await db.with_options(timeout=None, max_rows=10, max_bytes=1000, read_only=True, tag="console").query("select 1")
    assert gateway.request.options == options_of(max_rows=10, max_bytes=1000, read_only=True, tag="console")
    await db.with_options(timeout=None).query("select 1")
    assert gateway.request.options == options_of()


async def test_options_add_up(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    await db.with_options(timeout=None, read_only=True).with_options(tag="console").query("select 1")
    assert gateway.request.options == options_of(read_only=True, tag="console")


async def test_using_names_another_database_and_keeps_the_options(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    await db.with_options(timeout=None, tag="console").using("other").query("select 1")
    assert gateway.request.database == "other"
    assert gateway.request.options == options_of(tag="console")


async def test_connect_names_the_database_of_every_call(target: str, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    async with rowgate.connect(target, database="main") as db:
        await db.query("select 1")
    assert gateway.request.database == "main"


@pytest.mark.parametrize(
    "changes",
    [
        {"timeout": 0},
        {"timeout": -1.0},
        {"timeout": float("nan")},
        {"timeout": float("inf")},
        {"max_rows": 0},
        {"max_bytes": -1},
    ],
)
def test_an_option_out_of_range_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be more than 0"):
        rowgate.connect("localhost:1").with_options(**changes)


def test_an_option_that_is_not_there_is_refused() -> None:
    with pytest.raises(TypeError, match="max_row"):
        rowgate.connect("localhost:1").with_options(max_row=1)  # type: ignore[call-arg]  # what is tested


async def test_metadata_goes_with_every_call_and_a_view_adds_to_it(target: str, gateway: ScriptedGateway) -> None:
    gateway.will(answer())
    given = {"Authorization": "Bearer t", "x-app": "a"}
    async with rowgate.connect(target, metadata=given, credentials_in_plaintext=True) as db:
        await db.with_options(metadata={"x-app": "b", "x-id-bin": b"\x00"}).query("select 1")
    sent = gateway.received[0].metadata
    assert (sent["authorization"], sent["x-app"], sent["x-id-bin"]) == ("Bearer t", "b", b"\x00")


async def test_a_write_tells_its_figures(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    stats = QueryStats(
        affected_rows=0,
        last_insert_id=2**64 - 1,
        warnings=[QueryWarning(code="1265", message="Data truncated", level="Warning")],
        elapsed=Duration(seconds=1, nanos=2_000_000),
        query_id="q1",
    )
    gateway.will(ExecuteQueryResponse(stats=stats))
    result = await db.query("insert into t values (1)")
    assert (result.affected_rows, result.last_insert_id, result.query_id) == (0, 2**64 - 1, "q1")
    assert result.warnings == (rowgate.QueryWarning("1265", "Data truncated", "Warning"),)
    assert result.elapsed == timedelta(seconds=1.002)
    assert (result.columns, result.rows, result.truncated, result.truncation_reason) == ((), [], False, None)


async def test_a_statement_that_is_no_write_has_no_count(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer(product(1)))
    result = await db.query("select 1")
    assert (result.affected_rows, result.last_insert_id) == (None, None)


async def test_a_cut_result_says_so(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer(product(1), truncated=True, truncation_reason=TRUNCATION_REASON_MAX_ROWS))
    result = await db.with_options(max_rows=1).query("select 1")
    assert result.truncated
    assert result.truncation_reason is rowgate.TruncationReason.MAX_ROWS


async def test_cancelling_the_task_cancels_the_call(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(Hang())
    task = asyncio.create_task(db.query("select sleep(100)"))
    async with asyncio.timeout(10):
        await gateway.under_way.wait()
        task.cancel()
        await gateway.cancelled.wait()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_many_queries_share_one_client(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    async def echo(request: Any) -> ExecuteQueryResponse:
        return answer(product(request.params["id"].int_value))

    gateway.will(*[echo] * 50)
    results = await asyncio.gather(*(db.query("select :id", id=number) for number in range(50)))
    assert [result.one()["id"] for result in results] == list(range(50))
