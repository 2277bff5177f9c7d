"""The client: `connect`, and what can be asked of a database."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Self, TypeVar, Unpack

import grpc
import grpc.aio

from rowgate._calls import Calls
from rowgate._connection import Connection, StreamCall, Tls
from rowgate._credentials import Credentials, Token
from rowgate._encode import encode_named, encode_positional
from rowgate._errors import InvalidParameter, InvalidSql, Outcome, ProtocolError
from rowgate._options import DEFAULT_TIMEOUT, CallOptions, Metadata, OptionChanges
from rowgate._plans import Plan, StatementDescription
from rowgate._results import Result
from rowgate._retry import DEFAULT_RETRY, Deadline, Retry, run
from rowgate._schema import DatabaseInfo, Table, TableKind, TableSummary
from rowgate._stream import RowStream
from rowgate._table import TableRows
from rowgate.v1 import query_service_pb2 as query_pb
from rowgate.v1 import schema_service_pb2 as schema_pb

_Request = TypeVar("_Request", query_pb.ExecuteQueryRequest, query_pb.StreamQueryRequest)

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


class Database:
    """One database of a gateway, with the options that calls to it have.

    Made by `connect`, `using` and `with_options`; cheap, immutable, and safe to share between tasks.
    """

    def __init__(self, connection: Connection, database: str, options: CallOptions) -> None:
        self._calls = Calls(connection, database, options)

    def using(self, database: str) -> Database:
        """A view of another database, over the same connection and with the same options."""
        return Database(self._calls.connection, database, self._calls.options)

    def with_options(self, **changes: Unpack[OptionChanges]) -> Database:
        """A view of the same database with other options; what is left out stays as it is.

        Args:
            **changes: `timeout`, `retry`, `metadata`, `max_rows`, `max_bytes`, `read_only`, `tag`: see `OptionChanges`.

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
        request = self._statement(query_pb.ExecuteQueryRequest, sql, positional, named)
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
        request = self._statement(query_pb.StreamQueryRequest, sql, positional, named)

        async def start() -> tuple[StreamCall, query_pb.StreamQueryResponse]:
            deadline = self._calls.deadline()
            return await run(
                lambda: self._open_stream(request, deadline),
                retry=self._calls.options.retry,
                deadline=deadline,
                repeatable=self._calls.options.read_only,
            )

        return RowStream(self._calls.connection, start)

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

    async def databases(self) -> list[DatabaseInfo]:
        """The databases that the gateway serves, by name.

        Raises:
            RowgateError: the gateway does not tell.
        """
        request = schema_pb.ListDatabasesRequest()
        response = await self._calls.ask(
            lambda stubs: stubs.schema.ListDatabases,
            request,
            repeatable=True,
        )
        return [DatabaseInfo.from_wire(database) for database in response.databases]

    async def tables(
        self, pattern: str = "", *, schema: str | None = None, kind: TableKind | None = None
    ) -> list[TableSummary]:
        """The tables and views of one schema, by name; all of them, in as many calls as that takes.

        Args:
            pattern: only names that match, whole, regardless of case: `*` is any run of characters, `?` any one.
            schema: None: the database's default one.
            kind: only tables, or only views.

        Raises:
            RowgateError: the gateway does not tell.
        """
        deadline = self._calls.deadline()
        request = schema_pb.ListTablesRequest(
            database=self._calls.database,
            schema=schema or "",
            name_pattern=pattern,
            kind=schema_pb.TableKind.Value(f"TABLE_KIND_{kind or 'UNSPECIFIED'}"),
        )
        tables: list[TableSummary] = []
        while True:
            page = await self._calls.ask(
                lambda stubs: stubs.schema.ListTables, request, deadline=deadline, repeatable=True
            )
            tables.extend(map(TableSummary.from_wire, page.tables))
            if not page.next_page_token:
                return tables
            request.page_token = page.next_page_token

    async def describe(self, table: str, *, schema: str | None = None) -> Table:
        """One table or view: its columns, keys, indexes and checks.

        Args:
            table: its name, as the database writes it.
            schema: None: the database's default one.

        Raises:
            UnknownTable: there is none.
            RowgateError: the gateway does not tell.
        """
        request = schema_pb.GetTableRequest(database=self._calls.database, schema=schema or "", table=table)
        response = await self._calls.ask(lambda stubs: stubs.schema.GetTable, request, repeatable=True)
        return Table.from_wire(response.table)

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
        request = self._statement(query_pb.ExecuteQueryRequest, sql, positional, named)
        request.options.mode = mode
        return await self._calls.ask(
            lambda stubs: stubs.query.ExecuteQuery,
            request,
            repeatable=self._calls.options.read_only or mode != query_pb.QUERY_MODE_PROFILE,
        )

    def _statement(self, kind: type[_Request], sql: str, positional: Sequence[Any], named: dict[str, Any]) -> _Request:
        if positional and named:
            raise InvalidParameter("a statement takes values for `?` or for `:name`, not both", outcome=Outcome.NOT_RUN)
        try:
            return kind(
                database=self._calls.database,
                sql=sql,
                params=encode_named(named),
                positional_params=encode_positional(positional),
                options=self._calls.options.to_wire(),
            )
        except UnicodeEncodeError:
            raise InvalidSql(
                "the SQL, or a parameter's name, has a lone surrogate, which UTF-8 has no form for",
                outcome=Outcome.NOT_RUN,
            ) from None

    async def _open_stream(
        self, request: query_pb.StreamQueryRequest, deadline: Deadline
    ) -> tuple[StreamCall, query_pb.StreamQueryResponse]:
        """A call and its first message: up to there it may be made again."""
        call = self._calls.begin(lambda stubs: stubs.query.StreamQuery, request, deadline)
        first = await self._calls.connection.next_message(call)
        if first is None:
            raise ProtocolError("the stream ended before its first message")
        return call, first


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
