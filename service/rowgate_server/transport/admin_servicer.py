"""AdminService: messages in, the core asked, messages out."""

from __future__ import annotations

from rowgate.v1 import admin_service_pb2, admin_service_pb2_grpc
from rowgate_server.core.administration import Administration, Query, Viewer
from rowgate_server.engines.underway import Phase
from rowgate_server.transport.interceptors import current_call
from rowgate_server.transport.interceptors.call import Context

_STATES = {
    Phase.WAITING.value: admin_service_pb2.QUERY_STATE_WAITING,
    Phase.RUNNING.value: admin_service_pb2.QUERY_STATE_RUNNING,
    Phase.STREAMING.value: admin_service_pb2.QUERY_STATE_STREAMING,
    Phase.IDLE.value: admin_service_pb2.QUERY_STATE_IDLE,
}


class AdminServicer(admin_service_pb2_grpc.AdminServiceServicer):
    """Serves AdminService.

    Args:
        administration: knows what runs.
    """

    def __init__(self, administration: Administration) -> None:
        self._administration = administration

    async def ListQueries(
        self, request: admin_service_pb2.ListQueriesRequest, context: Context
    ) -> admin_service_pb2.ListQueriesResponse:
        """The queries that run."""
        del context
        found = await self._administration.queries(self._viewer(), request.database, request.tag)
        return admin_service_pb2.ListQueriesResponse(
            queries=map(_encode, found.queries), truncated=found.truncated, silent_workers=found.silent
        )

    async def CancelQuery(
        self, request: admin_service_pb2.CancelQueryRequest, context: Context
    ) -> admin_service_pb2.CancelQueryResponse:
        """The end of one."""
        del context
        current_call().facts["query_id"] = request.query_id
        query = await self._administration.cancel(self._viewer(), request.query_id)
        return admin_service_pb2.CancelQueryResponse(query=_encode(query))

    def _viewer(self) -> Viewer:
        """Whoever calls."""
        return self._administration.viewer(current_call().peer)


def _encode(query: Query) -> admin_service_pb2.RunningQuery:
    told = admin_service_pb2.RunningQuery(
        query_id=query.query_id,
        database=query.database,
        rpc=query.rpc,
        tag=query.tag,
        statement=query.statement,
        state=_STATES[query.state],
        peer=query.peer,
        row_count=query.rows,
        worker=query.worker,
    )
    told.start_time.FromMicroseconds(round(query.started * 1e6))
    told.elapsed.FromMicroseconds(round(query.elapsed * 1e6))
    return told
