"""What is wanted of a statement instead of its result: DESCRIBE, PLAN and PROFILE."""

from __future__ import annotations

from dataclasses import dataclass

from rowgate_server.core import describe, plans, raw
from rowgate_server.core.access import Access
from rowgate_server.core.describe import StatementDescription
from rowgate_server.core.plans import Engine, Plan
from rowgate_server.core.policy.guard import enter
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.raw_sql import check_statement, only_reads
from rowgate_server.core.query import QueryMode, QueryRequest, deadline_of
from rowgate_server.core.sqltext import ParsedStatement, bind, name_value, parse
from rowgate_server.core.sqltext.effects import READING
from rowgate_server.engines.beside import beside
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call
from rowgate_server.engines.results import Column, Completion, Result, Stats
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import current_principal
from rowgate_server.observability.ids import new_id

_LONG_ANSWER = 65_536
"""Characters of an answer that takes milliseconds to read: so long no other call should have to wait."""


@dataclass(frozen=True, slots=True)
class Explained:
    """What was told: with DESCRIBE a description and columns, otherwise a plan."""

    stats: Stats
    columns: tuple[Column, ...] = ()
    description: StatementDescription | None = None
    plan: Plan | None = None


class Explainer:
    """Describes statements and tells their plans, to those who may.

    Args:
        databases: every one that is served.
        access: decides who may.
    """

    def __init__(self, databases: Databases, access: Access) -> None:
        self._databases = databases
        self._access = access

    async def explain(self, request: QueryRequest) -> Explained:
        """What a mode other than EXECUTE asks for.

        Raises:
            RowgateError: from the text, the parameters, the limits or the database.
        """
        runs = request.options.mode is QueryMode.PROFILE and not request.options.read_only
        operation = Operation.RAW if runs else Operation.RAW_READ
        self._access.check(current_principal.get(), operation, self._databases.name_of(request.database))
        access, database = enter(self._databases, request.database)
        database = database.reading(request.options.reading)
        if only_reads(access):
            request = request._replace(options=request.options._replace(read_only=True))
        query_id = request.query_id or new_id()
        try:
            statement = _parse(database, request)
            if request.options.mode is QueryMode.PROFILE:
                check_statement(access, statement)
            return await _explain(database, request, statement, query_id)
        except RowgateError as error:
            # Of a profile too, where nothing is said of what became of it: then it was refused before it ran.
            if request.options.mode is not QueryMode.PROFILE or error.outcome is None:
                error.metadata["outcome"] = Outcome.NOT_RUN.value
            raise error.with_defaults(database=database.name, query_id=query_id) from error.__cause__


async def _explain(database: Database, request: QueryRequest, statement: ParsedStatement, query_id: str) -> Explained:
    explain = _describe if request.options.mode is QueryMode.DESCRIBE else _plan
    try:
        return await explain(database, request, statement, query_id)
    except RowgateError as error:
        raise name_value(error, statement, request.params, request.positional_params) from error.__cause__


async def _describe(database: Database, request: QueryRequest, statement: ParsedStatement, query_id: str) -> Explained:
    engine = engine_of(database)
    describe.check_describable(engine, statement)
    blank, valued = describe.bind_or_blank(statement, request.params, request.positional_params)
    call = _call(database, request, blank, query_id, reads=True, read_only=True)
    try:
        description, stats = await database.executor.describe(call, valued=valued)
    except RowgateError as error:
        if error.reason is Reason.INVALID_SQL and not valued and describe.may_be_operators(statement):
            error.with_defaults(hint="without values each ? is taken for a parameter; write ?? for the operator")
        raise
    plan = None
    if describe.needs_plan(engine, statement, description):
        plan = await _plan_or_none(database, engine, statement, blank, call)
    types = describe.types_of_placeholders(statement, request.params, request.positional_params, description.parameters)
    return Explained(
        stats,
        columns=description.columns,
        description=StatementDescription(
            parameters=describe.described_parameters(statement, types),
            only_reads=describe.only_reads(engine, statement, description, plan),
        ),
    )


async def _plan_or_none(
    database: Database, engine: Engine, statement: ParsedStatement, bound: BoundStatement, call: Call
) -> Plan | None:
    """The plan, as far as there is one: a NULL in the place of each value may be in a planner's way."""
    asking = plans.ask(engine, statement.keyword, bound, profile=False)
    call = Call(asking, call.deadline, call.limits, call.query_id, reads=True, read_only=True)
    try:
        result = await database.executor.run(call)
    except RowgateError:
        return None
    return await _read(engine, result)


async def _plan(database: Database, request: QueryRequest, statement: ParsedStatement, query_id: str) -> Explained:
    engine = engine_of(database)
    profile = request.options.mode is QueryMode.PROFILE
    bound = bind(statement, request.params, request.positional_params)
    asking = plans.ask(engine, statement.keyword, bound, profile=profile)
    if profile:
        raw.check(statement, read_only=_asked_to_read(database, request))
    call = _call(
        database,
        request,
        asking,
        query_id,
        reads=not profile or statement.keyword in READING,
        read_only=_asked_to_read(database, request) or (not profile and _can_be_planned_reading(engine, statement)),
    )
    try:
        result = await database.executor.run(call)
    except RowgateError as error:
        _count_from_the_statement(error, len(asking.fragments[0]) - len(bound.fragments[0]))
        if error.reason is Reason.READ_ONLY and not _asked_to_read(database, request):
            error.with_defaults(
                hint="a plan is made where nothing can be written, and a function of this statement writes"
            )
        raise
    stats = result.stats
    completion = Completion(warnings=stats.completion.warnings)
    return Explained(
        Stats(stats.query_id, stats.elapsed, row_count=0, completion=completion, replica=stats.replica),
        plan=await _read(engine, result),
    )


def _asked_to_read(database: Database, request: QueryRequest) -> bool:
    return request.options.read_only or database.bounds.read_only


def _can_be_planned_reading(engine: Engine, statement: ParsedStatement) -> bool:
    """Whether a session that refuses writes tells the plan.

    That is where it should be made: planners call functions whose result they take for constant, and MariaDB's calls
    even one that says that it writes. MySQL and MariaDB refuse there the plan of what may be a write itself.
    """
    return engine in (Engine.POSTGRESQL, Engine.SQLITE) or statement.keyword in ("SELECT", "TABLE", "VALUES")


def _count_from_the_statement(error: RowgateError, before: int) -> None:
    """A position of PostgreSQL's counts from the beginning of what was sent."""
    position = error.metadata.get("position")
    if position is not None:
        error.metadata["position"] = str(int(position) - before)


async def _read(engine: Engine, result: Result) -> Plan:
    if sum(len(cell) for row in result.rows for cell in row if isinstance(cell, str)) > _LONG_ANSWER:
        return await beside(plans.read, engine, result.rows)
    return plans.read(engine, result.rows)


def engine_of(database: Database) -> Engine:
    """Whose plans a database tells: MariaDB is known by its version, whatever the URL calls it."""
    if database.dialect is Dialect.POSTGRESQL:
        return Engine.POSTGRESQL
    if database.dialect is Dialect.SQLITE:
        return Engine.SQLITE
    version = database.availability.facts.version or database.scheme
    return Engine.MARIADB if "mariadb" in version.lower() else Engine.MYSQL


def _parse(database: Database, request: QueryRequest) -> ParsedStatement:
    return parse(request.sql, database.dialect, max_bytes=database.bounds.sql_bytes)


def _call(
    database: Database, request: QueryRequest, statement: BoundStatement, query_id: str, *, reads: bool, read_only: bool
) -> Call:
    """A call under the server's caps, and no others: half a plan is none."""
    bounds = database.bounds
    return Call(
        statement=statement,
        deadline=deadline_of(database, request, streaming=False),
        limits=bounds.unary(),
        query_id=query_id,
        reads=reads,
        read_only=read_only,
    )
