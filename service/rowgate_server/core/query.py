"""Raw SQL: what an ExecuteQuery or StreamQuery means, from text and parameters to a call of the executor."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from enum import Enum
from types import MappingProxyType
from typing import NamedTuple

from rowgate_server.core import raw, undone
from rowgate_server.core.access import Access
from rowgate_server.core.policy.access import Access as DatabaseAccess
from rowgate_server.core.policy.guard import enter
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.raw_sql import check_statement, check_within, only_reads
from rowgate_server.core.sqltext import ParsedStatement, bind, name_value, parse
from rowgate_server.core.sqltext.effects import READING, alters
from rowgate_server.core.transactions.statements import check_held
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call
from rowgate_server.engines.results import Chunk, Result, Stats
from rowgate_server.engines.routing import PRIMARY, Reading
from rowgate_server.engines.values import BoundValue
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.ids import new_id

_WRITING = frozenset({"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE", "LOAD", "COPY", "CALL", "WITH"})
_INSERTING = frozenset({"INSERT", "REPLACE", "LOAD", "CALL", "WITH"})


class QueryMode(Enum):
    """What is wanted of a statement; `core/explain` does all but EXECUTE."""

    EXECUTE = 1
    DESCRIBE = 2
    PLAN = 3
    PROFILE = 4


class QueryOptions(NamedTuple):
    """Limits and labels of one statement. None: no limit of the caller's. `timeout` in seconds."""

    timeout: float | None = None
    max_rows: int | None = None
    max_bytes: int | None = None
    read_only: bool = False
    tag: str = ""
    mode: QueryMode = QueryMode.EXECUTE
    reading: Reading = PRIMARY


class QueryRequest(NamedTuple):
    """One statement, its parameters, and what bounds it.

    `call_timeout` is the seconds left until the call's own deadline; `query_id` the statement's name in logs, made
    here where it has none yet.
    """

    database: str
    sql: str
    params: Mapping[str, BoundValue] = MappingProxyType({})
    positional_params: Sequence[BoundValue] = ()
    options: QueryOptions = QueryOptions()
    call_timeout: float | None = None
    query_id: str = ""


class QueryRunner:
    """Runs raw SQL on the databases.

    Args:
        databases: every one that is served.
        altered: told the name of a database whose tables a statement may have made other.
        access: decides who may.
    """

    def __init__(self, databases: Databases, altered: Callable[[str], None], access: Access) -> None:
        self._databases = databases
        self._access = access
        self._altered = altered

    async def execute(self, request: QueryRequest) -> Result:
        """The whole result.

        Raises:
            RowgateError: from the text, the parameters, the limits or the database.
        """
        access, database = self._allowed(request)
        request = _within_rights(access, request)
        statement, call = self._prepare(database, access, request, streaming=False)
        try:
            result = await database.reading(request.options.reading).executor.run(call)
        except RowgateError as error:
            await undone.look(database, statement, error, call.deadline)
            _explain(error, statement, request)
            raise error.with_defaults(database=database.name, query_id=call.query_id) from error.__cause__
        finally:
            self._note(database, statement)
        stats = told(result.stats, statement, returned=bool(result.columns))
        return result if stats is result.stats else result._replace(stats=stats)

    async def stream(
        self, request: QueryRequest, cells_per_chunk: int, *, within: Database | None = None
    ) -> AsyncGenerator[Chunk, None]:
        """The result chunk by chunk; close it to end the statement early.

        Args:
            request: what to run.
            cells_per_chunk: the most that a chunk may have.
            within: the view of a database whose statements run in a transaction, be the database served no more;
                None: in one of its own.

        Raises:
            RowgateError: from the text, the parameters, the limits or the database.
        """
        access, database = self._allowed(request, within)
        if within is None:
            request = _within_rights(access, request)
        else:
            check_within(access, transaction_reads=request.options.read_only)
        statement, call = self._prepare(database, access, request, streaming=True, held=within is not None)
        returned = False
        chunks = database.reading(request.options.reading).executor.stream(call, cells_per_chunk)
        try:
            async for chunk in chunks:
                returned = returned or chunk.columns is not None
                if chunk.stats is None:
                    yield chunk
                else:
                    yield chunk._replace(stats=told(chunk.stats, statement, returned=returned))
        except RowgateError as error:
            if within is None:
                await undone.look(database, statement, error, call.deadline)
            _explain(error, statement, request)
            raise error.with_defaults(database=database.name, query_id=call.query_id) from error.__cause__
        finally:
            await chunks.aclose()
            self._note(database, statement)

    def altered(self, database: str) -> None:
        """A transaction was committed that may have changed what tables there are."""
        self._altered(database)

    def database_name(self, name: str) -> str:
        """The name of the database that a request means, for the log."""
        return self._databases.name_of(name)

    def stream_deadline(self, request: QueryRequest) -> Deadline:
        """When a stream must be over, its reader's own slowness included.

        Raises:
            RowgateError: PERMISSION_DENIED, UNKNOWN_DATABASE.
        """
        return deadline_of(self._allowed(request)[1], request, streaming=True)

    def _allowed(self, request: QueryRequest, within: Database | None = None) -> tuple[DatabaseAccess | None, Database]:
        """What the caller may do with the database, and the database as far as it may."""
        operation = Operation.RAW_READ if request.options.read_only else Operation.RAW
        databases = self._databases if within is None else self._databases.only(within)
        self._access.check(current_principal.get(), operation, databases.name_of(request.database))
        return enter(databases, request.database)

    def _note(self, database: Database, statement: ParsedStatement) -> None:
        """Whatever became of it: what failed at last may have done its work."""
        if alters(statement):
            self._altered(database.name)

    def _prepare(
        self,
        database: Database,
        access: DatabaseAccess | None,
        request: QueryRequest,
        *,
        streaming: bool,
        held: bool = False,
    ) -> tuple[ParsedStatement, Call]:
        bounds, options = database.bounds, request.options
        query_id = request.query_id or new_id()
        try:
            statement = parse(request.sql, database.dialect, max_bytes=bounds.sql_bytes)
            check_statement(access, statement)
            if held:
                check_held(statement)
            raw.check(statement, read_only=options.read_only or bounds.read_only)
            bound = bind(statement, request.params, request.positional_params)
        except RowgateError as error:
            raise error.with_defaults(
                database=database.name, query_id=query_id, outcome=Outcome.NOT_RUN.value
            ) from None
        deadline = deadline_of(database, request, streaming=streaming)
        limits = (bounds.streamed if streaming else bounds.unary)(options.max_rows, options.max_bytes)
        reads = statement.keyword in READING
        # A transaction is read-only as a whole, or not at all.
        read_only = not held and (options.read_only or bounds.read_only)
        operation = database.statements.streams if streaming else database.statements.of(statement.keyword)
        return statement, Call(bound, deadline, limits, query_id, reads, read_only, operation=operation)


def _within_rights(access: DatabaseAccess | None, request: QueryRequest) -> QueryRequest:
    """The request, where nothing can be written if its caller may only read.

    Raises:
        RowgateError: PERMISSION_DENIED: it may run no SQL of its own.
    """
    return request._replace(options=request.options._replace(read_only=True)) if only_reads(access) else request


def deadline_of(database: Database, request: QueryRequest, *, streaming: bool) -> Deadline:
    """When a statement must be over: the least of the caller's limits and the server's."""
    return deadline_for(database, request.call_timeout, request.options, streaming=streaming)


def deadline_for(database: Database, call_timeout: float | None, options: QueryOptions, *, streaming: bool) -> Deadline:
    """The same for whatever has such options."""
    bounds = database.bounds
    limit = (
        (bounds.stream_timeout, database.stream_limit)
        if streaming
        else (bounds.statement_timeout, database.statement_limit)
    )
    return Deadline.soonest(
        of_call(call_timeout),
        (options.timeout, "options.timeout"),
        limit,
    )


def _explain(error: RowgateError, statement: ParsedStatement, request: QueryRequest) -> None:
    """Add what only the statement's text and its parameters tell."""
    name_value(error, statement, request.params, request.positional_params)
    meant_as_operators = bool(request.positional_params) or not statement.cuts.optional_questions
    if error.reason is Reason.INVALID_SQL and statement.positional and not meant_as_operators:
        error.with_defaults(hint="a ? is a parameter where positional_params are given, and otherwise an operator")


def may_alter(sql: str, dialect: Dialect) -> bool:
    """Whether it is a statement that may change what tables there are and what they look like."""
    try:
        return alters(parse(sql, dialect))
    except RowgateError:
        return False  # it is not run


def told(stats: Stats, statement: ParsedStatement, *, returned: bool) -> Stats:
    """The stats with the counts that mean something for this kind of statement, and no others."""
    completion = stats.completion
    if completion.affected_rows is None and completion.last_insert_id is None and statement.keyword not in _WRITING:
        return stats
    affected = completion.affected_rows if statement.keyword in _WRITING else None
    if affected is None and returned and statement.keyword in _WRITING - {"WITH", "CALL"} and stats.truncation is None:
        affected = stats.row_count  # a RETURNING clause gives a row for each
    last_insert_id = completion.last_insert_id if statement.keyword in _INSERTING else None
    if last_insert_id is not None and last_insert_id <= 0:
        last_insert_id = None  # 0 is none; SQLite's rowids may be negative, and uint64 has no place for them
    return stats._replace(completion=completion._replace(affected_rows=affected, last_insert_id=last_insert_id or None))
