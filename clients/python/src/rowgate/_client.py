"""The client: `connect`, and what can be asked of a database."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self, Unpack

import grpc
import grpc.aio

from rowgate._admin_calls import AdminCalls
from rowgate._calls import Calls
from rowgate._connection import Connection, Tls
from rowgate._credentials import Credentials, Token
from rowgate._errors import ProtocolError
from rowgate._options import DEFAULT_TIMEOUT, CallOptions, Metadata, OptionChanges
from rowgate._plans import Plan, StatementDescription
from rowgate._results import Result
from rowgate._retry import DEFAULT_RETRY, Deadline, Retry, run
from rowgate._schema_calls import SchemaCalls
from rowgate._statements import statement
from rowgate._stream import CallSource, RowStream
from rowgate._table import TableRows
from rowgate._together import Together
from rowgate.v1 import query_service_pb2 as query_pb

DEFAULT_MAX_MESSAGE_BYTES: Final = 64 * 1024 * 1024


def connect(
    target: str,
    *,
    database: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    retry: Retry | None = DEFAULT_RETRY,
    tls: Tls | grpc.ChannelCredentials | None = None,
    token: Token | None = None,
    credentials_in_plaintext: bool = False,
    metadata: Metadata | None = None,
    max_message_bytes: int = DEFAULT_MAX_MESSAGE_BYTES,
) -> Client:
    """A client of the gateway at an address. Nothing is sent before the first call.

    Args:
        target: `host:port`, or `dns:///host:port` to spread calls over all the host's addresses.
        database: the database to ask, by its name in the gateway's configuration; None: the gateway's default one.
        timeout: seconds for a whole call, its retries included; None: no limit of the client's.
        retry: when to make a call again; None: never.
        tls: how to encrypt; None: plaintext.
        token: an API key or a bearer's token; or a function that gives one, asked before every call: let it keep it.
        credentials_in_plaintext: whether credentials may be sent unencrypted, which otherwise is refused.
        metadata: gRPC metadata to send with every call.
        max_message_bytes: the largest answer to take; a whole result of `query` is one answer.

    Raises:
        ValueError: an argument is out of range, or the token would be sent unencrypted.
    """
    if not target:
        raise ValueError("target must be an address")
    if max_message_bytes < 1:
        raise ValueError("max_message_bytes must be 1 or more")
    options = CallOptions(timeout=timeout, retry=retry).changed({"metadata": metadata or {}})
    credentials = Credentials(token, credentials_in_plaintext)
    if isinstance(token, str):
        credentials.metadata({}, encrypted=tls is not None or target.startswith("unix:"))
    return Client(Connection(target, tls, max_message_bytes, credentials), database or "", options)


class Database(Together, SchemaCalls, AdminCalls):
    """One database of a gateway, with the options that calls to it have.

    Made by `connect`, `using` and `with_options`; cheap, immutable, and safe to share between tasks.
    """

    def __init__(self, connection: Connection, database: str, options: CallOptions) -> None:
        super().__init__(Calls(connection, database, options))

    def using(self, database: str) -> Database:
        """A view of another database, over the same connection and with the same options."""
        return Database(self._calls.connection, database, self._calls.options)

    def with_options(self, **changes: Unpack[OptionChanges]) -> Database:
        """A view of the same database with other options; what is left out stays as it is.

        Args:
            **changes: `timeout`, `retry`, `metadata`, `max_rows`, `max_bytes`, `read_only`, `tag`, `route`,
                `max_staleness`: see `OptionChanges`.

        Raises:
            TypeError: there is no such option.
            ValueError: one is out of range.
        """
        return Database(self._calls.connection, self._calls.database, self._calls.options.changed(changes))

    async def query(self, sql: str, /, *positional: Any, **named: Any) -> Result:
        """Run one statement, in a transaction of its own, and answer with its whole result.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order.
            **named: values for `:name`. Any name is free: options go through `with_options`.

        Raises:
            RowgateError: there is no result.
        """
        request = statement(query_pb.ExecuteQueryRequest, self._calls, sql, positional, named)
        response = await self._calls.ask(
            lambda stubs: stubs.query.ExecuteQuery,
            request,
            repeatable=self._calls.options.read_only,
        )
        return Result.from_wire(response.result, response.stats)

    def stream(self, sql: str, /, *positional: Any, **named: Any) -> RowStream:
        """Run one statement, and read its rows while they arrive.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order.
            **named: values for `:name`.

        Raises:
            RowgateError: the statement can't be sent. Whatever comes later is raised by the stream.
        """
        request = statement(query_pb.StreamQueryRequest, self._calls, sql, positional, named)

        async def start() -> tuple[CallSource, query_pb.StreamQueryResponse]:
            deadline = self._calls.deadline()
            return await run(
                lambda: self._open_stream(request, deadline),
                retry=self._calls.options.retry,
                deadline=deadline,
                repeatable=self._calls.options.read_only,
            )

        return RowStream(start)

    def table(self, name: str, *, schema: str | None = None) -> TableRows:
        """The rows of a table or view, to read and write without SQL. Nothing is sent.

        Args:
            name: its name, exactly as the database writes it.
            schema: None: the database's default one.

        Raises:
            TypeError: a name is no text.
            InvalidParameter: a name is empty, or can't be sent.
        """
        return TableRows.of(self._calls, name, schema)

    async def explain(self, sql: str, /, *positional: Any, **named: Any) -> Plan:
        """The database's plan of a statement, which is not run; for these values of its parameters.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order.
            **named: values for `:name`.

        Raises:
            NotSupported: the database has no plans of such statements.
            RowgateError: there is no plan.
        """
        return await self._planned(query_pb.QUERY_MODE_PLAN, sql, positional, named)

    async def profile(self, sql: str, /, *positional: Any, **named: Any) -> Plan:
        """Run one statement, **writes included**, and answer with its plan and what was measured, not with its result.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order.
            **named: values for `:name`.

        Raises:
            NotSupported: the database does not measure such statements; SQLite measures none.
            RowgateError: there is no profile.
        """
        return await self._planned(query_pb.QUERY_MODE_PROFILE, sql, positional, named)

    async def describe_statement(self, sql: str, /, *positional: Any, **named: Any) -> StatementDescription:
        """A statement's parameters and columns, and whether it only reads. It is not run.

        Args:
            sql: one statement, in the database's own dialect.
            *positional: values for `?`, in order; may be left out.
            **named: values for `:name`; may be left out, all or none.

        Raises:
            RowgateError: the database does not take the statement, or does not describe it.
        """
        response = await self._look_into(query_pb.QUERY_MODE_DESCRIBE, sql, positional, named)
        if not response.HasField("description"):
            raise ProtocolError("the gateway did not describe the statement")
        return StatementDescription.from_wire(response)

    async def _planned(
        self, mode: query_pb.QueryMode.ValueType, sql: str, positional: Sequence[Any], named: dict[str, Any]
    ) -> Plan:
        response = await self._look_into(mode, sql, positional, named)
        if not response.HasField("plan"):
            raise ProtocolError("the gateway did not tell a plan")
        return Plan.from_wire(response)

    async def _look_into(
        self, mode: query_pb.QueryMode.ValueType, sql: str, positional: Sequence[Any], named: dict[str, Any]
    ) -> query_pb.ExecuteQueryResponse:
        """What a mode other than EXECUTE answers; of these only PROFILE changes anything."""
        request = statement(query_pb.ExecuteQueryRequest, self._calls, sql, positional, named)
        request.options.mode = mode
        return await self._calls.ask(
            lambda stubs: stubs.query.ExecuteQuery,
            request,
            repeatable=self._calls.options.read_only or mode != query_pb.QUERY_MODE_PROFILE,
        )

    async def _open_stream(
        self, request: query_pb.StreamQueryRequest, deadline: Deadline
    ) -> tuple[CallSource, query_pb.StreamQueryResponse]:
        """A call and its first message: up to there it may be made again."""
        call = self._calls.begin(lambda stubs: stubs.query.StreamQuery, request, deadline)
        first = await self._calls.connection.next_message(call)
        if first is None:
            raise ProtocolError("the stream ended before its first message")
        return CallSource(self._calls.connection, call), first


class Client(Database):
    """A database of a gateway, and the connection to that gateway; made by `connect`.

    It belongs to the event loop that it is first used in. `async with` closes it.
    """

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close the connection; twice is fine. Calls that are under way end with ClientClosed, on views as well."""
        await self._calls.connection.close()
