"""What is told of a statement instead of its result: descriptions and plans."""

from __future__ import annotations

from google.protobuf import duration_pb2

from rowgate.v1 import plan_pb2, query_service_pb2, result_pb2
from rowgate_server.core.describe import StatementDescription
from rowgate_server.core.explain import Explained
from rowgate_server.core.plans import Plan, PlanNode
from rowgate_server.transport.codec.encodings import ROWS
from rowgate_server.transport.codec.queries import write_stats

MOST_LEVELS = 64
"""Levels of a tree of nodes; readers of protobuf refuse messages within messages from about 100 on."""


def encode_explained(explained: Explained) -> query_service_pb2.ExecuteQueryResponse:
    """The answer to a mode other than EXECUTE."""
    response = query_service_pb2.ExecuteQueryResponse()
    write_stats(explained.stats, response.stats)
    response.result.SetInParent()
    ROWS.start(explained.columns, response.result)
    if explained.description is not None:
        response.description.CopyFrom(_encode_description(explained.description))
    if explained.plan is not None:
        _encode_plan(explained.plan, response.plan)
    return response


def _encode_description(description: StatementDescription) -> plan_pb2.StatementDescription:
    return plan_pb2.StatementDescription(
        parameters=[
            plan_pb2.ParameterDescription(
                name=parameter.name,
                position=parameter.position,
                type=result_pb2.ColumnType.ValueType(parameter.type or 0),
                database_type=parameter.database_type,
            )
            for parameter in description.parameters
        ],
        only_reads=description.only_reads,
    )


def _encode_plan(plan: Plan, message: plan_pb2.QueryPlan) -> None:
    message.text, message.json = plan.text, plan.json
    for field, seconds in (("planning_time", plan.planning), ("execution_time", plan.execution)):
        if seconds is not None:
            getattr(message, field).CopyFrom(_duration(seconds))
    # What is below the last level goes to the level's nodes in the order of the tree: nothing gets lost.
    waiting = [(node, message.nodes, 1) for node in reversed(plan.nodes)]
    while waiting:
        node, siblings, level = waiting.pop()
        encoded = _encode_node(node)
        siblings.append(encoded)
        below = siblings[-1].children if level < MOST_LEVELS else siblings
        waiting.extend((child, below, min(level + 1, MOST_LEVELS)) for child in reversed(node.children))


def _encode_node(node: PlanNode) -> plan_pb2.PlanNode:
    return plan_pb2.PlanNode(
        operation=node.operation,
        target=node.target,
        index=node.index,
        estimated_rows=node.estimated_rows,
        actual_rows=node.actual_rows,
        estimated_cost=node.cost,
        actual_time=None if node.seconds is None else _duration(node.seconds),
        loops=node.loops,
        details=dict(node.details),
    )


def _duration(seconds: float) -> duration_pb2.Duration:
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(round(seconds * 1e9))
    return duration
