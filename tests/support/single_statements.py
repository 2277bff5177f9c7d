"""A QueryService of a test's own that runs no batches and holds no transactions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import grpc

from rowgate.v1 import query_service_pb2, query_service_pb2_grpc


class SingleStatements(query_service_pb2_grpc.QueryServiceServicer):
    """To be inherited from; what it does not have answers UNIMPLEMENTED."""

    async def ExecuteBatch(self, request: Any, context: Any) -> query_service_pb2.ExecuteBatchResponse:
        del request
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no batches")
        return query_service_pb2.ExecuteBatchResponse()

    async def Transact(self, request_iterator: Any, context: Any) -> AsyncIterator[query_service_pb2.TransactResponse]:
        del request_iterator
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "no transactions")
        yield query_service_pb2.TransactResponse()
