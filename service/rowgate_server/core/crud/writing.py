"""Running the statements of one write: by itself in a transaction of its own, or several in one.

Values go in strictly, see `ExecuteMode`. What the database has against a view is told as what it is.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.core.explain import engine_of
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.plans import Engine
from rowgate_server.core.tables import TableKind
from rowgate_server.core.undone import have_transactions
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Completion, Result, StatementWarning, Stats
from rowgate_server.engines.transaction import Transaction
from rowgate_server.engines.values import AnyStatement, BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.ids import new_id

_HAS_TRANSACTIONS = (
    "SELECT e.TRANSACTIONS FROM information_schema.TABLES t, information_schema.ENGINES e WHERE t.TABLE_SCHEMA = ",
    " AND t.TABLE_NAME = ",
    " AND e.ENGINE = t.ENGINE",
)
"""Of a view there is nothing."""
_READING = "SELECT 1 FROM {schema}.sqlite_master LIMIT 1"
_NO_SUCH_WRITE = frozenset({Reason.INVALID_SQL, Reason.NOT_SUPPORTED})


class Writing:
    """One write on one table.

    Args:
        database: where.
        table: on what.
        deadline: when it must be over.
        returning: the columns that its statements return.
    """

    def __init__(self, database: Database, table: KnownTable, deadline: Deadline, returning: tuple[str, ...]) -> None:
        self._database = database
        self._table = table
        self._deadline = deadline
        self._floats = any(table.columns[name].database_type.startswith("float") for name in returning)
        self._transaction: Transaction | None = None
        self._warnings: list[StatementWarning] = []
        self._elapsed = 0.0
        self.query_id = new_id()
        self.engine = engine_of(database)

    @property
    def returns(self) -> bool:
        """Whether an INSERT or a DELETE can return rows."""
        return self.engine is not Engine.MYSQL

    @property
    def update_returns(self) -> bool:
        """Whether an UPDATE can."""
        return self.engine in (Engine.POSTGRESQL, Engine.SQLITE)

    @property
    def locks(self) -> str:
        """What makes a SELECT lock the rows that it finds. On SQLite the transaction has locked them all."""
        return "" if self.engine is Engine.SQLITE else " FOR UPDATE"

    @property
    def undoable(self) -> bool:
        """Whether what has been run is not committed yet."""
        return self._transaction is not None

    def check_allowed(self) -> None:
        """Refuse to write where the configuration says that nothing is written.

        Raises:
            RowgateError: READ_ONLY.
        """
        if self._database.bounds.read_only:
            raise RowgateError(
                Reason.READ_ONLY, "the gateway is configured to write nothing to this database", outcome=Outcome.NOT_RUN
            )

    async def check_undoable(self) -> None:
        """Refuse to try what could not be undone: MyISAM and Aria keep what a transaction rolls back.

        Raises:
            RowgateError: NOT_SUPPORTED.
        """
        if self._database.dialect is not Dialect.MYSQL:
            return
        table = self._table.described
        names = (BoundValue(ValueType.STRING, table.schema), BoundValue(ValueType.STRING, table.name))
        result = await self.run(BoundStatement(_HAS_TRANSACTIONS, names), reads=True)
        if any(row[0] != "YES" for row in result.rows):
            raise RowgateError(
                Reason.NOT_SUPPORTED,
                "the table's storage engine has no transactions, so nothing of this could be undone",
                field="table",
                outcome=Outcome.NOT_RUN,
                table=table.name,
            )

    @property
    def view_of_sqlite(self) -> bool:
        """Whether RETURNING may answer with rows that are not written.

        SQLite before 3.41 takes it for a trigger that does the write, where a view has none.
        """
        return self.engine is Engine.SQLITE and self._table.described.kind is TableKind.VIEW

    async def explain(self, statement: BoundStatement) -> None:
        """Have SQLite refuse a statement without running it.

        Raises:
            RowgateError: what it has against it.
        """
        if self._transaction is None:
            async with self.transaction(dry_run=True):
                return await self.explain(statement)
        # A connection learns of triggers that another has made when it reads next; EXPLAIN reads nothing.
        reading = _READING.format(schema=quoted(self._table.described.schema, Dialect.SQLITE))
        await self.run(BoundStatement((reading,), ()), reads=True)
        first, *others = statement.fragments
        await self.run(BoundStatement((f"EXPLAIN {first}", *others), statement.values), reads=True)
        return None

    @asynccontextmanager
    async def transaction(self, *, dry_run: bool) -> AsyncIterator[Transaction]:
        """What runs in it is done together, or with `dry_run` undone."""
        if dry_run:
            await self.check_undoable()
        async with self._database.executor.transaction(TransactionOptions(), self._deadline) as transaction:
            self._transaction = transaction
            yield transaction
            if not dry_run:
                await self._database.executor.keep(transaction)
        self._transaction = None

    async def run(
        self,
        statement: AnyStatement,
        *,
        reads: bool = False,
        locks: bool = False,
        answers: bool = True,
        own: bool = False,
    ) -> Result:
        """Run a statement: in the transaction, or in one of its own.

        Args:
            statement: what to run.
            reads: whether it only reads.
            locks: whether it locks the rows that it finds.
            answers: whether its rows are bounded as an answer's: not where they are no more than the request's.
            own: whether the rows are for the gateway alone, and no limit of the caller's role counts them.

        Raises:
            RowgateError: what the database has against it.
        """
        if locks and isinstance(statement, BoundStatement):
            statement = statement._replace(fragments=(*statement.fragments[:-1], statement.fragments[-1] + self.locks))
        call = self._call(statement, reads=reads, bounded=answers and self._transaction is not None, own=own)
        try:
            if self._transaction is None:
                result = await self._database.executor.run(call)
            else:
                result = await self._transaction.run(call)
        except RowgateError as error:
            if not (reads or self._transaction is not None or self._database.in_transaction):
                await self._look(error)
            raise self._explained(error) from error.__cause__
        self._warnings += result.stats.completion.warnings
        self._elapsed += result.stats.elapsed
        return result

    async def _look(self, error: RowgateError) -> None:
        """See whether a statement that failed by itself was undone. Within a caller's transaction that told already."""
        if error.outcome != Outcome.ROLLED_BACK or self._database.dialect is not Dialect.MYSQL:
            return
        table = self._table.described
        if not await have_transactions(self._database, [(table.schema, table.name)], self._deadline):
            error.metadata["outcome"] = Outcome.UNKNOWN.value

    def stats(self, affected: int, returned: int) -> Stats:
        """The figures of the whole."""
        completion = Completion(affected_rows=affected, warnings=tuple(self._warnings))
        return Stats(self.query_id, self._elapsed, returned, completion)

    def _call(self, statement: AnyStatement, *, reads: bool, bounded: bool, own: bool) -> Call:
        bounds = self._database.bounds
        # By itself it is committed before its rows are counted: too many of them must have been refused before.
        limits = bounds.own() if own else bounds.unary()
        return Call(
            statement=statement,
            deadline=self._deadline,
            limits=limits if bounded else ResultLimits(),
            query_id=self.query_id,
            reads=reads,
            strict=True,
            typed=True,
            floats=self._floats,
            # The gateway wrote it, and begins with its first word.
            operation=self._database.statements.of(statement.fragments[0].partition(" ")[0]),
        )

    def _explained(self, error: RowgateError) -> RowgateError:
        defaults = {"query_id": self.query_id}
        if self._table.described.kind is not TableKind.VIEW or error.reason not in _NO_SUCH_WRITE:
            return error.with_defaults(**defaults)
        refusal = RowgateError(
            Reason.NOT_SUPPORTED,
            "the database does not write to this view",
            field="table",
            table=self._table.name,
            hint="write to the tables behind it",
        )
        return refusal.with_defaults(**error.metadata, **defaults)


def affected(result: Result) -> int:
    """The rows that a statement inserted, changed or deleted: as counted, or as returned."""
    if result.columns:
        return len(result.rows)
    return result.stats.completion.affected_rows or 0
