"""The queries that run: told of, and cancelled; in this process, and through it in the others of the same gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rowgate_server.core.sqltext.shape import fingerprint
from rowgate_server.engines import clock
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.underway import UnderWay
from rowgate_server.engines.values import BoundRows
from rowgate_server.errors import Outcome, Reason, RowgateError

MOST_QUERIES = 1_000
_LONGEST_STATEMENT = 1_000
_CUT = "…"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. Until callers have names, a caller is the connection that it comes over.

    Attributes:
        peer: its address.
        all_queries: it may see and cancel the queries of others.
    """

    peer: str
    all_queries: bool

    def owns(self, peer: str) -> bool:
        """Whether a query that came from there is the viewer's own."""
        return self.peer == peer

    def may_see(self, peer: str) -> bool:
        """Whether it is any business of the viewer's."""
        return self.all_queries or self.owns(peer)


@dataclass(frozen=True, slots=True)
class Query:
    """One query that runs; `started` by the clock on the wall. Plain values, which a channel can carry."""

    query_id: str
    database: str
    rpc: str
    tag: str
    statement: str
    started: float
    elapsed: float
    state: int
    peer: str
    rows: int
    worker: int = 0


@dataclass(frozen=True, slots=True)
class Queries:
    """Some of them; `silent`: workers that did not tell theirs."""

    queries: Sequence[Query]
    truncated: bool = False
    silent: Sequence[int] = ()


class OtherWorkers(Protocol):
    """The other processes of the same gateway."""

    async def queries(self, viewer: Viewer, database: str, tag: str) -> tuple[Sequence[Query], Sequence[int]]:
        """What they run, and which of them did not answer."""

    async def cancel(self, viewer: Viewer, query_id: str) -> Query | None:
        """Cancel a query of theirs; None if none has it."""


class Alone:
    """There are no others."""

    async def queries(self, viewer: Viewer, database: str, tag: str) -> tuple[Sequence[Query], Sequence[int]]:
        """None."""
        del viewer, database, tag
        return (), ()

    async def cancel(self, viewer: Viewer, query_id: str) -> Query | None:
        """None."""
        del viewer, query_id
        return None


class Administration:
    """Lists and cancels queries.

    Args:
        databases: every one that is served.
        others: the other processes.
        text: whether statements are told as they are written, literals and all.
        worker: which process this is.
    """

    def __init__(self, databases: Databases, others: OtherWorkers, *, text: bool, worker: int = 0) -> None:
        self._databases = databases
        self._others = others
        self._text = text
        self._worker = worker

    async def queries(self, viewer: Viewer, database: str, tag: str) -> Queries:
        """Those that the viewer may see, the oldest first.

        Raises:
            RowgateError: UNKNOWN_DATABASE.
        """
        if database:
            self._databases.get(database)
        elsewhere, silent = await self._others.queries(viewer, database, tag)
        found = sorted((*self.queries_here(viewer, database, tag), *elsewhere), key=lambda query: query.started)
        return Queries(found[:MOST_QUERIES], len(found) > MOST_QUERIES, tuple(silent))

    async def cancel(self, viewer: Viewer, query_id: str) -> Query:
        """End a query.

        Raises:
            RowgateError: INVALID_REQUEST; QUERY_NOT_FOUND, also for what the viewer must not know of.
        """
        if not query_id:
            raise RowgateError(Reason.INVALID_REQUEST, "no query is named", field="query_id", outcome=Outcome.NOT_RUN)
        query = self.cancel_here(viewer, query_id) or await self._others.cancel(viewer, query_id)
        if query is None:
            hint = None if viewer.all_queries else "it may be another caller's; admin.all_queries is off"
            raise RowgateError(
                Reason.QUERY_NOT_FOUND,
                "no query of that name runs",
                field="query_id",
                query_id=query_id[:64],
                hint=hint,
            )
        return query

    def queries_here(self, viewer: Viewer, database: str, tag: str) -> list[Query]:
        """Those of this process."""
        return [
            query
            for found in self._databases
            if database in ("", found.name)
            for query in self._matching(found, viewer, lambda query: tag in ("", query.tag))
        ]

    def cancel_here(self, viewer: Viewer, query_id: str) -> Query | None:
        """End a query of this process."""
        for database in self._databases:
            for under_way in database.under_way:
                if under_way.call.query_id == query_id and viewer.may_see(_peer(under_way)):
                    query = self._told(database, under_way)
                    under_way.stop(
                        RowgateError(
                            Reason.QUERY_CANCELLED, "the query was cancelled by CancelQuery", cancelled_by=viewer.peer
                        )
                    )
                    return query
        return None

    def _matching(self, database: Database, viewer: Viewer, wanted: Callable[[Query], bool]) -> list[Query]:
        visible = (each for each in database.under_way if viewer.may_see(_peer(each)))
        return [query for query in (self._told(database, each) for each in visible) if wanted(query)]

    def _told(self, database: Database, under_way: UnderWay) -> Query:
        elapsed = clock.now() - under_way.started
        caller = under_way.caller
        return Query(
            query_id=under_way.call.query_id,
            database=database.name,
            rpc="" if caller is None else caller.rpc,
            tag="" if caller is None else caller.tag,
            statement=self._statement(database, under_way),
            started=time.time() - elapsed,
            elapsed=elapsed,
            state=under_way.phase.value,
            peer=_peer(under_way),
            rows=under_way.rows,
            worker=self._worker,
        )

    def _statement(self, database: Database, under_way: UnderWay) -> str:
        statement = under_way.call.statement
        between = " … " if isinstance(statement, BoundRows) else "?"
        sql = between.join(statement.fragments)
        told = sql if self._text else fingerprint(sql, database.dialect)
        return told if len(told) <= _LONGEST_STATEMENT else told[: _LONGEST_STATEMENT - len(_CUT)] + _CUT


def plain(value: Viewer | Query) -> dict[str, Any]:
    """As a channel carries it."""
    return asdict(value)


def _peer(under_way: UnderWay) -> str:
    return "" if under_way.caller is None else under_way.caller.peer
