"""CreateTable and DropTable: whether they are allowed, whether there is such a table, and running what was written.

On PostgreSQL and SQLite all statements are one transaction; on MySQL, which has no such thing for tables, there is one.
A table that then can't be described is dropped again: whoever is told that it was not made finds none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.core.ddl.neighbours import referring_tables, stored_name
from rowgate_server.core.ddl.writing import TableWriter, moved, understood
from rowgate_server.core.policy.access import Access
from rowgate_server.core.policy.guard import check_whole, enter
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import Table, TableKind
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.ids import new_id

_MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class TableOrder:
    """A table to be made. `source` is the engine it is written for; None: the one that it is made on."""

    database: str
    schema: str
    table: Table
    source: Dialect | None = None
    if_not_exists: bool = False
    dry_run: bool = False
    call_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """What became of an order; the table is None after a dry run."""

    table: Table | None
    created: bool
    statements: tuple[str, ...]


class TableMaker:
    """Makes and drops tables.

    Args:
        databases: every one that is served, as far as the caller may go.
        catalog: tells what is there.
        allowed: by the databases' names.
        changed: told of each database whose tables have changed.
    """

    def __init__(
        self, databases: Databases, catalog: Catalog, allowed: Mapping[str, bool], changed: Callable[[str], None]
    ) -> None:
        self._databases = databases
        self._catalog = catalog
        self._allowed = allowed
        self._changed = changed

    async def create(self, order: TableOrder, *, configured: bool = False) -> Made:
        """Make a table.

        Args:
            order: which.
            configured: it is the configuration that asks for it, and no caller.

        Raises:
            RowgateError: PERMISSION_DENIED, DDL_NOT_ALLOWED, TABLE_EXISTS, INVALID_REQUEST, and what the database has
                against it.
        """
        access, database = enter(self._databases, order.database)
        check_whole(access, Operation.DDL)
        self._check(database, allowed=configured)
        source = order.source or database.dialect
        other = source is not database.dialect
        table = moved(understood(order.table, source) if other else order.table, order.schema, other=other)
        writer = TableWriter(table, source, database.dialect, mariadb=_is_mariadb(database))
        statements = tuple(writer.statements())
        if order.dry_run:
            return Made(None, created=False, statements=statements)
        deadline = _deadline(database, order.call_timeout)
        found = await self._found(database, order, deadline)
        if found is None:
            try:
                await self._run(database, statements, deadline)
            except RowgateError as error:
                # Somebody else may have made it since; where it is not known who has, nobody is told so.
                known = error.outcome != Outcome.UNKNOWN and deadline.remaining() > 0
                found = await self._found(database, order, deadline) if known else None
                if found is None:
                    raise error.with_defaults(database=database.name, table=order.table.name) from error.__cause__
            else:
                made = await self._described(database, order, deadline)
                return Made(made, created=True, statements=statements)
        if order.if_not_exists:
            return Made(found, created=False, statements=())
        raise RowgateError(
            Reason.TABLE_EXISTS,
            "the database has already a table or view of that name",
            field="table.name",
            outcome=Outcome.NOT_RUN,
            database=database.name,
            table=order.table.name,
        )

    async def drop(
        self, database_name: str, schema: str, table: str, *, if_exists: bool, call_timeout: float | None
    ) -> bool:
        """Drop a table; False if there was none, and that is no error.

        Raises:
            RowgateError: PERMISSION_DENIED, DDL_NOT_ALLOWED, UNKNOWN_TABLE, NOT_SUPPORTED for a view, and what the
                database has against it.
        """
        access, database = enter(self._databases, database_name)
        check_whole(access, Operation.DDL)
        self._check(database)
        deadline = _deadline(database, call_timeout)
        try:
            found = await self._catalog.get_table(database.name, schema, table, deadline.remaining())
        except RowgateError as error:
            if if_exists and error.reason is Reason.UNKNOWN_TABLE and error.field == "table":
                return False
            raise
        if found.kind is TableKind.VIEW:
            raise RowgateError(
                Reason.NOT_SUPPORTED,
                "this is a view, and only tables are dropped",
                field="table",
                outcome=Outcome.NOT_RUN,
                hint="drop it with SQL",
            )
        referring = await referring_tables(database, found.schema, found.name, deadline)
        if referring:
            raise RowgateError(
                Reason.FOREIGN_KEY_VIOLATION,
                "a foreign key of another table refers to this one",
                field="table",
                outcome=Outcome.NOT_RUN,
                database=database.name,
                table=table,
                hint=_referring_hint(database, access, referring),
            )
        try:
            await self._run(database, (_dropping(database, schema, found.name),), deadline)
        except RowgateError as error:
            raise error.with_defaults(database=database.name, table=table) from error.__cause__
        return True

    def _check(self, database: Database, *, allowed: bool = False) -> None:
        if not (allowed or self._allowed[database.name]):
            raise RowgateError(
                Reason.DDL_NOT_ALLOWED,
                "the gateway is configured to let nobody make or drop tables in this database",
                outcome=Outcome.NOT_RUN,
                database=database.name,
                limit=f"databases.{database.name}.catalog.ddl",
            )
        if database.bounds.read_only:
            raise RowgateError(
                Reason.READ_ONLY, "the gateway is configured to write nothing to this database", outcome=Outcome.NOT_RUN
            )

    async def _found(self, database: Database, order: TableOrder, deadline: Deadline) -> Table | None:
        try:
            return await self._catalog.get_table(database.name, order.schema, order.table.name, deadline.remaining())
        except RowgateError as error:
            if error.reason is not Reason.UNKNOWN_TABLE or error.field != "table":
                raise
        if database.dialect is not Dialect.SQLITE:
            return None
        name = await stored_name(database, order.schema, order.table.name, deadline)
        if name is None:
            return None
        return await self._catalog.get_table(database.name, order.schema, name, deadline.remaining())

    async def _described(self, database: Database, order: TableOrder, deadline: Deadline) -> Table | None:
        """The table that was made; it is dropped where that can't be told, and that is the answer."""
        try:
            return await self._catalog.get_table(database.name, order.schema, order.table.name, deadline.remaining())
        except RowgateError as error:
            error.metadata["outcome"] = Outcome.ROLLED_BACK.value
            try:
                # It was made in time, and there may be no time left.
                again = Deadline.soonest((database.bounds.statement_timeout, database.statement_limit))
                await self._run(database, (_dropping(database, order.schema, order.table.name),), again)
            except RowgateError:
                error.metadata["outcome"] = Outcome.UNKNOWN.value
            raise error.with_defaults(database=database.name, table=order.table.name) from error.__cause__

    async def _run(self, database: Database, statements: tuple[str, ...], deadline: Deadline) -> None:
        try:
            if len(statements) == 1:
                await database.executor.run(_call(database, statements[0], deadline))
                return
            async with database.executor.transaction(TransactionOptions(), deadline) as transaction:
                for statement in statements:
                    await transaction.run(_call(database, statement, deadline))
                await transaction.commit()
        finally:
            self._changed(database.name)


def _referring_hint(database: Database, access: Access | None, referring: Sequence[tuple[str, str]]) -> str:
    """Those that the caller may know of."""
    default = database.availability.facts.default_schema
    known = [name for schema, name in referring if access is None or access.sees(schema, name, default)]
    return f"drop {', '.join(known[:_MOST_NAMED]) or 'that one'} first, or its foreign key"


def _is_mariadb(database: Database) -> bool:
    """The URL may call either by the other's name."""
    version = database.availability.facts.version
    return "mariadb" in version.lower() if version else database.scheme == "mariadb"


def _dropping(database: Database, schema: str, table: str) -> str:
    place = ".".join(quoted(part, database.dialect) for part in (schema, table) if part)
    return f"DROP TABLE {place}"


def _deadline(database: Database, call_timeout: float | None) -> Deadline:
    return Deadline.soonest(of_call(call_timeout), (database.bounds.statement_timeout, database.statement_limit))


def _call(database: Database, sql: str, deadline: Deadline) -> Call:
    return Call(
        statement=BoundStatement((sql,), ()),
        deadline=deadline,
        limits=ResultLimits(),
        query_id=new_id(),
        reads=False,
        strict=True,
        operation=database.statements.of(sql.partition(" ")[0]),
    )
