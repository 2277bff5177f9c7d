"""Descriptions and plans as messages, and the modes as they are asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from rowgate.v1 import plan_pb2, query_service_pb2, result_pb2
from rowgate.v1.query_service_pb2 import ExecuteQueryRequest, ExecuteQueryResponse, QueryOptions, StreamQueryRequest
from rowgate_server.core.describe import ParameterDescription, StatementDescription
from rowgate_server.core.explain import Explained
from rowgate_server.core.plans import Plan, PlanNode
from rowgate_server.core.query import QueryMode
from rowgate_server.engines.results import Column, Stats
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.transport.codec.explained import MOST_LEVELS, encode_explained
from rowgate_server.transport.codec.queries import MODES, check_mode, decode_query

STATS = Stats("id", 0.5, row_count=0)


def encoded(*nodes: PlanNode, **plan: Any) -> plan_pb2.QueryPlan:
    """A plan, sent and received."""
    told = Plan(nodes=nodes, **{"text": "", **plan})
    octets = encode_explained(Explained(STATS, plan=told)).SerializeToString()
    return ExecuteQueryResponse.FromString(octets).plan


def operations(nodes: Iterable[plan_pb2.PlanNode]) -> list[str]:
    """Of all nodes, parents first."""
    return [found for node in nodes for found in (node.operation, *operations(node.children))]


def levels(nodes: Iterable[plan_pb2.PlanNode]) -> int:
    return max((1 + levels(node.children) for node in nodes), default=0)


# Modes


def test_each_mode_has_its_number() -> None:
    assert {mode.name for mode in QueryMode} == {
        name.removeprefix("QUERY_MODE_") for name in query_service_pb2.QueryMode.keys()[1:]
    }
    for number, mode in MODES.items():
        name = query_service_pb2.QueryMode.Name(number)  # type: ignore[arg-type]  # any number
        assert name in (f"QUERY_MODE_{mode.name}", "QUERY_MODE_UNSPECIFIED")
    assert MODES[query_service_pb2.QUERY_MODE_UNSPECIFIED] is QueryMode.EXECUTE


@pytest.mark.parametrize("mode", query_service_pb2.QueryMode.values())
def test_a_mode_is_decoded(mode: query_service_pb2.QueryMode.ValueType) -> None:
    query, _ = decode_query(ExecuteQueryRequest(options=QueryOptions(mode=mode)), None, "q")
    assert query.options.mode is MODES[mode]


def test_a_mode_that_is_not_known_is_refused() -> None:
    with pytest.raises(RowgateError) as caught:
        decode_query(ExecuteQueryRequest(options=QueryOptions(mode=99)), None, "q")  # type: ignore[arg-type]  # on purpose
    assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "options.mode")


def test_only_a_result_is_streamed() -> None:
    for number, mode in MODES.items():
        options = QueryOptions(mode=number)  # type: ignore[arg-type]  # any number
        query, _ = decode_query(StreamQueryRequest(options=options), None, "q")
        if mode is QueryMode.EXECUTE:
            check_mode(query)
            continue
        with pytest.raises(RowgateError) as caught:
            check_mode(query)
        assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "options.mode")
        assert "ExecuteQuery" in caught.value.metadata["hint"]


# Descriptions


def test_a_description_has_columns_parameters_and_no_rows() -> None:
    parameters = (ParameterDescription("a", 2, ValueType.INT, "int4"), ParameterDescription("", 3))
    columns = (Column("x", ValueType.STRING, "text"),)
    response = encode_explained(Explained(STATS, columns, StatementDescription(parameters, only_reads=True)))
    assert list(response.result.columns) == [
        result_pb2.Column(name="x", type=result_pb2.COLUMN_TYPE_STRING, database_type="text")
    ]
    assert not response.result.rows
    assert not response.result.HasField("column_batch")
    assert list(response.description.parameters) == [
        plan_pb2.ParameterDescription(name="a", position=2, type=result_pb2.COLUMN_TYPE_INT, database_type="int4"),
        plan_pb2.ParameterDescription(position=3),
    ]
    assert not response.HasField("plan")
    assert (response.stats.query_id, response.stats.elapsed.nanos) == ("id", 500_000_000)


@pytest.mark.parametrize("only_reads", [True, False, None])
def test_what_is_not_known_of_a_statement_is_absent(only_reads: bool | None) -> None:
    response = encode_explained(Explained(STATS, description=StatementDescription((), only_reads)))
    assert response.description.HasField("only_reads") == (only_reads is not None)
    assert response.description.only_reads is bool(only_reads)


# Plans


def test_a_plan_is_sent_whole() -> None:
    child = PlanNode(operation="Index Scan", target="t", index="t_pkey", estimated_rows=1.5, cost=8.25)
    root = PlanNode(
        operation="Limit", actual_rows=0, seconds=0.000_001_5, loops=0, details={"Alias": "x"}, children=(child, child)
    )
    plan = encoded(root, child, text="Limit", json="{}", planning=0.25, execution=2)
    assert (plan.text, plan.json) == ("Limit", "{}")
    assert (plan.planning_time.nanos, plan.execution_time.seconds) == (250_000_000, 2)
    assert operations(plan.nodes) == ["Limit", "Index Scan", "Index Scan", "Index Scan"]
    limit = plan.nodes[0]
    assert (limit.actual_rows, limit.loops, limit.actual_time.nanos) == (0, 0, 1500)
    assert dict(limit.details) == {"Alias": "x"}
    scan = limit.children[0]
    assert (scan.target, scan.index, scan.estimated_rows, scan.estimated_cost) == ("t", "t_pkey", 1.5, 8.25)


def test_what_is_not_told_is_absent() -> None:
    plan = encoded(PlanNode(operation="SCAN"))
    for field in ("estimated_rows", "actual_rows", "estimated_cost", "actual_time", "loops"):
        assert not plan.nodes[0].HasField(field)
    assert not plan.HasField("planning_time")
    assert not plan.HasField("execution_time")


@pytest.mark.parametrize("depth", [1, MOST_LEVELS, MOST_LEVELS + 1, 5_000])
def test_a_plan_of_any_depth_can_be_read_and_loses_no_node(depth: int) -> None:
    node = PlanNode(operation="last")
    for number in range(depth - 1, 0, -1):
        node = PlanNode(operation=f"{number}", children=(node, PlanNode(operation=f"beside {number}")))
    plan = encoded(node)
    assert levels(plan.nodes) == min(depth, MOST_LEVELS)
    assert operations(plan.nodes) == [found.operation for found in node.walk()]
