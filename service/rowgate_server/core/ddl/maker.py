"""CreateTable and DropTable: whether they are allowed, whether there is such a table, and running what was written.

On PostgreSQL and SQLite all statements are one transaction; on MySQL, which has no such thing for tables, there is one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.core.ddl.writing import TableWriter, moved, understood
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
        _check_described(order.table)
        source = order.source or database.dialect
        other = source is not database.dialect
        table = moved(understood(order.table, source), order.schema, other=other)
        statements = tuple(TableWriter(table, source, database.dialect).statements())
        if order.dry_run:
            return Made(None, created=False, statements=statements)
        deadline = _deadline(database, order.call_timeout)
        found = await self._found(database, order, deadline)
        if found is None:
            try:
                await self._run(database, statements, deadline)
            except RowgateError as error:
                # Somebody else may have made it since.
                found = await self._found(database, order, deadline)
                if found is None:
                    raise error.with_defaults(database=database.name, table=order.table.name) from error.__cause__
            else:
                made = await self._found(database, order, deadline)
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
        place = ".".join(quoted(part, database.dialect) for part in (schema, found.name) if part)
        try:
            await self._run(database, (f"DROP TABLE {place}",), deadline)
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
            if error.reason is Reason.UNKNOWN_TABLE and error.field == "table":
                return None
            raise

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


def _check_described(table: Table) -> None:
    if not table.name:
        raise RowgateError(Reason.INVALID_REQUEST, "no table is named", field="table.name", outcome=Outcome.NOT_RUN)
    if table.kind is TableKind.VIEW:
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "this describes a view, and only tables are made",
            field="table.kind",
            outcome=Outcome.NOT_RUN,
        )
    if not table.columns:
        raise RowgateError(
            Reason.INVALID_REQUEST, "the table has no columns", field="table.columns", outcome=Outcome.NOT_RUN
        )
    _check_names(table)
    for number, index in enumerate(table.indexes):
        if index.partial:
            raise RowgateError(
                Reason.NOT_SUPPORTED,
                "an index of some rows only is not made from its description, which does not tell which",
                field=f"table.indexes[{number}]",
                outcome=Outcome.NOT_RUN,
            )


def _check_names(table: Table) -> None:
    """SQLite takes a quoted name that is no column's for text."""
    known = {column.name for column in table.columns}
    groups = [("table.primary_key", table.primary_key.columns)] if table.primary_key is not None else []
    groups += [(f"table.unique_constraints[{n}]", key.columns) for n, key in enumerate(table.unique_constraints)]
    groups += [(f"table.foreign_keys[{n}]", key.columns) for n, key in enumerate(table.foreign_keys)]
    for number, index in enumerate(table.indexes):
        groups.append((f"table.indexes[{number}]", tuple(part.text for part in index.parts if not part.expression)))
    for field, names in groups:
        for name in names:
            if name not in known:
                raise RowgateError(
                    Reason.UNKNOWN_COLUMN,
                    "the table has no column of that name",
                    field=field,
                    outcome=Outcome.NOT_RUN,
                    column=name,
                )


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
