"""The queries that run on a gateway, and how to end one."""

from __future__ import annotations

from rowgate._calls import Calls
from rowgate._running import RunningQuery
from rowgate.v1 import admin_service_pb2 as admin_pb


class AdminCalls:
    """The calls of AdminService; a part of `Database`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def running(self, *, tag: str = "") -> list[RunningQuery]:
        """The queries that run at this moment, or wait for a connection, the oldest first.

        Those of the client or view's database, or of all where it names none; the caller's own (without authentication
        those that came over the same connection), and everybody's where the right `admin`, or without a policy the
        gateway's `admin.all_queries`, says so.

        Args:
            tag: only those with this tag.

        Raises:
            RowgateError: the gateway does not tell.
        """
        request = admin_pb.ListQueriesRequest(database=self._calls.database, tag=tag)
        response = await self._calls.ask(lambda stubs: stubs.admin.ListQueries, request, repeatable=True)
        return [RunningQuery.from_wire(query) for query in response.queries]

    async def cancel(self, query_id: str) -> RunningQuery:
        """End a query, in the database too; whoever waits for it gets QueryCancelled. Returns the query as it was.

        Args:
            query_id: its name, from `running` or from an error; of an idle transaction, its `transaction_id`.

        Raises:
            QueryNotFound: it has ended, or it is another caller's.
            ShuttingDown: a worker that may run it did not answer (`metadata["silent_workers"]`): ask again.
            RowgateError: the gateway does not do it.
        """
        request = admin_pb.CancelQueryRequest(query_id=query_id)
        response = await self._calls.ask_once(lambda stubs: stubs.admin.CancelQuery, request)
        return RunningQuery.from_wire(response.query)
