"""What tables are asked within a transaction: its requests, where they would otherwise be calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar, cast

import grpc.aio

from rowgate._calls import Calls
from rowgate._connection import Connection, Stubs
from rowgate._exchange import Exchange
from rowgate._options import CallOptions
from rowgate._retry import Deadline
from rowgate.v1 import table_service_pb2 as pb
from rowgate.v1.query_service_pb2 import TransactRequest

_Response = TypeVar("_Response")

_KINDS: Final[Mapping[type, str]] = {
    pb.ListRowsRequest: "list_rows",
    pb.GetRowRequest: "get_row",
    pb.CountRowsRequest: "count_rows",
    pb.InsertRowsRequest: "insert_rows",
    pb.UpdateRowsRequest: "update_rows",
    pb.DeleteRowsRequest: "delete_rows",
}


@dataclass(frozen=True, slots=True)
class Requests:
    """Asks within a transaction. Nothing is asked twice: what fails is told, and the caller decides.

    Attributes:
        exchange: the transaction.
        calls: for what the transaction does not carry: which columns a table's primary key has.
        options: what goes with every statement.
    """

    exchange: Exchange
    calls: Calls
    options: CallOptions

    @property
    def connection(self) -> Connection:
        """The channel."""
        return self.calls.connection

    @property
    def database(self) -> str:
        """The database's name in the gateway's configuration; "" for the default one."""
        return self.calls.database

    def deadline(self) -> Deadline:
        """None of its own: the transaction has one."""
        return Deadline(None)

    async def ask(
        self,
        rpc: Callable[[Stubs], Callable[..., grpc.aio.UnaryUnaryCall[Any, _Response]]],
        request: Any,
        *,
        deadline: Deadline | None = None,
        repeatable: bool,
    ) -> _Response:
        """The answer to a request; `rpc` is the call that it would otherwise be.

        Raises:
            RowgateError: there is no answer.
        """
        kind = _KINDS.get(type(request))
        if kind is None:
            return await self.calls.ask(rpc, request, deadline=deadline, repeatable=repeatable)
        return cast("_Response", await self.exchange.ask(TransactRequest(**{kind: request})))

    async def ask_once(
        self, rpc: Callable[[Stubs], Callable[..., grpc.aio.UnaryUnaryCall[Any, _Response]]], request: Any
    ) -> _Response:
        """The answer to a request; `rpc` is the call that it would otherwise be.

        Raises:
            RowgateError: there is no answer.
        """
        return await self.ask(rpc, request, repeatable=False)


Asking: TypeAlias = Calls | Requests
"""What tables are asked through: calls of their own, or requests of a transaction."""
