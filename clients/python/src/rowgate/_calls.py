"""Unary calls of one database: begun with the time that is left, and made again where that is safe."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc.aio

from rowgate._connection import Connection, Stubs
from rowgate._options import CallOptions, tell_timeout
from rowgate._retry import Deadline, run
from rowgate.v1.query_service_pb2 import ExecuteBatchRequest, ExecuteQueryRequest, StreamQueryRequest

_Response = TypeVar("_Response")
_Call = TypeVar("_Call", bound="grpc.aio.Call")


@dataclass(frozen=True, slots=True)
class Calls:
    """What a client or view calls the gateway with.

    Attributes:
        connection: the channel.
        database: the database's name in the gateway's configuration; "" for the default one.
        options: what goes with every call.
    """

    connection: Connection
    database: str
    options: CallOptions

    def deadline(self) -> Deadline:
        """The end of a call that begins now."""
        return Deadline(self.options.timeout)

    async def ask(
        self,
        rpc: Callable[[Stubs], Callable[..., grpc.aio.UnaryUnaryCall[Any, _Response]]],
        request: Any,
        *,
        deadline: Deadline | None = None,
        repeatable: bool,
    ) -> _Response:
        """The answer to a request, asked as often as the options say and is safe.

        Args:
            rpc: which method.
            request: its message.
            deadline: the end of something longer that this call is a part of; None: the call has the whole time.
            repeatable: whether it changes nothing.

        Raises:
            RowgateError: there is no answer.
        """
        end = deadline or self.deadline()

        async def attempt() -> _Response:
            return await self.connection.answer(self.begin(rpc, request, end))

        return await run(attempt, retry=self.options.retry, deadline=end, repeatable=repeatable)

    async def ask_once(
        self, rpc: Callable[[Stubs], Callable[..., grpc.aio.UnaryUnaryCall[Any, _Response]]], request: Any
    ) -> _Response:
        """The answer to a request that is never made again by itself.

        Raises:
            RowgateError: there is no answer.
        """
        return await self.connection.answer(self.begin(rpc, request, self.deadline()))

    def begin(self, rpc: Callable[[Stubs], Callable[..., _Call]], request: Any, deadline: Deadline) -> _Call:
        """Start a call with the time that is left.

        Raises:
            DeadlineExceeded: there is none.
            ClientClosed: the client was closed.
        """
        timeout = deadline.remaining()
        if timeout is not None and isinstance(request, ExecuteQueryRequest | StreamQueryRequest | ExecuteBatchRequest):
            tell_timeout(request.options, timeout)
        return self.connection.begin(rpc, request, timeout=timeout, metadata=self.options.metadata)
