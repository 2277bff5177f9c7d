"""What a database tells of a statement instead of its result: a description, or a plan."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Self

from rowgate._results import Stats
from rowgate._rows import Column
from rowgate._types import ColumnType
from rowgate._wire import word_of
from rowgate.v1 import plan_pb2, query_service_pb2, result_pb2


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter of a statement.

    Attributes:
        name: its name; "" for a `?`.
        position: where it first stands: 1 for the statement's first placeholder.
        type: what goes as it is; UNSPECIFIED where the database does not tell, as only PostgreSQL does.
        database_type: the database's own name of the type; "" where it does not tell.
    """

    name: str
    position: int
    type: ColumnType = ColumnType.UNSPECIFIED
    database_type: str = ""

    @classmethod
    def from_wire(cls, parameter: plan_pb2.ParameterDescription) -> Self:
        """The parameter that the message describes."""
        return cls(
            name=parameter.name,
            position=parameter.position,
            type=word_of(result_pb2.ColumnType, parameter.type, ColumnType) or ColumnType.UNSPECIFIED,
            database_type=parameter.database_type,
        )


@dataclass(frozen=True, slots=True)
class StatementDescription:
    """What a database tells of a statement without running it.

    Attributes:
        parameters: each `:name` once, or each `?`.
        columns: those of its result; SQLite does not tell all their names.
        only_reads: whether it changes nothing and locks no rows, functions that it calls aside; None: not known.
        stats: the figures.
    """

    parameters: tuple[Parameter, ...]
    columns: tuple[Column, ...]
    only_reads: bool | None
    stats: Stats

    @classmethod
    def from_wire(cls, response: query_service_pb2.ExecuteQueryResponse) -> Self:
        """The description that the message holds."""
        described = response.description
        return cls(
            parameters=tuple(map(Parameter.from_wire, described.parameters)),
            columns=tuple(map(Column.from_wire, response.result.columns)),
            only_reads=described.only_reads if described.HasField("only_reads") else None,
            stats=Stats.from_wire(response.stats),
        )


@dataclass(frozen=True, slots=True)
class PlanNode:
    """One step of a plan. What the database does not tell is None or "".

    Attributes:
        operation: what is done: `Index Scan`, `SEARCH`.
        target: the table that it is done to, or the function or the like.
        index: the index that is used.
        estimated_rows: rows that it was expected to give, in each of its loops.
        actual_rows: rows that it gave, on average in each of its loops; of a profile only.
        estimated_cost: what it was expected to cost, in the database's own unit, with what is below it.
        actual_time: the time of all its loops together; of a profile only.
        loops: how often it was run; of a profile only.
        details: everything else that was told of it, by the database's own names.
        children: what it takes its rows from, and subqueries.
    """

    operation: str
    target: str = ""
    index: str = ""
    estimated_rows: float | None = None
    actual_rows: float | None = None
    estimated_cost: float | None = None
    actual_time: timedelta | None = None
    loops: float | None = None
    details: Mapping[str, str] = field(default_factory=dict, hash=False)
    children: tuple[PlanNode, ...] = ()

    @classmethod
    def from_wire(cls, node: plan_pb2.PlanNode) -> Self:
        """The node that the message describes, with all that is below it."""
        return cls(
            operation=node.operation,
            target=node.target,
            index=node.index,
            estimated_rows=node.estimated_rows if node.HasField("estimated_rows") else None,
            actual_rows=node.actual_rows if node.HasField("actual_rows") else None,
            estimated_cost=node.estimated_cost if node.HasField("estimated_cost") else None,
            actual_time=node.actual_time.ToTimedelta() if node.HasField("actual_time") else None,
            loops=node.loops if node.HasField("loops") else None,
            details=dict(node.details),
            children=tuple(map(cls.from_wire, node.children)),
        )

    def walk(self) -> Iterator[PlanNode]:
        """The node and everything below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(frozen=True, slots=True)
class Plan:
    """A database's plan of a statement; `str(plan)` is the text.

    Attributes:
        text: the plan to be read: a line for each step, indented below its parent's.
        nodes: the plan as a tree; mostly there is one root.
        json: the plan as the database gave it, where that is JSON (MariaDB, PostgreSQL); otherwise "".
        planning_time: how long the plan took to make; None where the database does not tell.
        execution_time: how long the statement ran; of a profile only, and None where the database does not tell.
        stats: the figures; how many rows the statement gave or changed is not among them.
    """

    text: str
    nodes: tuple[PlanNode, ...]
    json: str
    planning_time: timedelta | None
    execution_time: timedelta | None
    stats: Stats

    @classmethod
    def from_wire(cls, response: query_service_pb2.ExecuteQueryResponse) -> Self:
        """The plan that the message holds."""
        plan = response.plan
        return cls(
            text=plan.text,
            nodes=tuple(map(PlanNode.from_wire, plan.nodes)),
            json=plan.json,
            planning_time=plan.planning_time.ToTimedelta() if plan.HasField("planning_time") else None,
            execution_time=plan.execution_time.ToTimedelta() if plan.HasField("execution_time") else None,
            stats=Stats.from_wire(response.stats),
        )

    def __str__(self) -> str:
        return self.text

    def walk(self) -> Iterator[PlanNode]:
        """Every node, parents first."""
        for node in self.nodes:
            yield from node.walk()
