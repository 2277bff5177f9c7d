from __future__ import annotations

import pickle
from datetime import timedelta
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from unit.client.scripted import PRODUCTS, Fault, ScriptedGateway, answer

import rowgate
from rowgate import ColumnType, Parameter, PlanNode
from rowgate.v1 import plan_pb2, query_service_pb2, result_pb2
from rowgate.v1.value_pb2 import Value

UNAVAILABLE = Fault(grpc.StatusCode.UNAVAILABLE, "DATABASE_UNAVAILABLE", metadata={"outcome": "UNKNOWN"})

WIRE_PLAN = plan_pb2.QueryPlan(
    text="Limit\n  ->  Seq Scan on t",
    json="[]",
    planning_time=Duration(nanos=2_000_000),
    nodes=[
        plan_pb2.PlanNode(
            operation="Limit",
            loops=0,
            children=[
                plan_pb2.PlanNode(
                    operation="Seq Scan",
                    target="t",
                    index="i",
                    estimated_rows=1.5,
                    actual_rows=2,
                    estimated_cost=8.25,
                    actual_time=Duration(seconds=1),
                    loops=3,
                    details={"Filter": "(a = 1)"},
                )
            ],
        )
    ],
)


def planned(plan: plan_pb2.QueryPlan = WIRE_PLAN) -> query_service_pb2.ExecuteQueryResponse:
    return query_service_pb2.ExecuteQueryResponse(plan=plan, stats=result_pb2.QueryStats(query_id="q"))


def described(**description: Any) -> query_service_pb2.ExecuteQueryResponse:
    response = answer()
    response.description.CopyFrom(plan_pb2.StatementDescription(**description))
    return response


async def test_a_plan_is_asked_for_with_its_values(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(planned(), planned())
    await db.explain("select * from t where a = :sql", sql=1)
    assert gateway.request.options.mode == query_service_pb2.QUERY_MODE_PLAN
    assert dict(gateway.request.params) == {"sql": Value(int_value=1)}
    await db.with_options(read_only=True, tag="t").profile("select ?", "x")
    assert gateway.request.options.mode == query_service_pb2.QUERY_MODE_PROFILE
    assert (gateway.request.options.read_only, gateway.request.options.tag) == (True, "t")
    assert list(gateway.request.positional_params) == [Value(string_value="x")]


async def test_a_plan_is_a_tree_and_its_text(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(planned())
    plan = await db.explain("select 1")
    assert str(plan) == plan.text == "Limit\n  ->  Seq Scan on t"
    assert (plan.json, plan.stats.query_id) == ("[]", "q")
    assert (plan.planning_time, plan.execution_time) == (timedelta(milliseconds=2), None)
    scan = PlanNode(
        operation="Seq Scan",
        target="t",
        index="i",
        estimated_rows=1.5,
        actual_rows=2,
        estimated_cost=8.25,
        actual_time=timedelta(seconds=1),
        loops=3,
        details={"Filter": "(a = 1)"},
    )
    assert plan.nodes == (PlanNode(operation="Limit", loops=0, children=(scan,)),)
    assert [node.operation for node in plan.walk()] == ["Limit", "Seq Scan"]
    assert pickle.loads(pickle.dumps(plan)) == plan
    assert hash(scan) == hash(pickle.loads(pickle.dumps(scan)))


async def test_a_description_has_parameters_and_columns(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    parameters = [
        plan_pb2.ParameterDescription(name="a", position=2, type=result_pb2.COLUMN_TYPE_INT, database_type="int4"),
        plan_pb2.ParameterDescription(position=3, type=99),  # type: ignore[arg-type]  # newer than this client
    ]
    gateway.will(described(parameters=parameters, only_reads=False))
    description = await db.describe_statement("select :a")
    assert gateway.request.options.mode == query_service_pb2.QUERY_MODE_DESCRIBE
    assert not gateway.request.params
    assert description.parameters == (Parameter("a", 2, ColumnType.INT, "int4"), Parameter("", 3))
    assert [column.name for column in description.columns] == [column.name for column in PRODUCTS]
    assert description.only_reads is False


async def test_what_is_not_known_of_a_statement_is_none(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(described())
    assert (await db.describe_statement("call p()")).only_reads is None


async def test_what_runs_nothing_is_asked_again_and_a_profile_is_not(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will(UNAVAILABLE, planned())
    assert (await db.explain("delete from t")).nodes
    gateway.will(UNAVAILABLE, described())
    await db.describe_statement("delete from t")
    gateway.will(UNAVAILABLE)
    with pytest.raises(rowgate.DatabaseUnavailable):
        await db.profile("delete from t")
    gateway.will(UNAVAILABLE, planned())
    await db.with_options(read_only=True).profile("select 1")


async def test_a_gateway_that_ran_the_statement_instead_is_told_apart(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    for ask in (db.explain, db.profile, db.describe_statement):
        gateway.will(answer())
        with pytest.raises(rowgate.ProtocolError):
            await ask("select 1")
