"""The queries that run: told of, and cancelled; in this process, and through it in the others of the same gateway."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from rowgate_server.core.policy.access import denied
from rowgate_server.core.policy.guard import access_to
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.sqltext.shape import fingerprint
from rowgate_server.engines import clock
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.underway import UnderWay
from rowgate_server.engines.values import BoundRows
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.callers import Caller

MOST_QUERIES = 1_000
_LONGEST_STATEMENT = 1_000
_CUT = "…"
_SILENT_FOR = 1.0
"""Seconds after which a worker that did not answer is asked again. One that stays silent is replaced."""


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who asks. A caller who is not known by a name is the connection that it comes over.

    Attributes:
        peer: its address.
        identity: who it is; empty for nobody known.
        all_queries: the databases in which it may see and cancel the queries of others.
    """

    peer: str
    identity: str
    all_queries: Sequence[str]

    def owns(self, caller: Caller | None) -> bool:
        """Whether that caller's queries are the viewer's own."""
        if caller is None:
            return False
        return self.identity == caller.identity if self.identity or caller.identity else self.peer == caller.peer

    def may_see(self, database: str, caller: Caller | None) -> bool:
        """Whether that caller's queries of a database are any business of the viewer's."""
        return database in self.all_queries or self.owns(caller)


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

    async def cancel(self, viewer: Viewer, query_id: str) -> tuple[Query | None, Sequence[int]]:
        """Cancel a query of theirs, None if none has it; and which of them did not answer."""


class Alone:
    """There are no others."""

    async def queries(self, viewer: Viewer, database: str, tag: str) -> tuple[Sequence[Query], Sequence[int]]:
        """None."""
        del viewer, database, tag
        return (), ()

    async def cancel(self, viewer: Viewer, query_id: str) -> tuple[Query | None, Sequence[int]]:
        """None."""
        del viewer, query_id
        return None, ()


class Administration:
    """Lists and cancels queries.

    Args:
        databases: every one that is served, as far as the caller may go.
        pools: tells what runs statements: each database with each of its logins.
        others: the other processes.
        text: whether statements are told as they are written, literals and all.
        all_queries: without a policy everybody may see and cancel the queries of others.
        enabled: whether callers may do anything of this.
        worker: which process this is.
    """

    def __init__(
        self,
        databases: Databases,
        pools: Callable[[], Sequence[Database]],
        others: OtherWorkers,
        *,
        text: bool,
        all_queries: bool,
        enabled: bool = True,
        worker: int = 0,
    ) -> None:
        self._databases = databases
        self._pools = pools
        self._others = others
        self._text = text
        self._all_queries = all_queries
        self._enabled = enabled
        self._worker = worker

    def exchange(self, *, text: bool, all_queries: bool, enabled: bool) -> None:
        """Tell, and let see, so much from now on."""
        self._enabled = enabled
        self._text = text
        self._all_queries = all_queries

    def viewer(self, peer: str) -> Viewer:
        """The caller of the current call, who comes from there; under a policy, its right `admin` counts.

        Raises:
            RowgateError: PERMISSION_DENIED: all of this is switched off, or it may do nothing with any database.
        """
        if not self._enabled:
            raise RowgateError(
                Reason.PERMISSION_DENIED, "admin calls are switched off here (admin.enabled)", outcome=Outcome.NOT_RUN
            )
        names = [database.name for database in self._databases]
        if not names:
            raise denied()
        return Viewer(peer, current_principal.get().identity, list(filter(self._may_see_all, names)))

    async def queries(self, viewer: Viewer, database: str, tag: str) -> Queries:
        """Those that the viewer may see, the oldest first.

        Raises:
            RowgateError: PERMISSION_DENIED; without a policy UNKNOWN_DATABASE.
        """
        if database:
            self._databases.get(database)
        elsewhere, silent = await self._others.queries(viewer, database, tag)
        found = sorted((*self.queries_here(viewer, database, tag), *elsewhere), key=lambda query: query.started)
        return Queries(found[:MOST_QUERIES], len(found) > MOST_QUERIES, tuple(silent))

    async def cancel(self, viewer: Viewer, query_id: str) -> Query:
        """End a query.

        Raises:
            RowgateError: INVALID_REQUEST; QUERY_NOT_FOUND, also for what the viewer must not know of; SHUTTING_DOWN
                where a worker that may run it does not answer.
        """
        if not query_id:
            raise RowgateError(Reason.INVALID_REQUEST, "no query is named", field="query_id", outcome=Outcome.NOT_RUN)
        query = self.cancel_here(viewer, query_id)
        silent: Sequence[int] = ()
        if query is None:
            query, silent = await self._others.cancel(viewer, query_id)
        if query is None and silent:
            raise RowgateError(
                Reason.SHUTTING_DOWN,
                "a worker of the gateway, which may run the query, did not answer in time",
                retry_after=_SILENT_FOR,
                outcome=Outcome.UNKNOWN,
                query_id=query_id[:64],
                silent_workers=", ".join(map(str, silent)),
            )
        if query is None:
            hint = None if viewer.all_queries else "it may be another caller's"
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
            for found in self._pools()
            if database in ("", found.name)
            for query in self._matching(found, viewer, lambda query: tag in ("", query.tag))
        ]

    def cancel_here(self, viewer: Viewer, query_id: str) -> Query | None:
        """End a query of this process."""
        for database in self._pools():
            for under_way in database.under_way:
                if under_way.call.query_id == query_id and viewer.may_see(database.name, under_way.caller):
                    query = self._told(database, under_way)
                    under_way.stop(
                        RowgateError(
                            Reason.QUERY_CANCELLED, "the query was cancelled by CancelQuery", cancelled_by=viewer.peer
                        )
                    )
                    return query
        return None

    def _may_see_all(self, name: str) -> bool:
        access = access_to(self._databases, name)
        return self._all_queries if access is None else Operation.ADMIN in access.of_database

    def _matching(self, database: Database, viewer: Viewer, wanted: Callable[[Query], bool]) -> list[Query]:
        # What the gateway asks by itself is nobody's query.
        asked = (each for each in database.under_way if each.caller is not None)
        visible = (each for each in asked if viewer.may_see(database.name, each.caller))
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
            peer="" if caller is None else caller.peer,
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
