"""The queries that the gateway runs at this moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Self

from rowgate._wire import word_of
from rowgate.v1 import admin_service_pb2 as pb


class QueryState(StrEnum):
    """What a query is at."""

    WAITING = "WAITING"
    """It waits for a connection."""
    RUNNING = "RUNNING"
    """It is in the database."""
    STREAMING = "STREAMING"
    """Its rows are on their way."""
    IDLE = "IDLE"
    """It is a transaction in which nothing runs: it waits for its caller, and holds its connection and its locks."""


@dataclass(frozen=True, slots=True)
class RunningQuery:
    """A query that runs.

    Attributes:
        query_id: what `cancel` takes.
        database: where it runs.
        rpc: the call that it belongs to.
        tag: what its caller calls it.
        statement: the SQL, cut; without its values, unless the gateway is set to tell them.
        started: when it began.
        elapsed: how long ago that is, in seconds.
        state: what it is at; None for what this client does not know.
        peer: the address that it came from.
        rows: that have come so far.
        worker: which of the gateway's workers runs it; 0 where there is one process.
    """

    query_id: str
    database: str
    rpc: str
    tag: str
    statement: str
    started: datetime
    elapsed: float
    state: QueryState | None
    peer: str
    rows: int
    worker: int

    @classmethod
    def from_wire(cls, query: pb.RunningQuery) -> Self:
        """The query that the message describes."""
        return cls(
            query_id=query.query_id,
            database=query.database,
            rpc=query.rpc,
            tag=query.tag,
            statement=query.statement,
            started=query.start_time.ToDatetime(UTC),
            elapsed=query.elapsed.ToTimedelta().total_seconds(),
            state=word_of(pb.QueryState, query.state, QueryState),
            peer=query.peer,
            rows=query.row_count,
            worker=query.worker,
        )
