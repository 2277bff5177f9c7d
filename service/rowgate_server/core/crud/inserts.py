"""InsertRows: all rows or none, many in a statement, answered in the order in which they came."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.batches import Batch, batches
from rowgate_server.core.crud.conflict_parts import ConflictParts
from rowgate_server.core.crud.conflicts import ConflictPlan, plan_conflict
from rowgate_server.core.crud.masking import masked
from rowgate_server.core.crud.reads import plan_columns
from rowgate_server.core.crud.requests import Rows
from rowgate_server.core.crud.row_checks import RowCheck, filtered, keys_of, telling_key
from rowgate_server.core.crud.row_columns import RowColumns
from rowgate_server.core.crud.row_columns import plan_columns as plan_row_columns
from rowgate_server.core.crud.row_values import RowValues, plan_rows, value_field
from rowgate_server.core.crud.statements import InsertStatements, Written
from rowgate_server.core.crud.upserts import Upserts
from rowgate_server.core.crud.write_requests import EVERY_COLUMN, ConflictAction, Inserted, InsertRows
from rowgate_server.core.crud.writing import Writing
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.table_cache import TableCache
from rowgate_server.core.tables import Key
from rowgate_server.engines.beside import beside
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.errors import Outcome, Reason, RowgateError

_MANY = 500
_TRIES = 5
"""Of an upsert that the database ends to break a deadlock with another: it is short, and has changed nothing."""


class _Planned(NamedTuple):
    """A request; without a conflict plan, a key that is there is an error.

    `checked`: what the caller may do with some rows only, where it is to be seen that it was done with these.
    """

    rows: list[RowValues] | RowColumns
    returning: tuple[str, ...]
    conflict: ConflictPlan | None
    dry_run: bool
    checked: tuple[Operation, ...] = ()


class TableInserter:
    """Inserts rows.

    Args:
        tables: knows them.
        reads: makes SELECTs.
        writes: makes INSERTs and UPDATEs.
    """

    def __init__(self, tables: TableCache, reads: Compiler, writes: WriteCompiler) -> None:
        self._tables = tables
        self._reads = reads
        self._writes = writes

    async def insert(self, request: InsertRows) -> Inserted:
        """Insert all the rows, or none.

        Raises:
            RowgateError: whatever is wrong with the request or the database.
        """

        async def work(database: Database, table: KnownTable, deadline: Deadline) -> Inserted:
            returning = plan_returning(table, request.returning, _key_of(table))
            checked = _checked(table, request, returning)
            if returning or checked:
                _check_count(len(request.rows), database.bounds.unary())
            if len(request.rows) > _MANY:
                planned = await beside(_planned, table, request, returning)
            else:
                planned = _planned(table, request, returning)
            planned = planned._replace(checked=checked)
            tries = _TRIES
            while True:
                tries -= 1
                try:
                    return await self._insert(database, deadline, table, planned)
                except RowgateError as error:
                    if error.reason is not Reason.DEADLOCK or not tries or planned.conflict is None:
                        if len(planned.rows) > 1 and error.outcome == Outcome.ROLLED_BACK.value:
                            await _tell_kept(error, Writing(database, table.whole, deadline, ()))
                        raise _placed(error, planned.rows) from error.__cause__

        name = request.table
        operations = (Operation.INSERT, Operation.UPDATE) if _updates(request) else (Operation.INSERT,)
        return await self._tables.use(name[:3], name.call_timeout, operations, work)

    async def _insert(self, database: Database, deadline: Deadline, table: KnownTable, planned: _Planned) -> Inserted:
        key = telling_key(table) if planned.checked else None
        wanted = tuple(dict.fromkeys((*planned.returning, *(key.columns if key else ()))))
        writing = Writing(database, table.whole, deadline, wanted)
        writing.check_allowed()
        if key is not None:
            await writing.check_undoable()
        statements = InsertStatements(self._reads, self._writes, writing, table.whole, wanted)
        written = Written()
        parts = _parts(statements, table, planned) if planned.conflict is None else []
        if planned.conflict is not None:
            if len(planned.rows) > 1:
                await writing.check_undoable()
            check = RowCheck(self._reads, writing, table)
            upserts = Upserts(ConflictParts(self._reads, self._writes, statements, writing, check, planned.conflict))
            async with writing.transaction(dry_run=planned.dry_run) as transaction:
                for batch in _batches(table, planned):
                    await upserts.write(transaction, batch, written)
                await statements.describe(written)
                await self._check(writing, table, planned, key, wanted, written)
        elif len(parts) == 1 and not planned.dry_run and not statements.reads_back and key is None:
            await statements.insert(parts[0], written)
        else:
            async with writing.transaction(dry_run=planned.dry_run):
                for part in parts:
                    await statements.insert(part, written)
                await self._check(writing, table, planned, key, wanted, written)
        width = len(planned.returning)
        columns, rows = written.columns[:width], written.rows
        if len(wanted) > width:
            rows = [row[:width] for row in rows] if width else []
        columns, rows = masked(table, planned.returning, columns, rows)
        return Inserted(Rows(columns, rows, writing.stats(written.affected, len(rows))), tuple(written.ignored))

    async def _check(
        self,
        writing: Writing,
        table: KnownTable,
        planned: _Planned,
        key: Key | None,
        wanted: tuple[str, ...],
        written: Written,
    ) -> None:
        """Refuse all of it, if the caller may not write one of the rows, or not see what is answered of it."""
        if key is None or not written.rows:
            return
        places = [wanted.index(name) for name in key.columns]
        columns = [written.columns[place] for place in places]
        keys = keys_of(key, columns, [[row[place] for place in places] for row in written.rows])
        await RowCheck(self._reads, writing, table).check(key, keys, planned.checked)


async def _tell_kept(error: RowgateError, writing: Writing) -> None:
    """Promise nothing of the rows before the one at fault, where the database cannot undo them."""
    try:
        await writing.check_undoable()
    except RowgateError:  # so it is, or it cannot be asked
        error.metadata["outcome"] = Outcome.UNKNOWN.value


def plan_returning(table: KnownTable, wanted: Sequence[str], default: tuple[str, ...]) -> tuple[str, ...]:
    """The columns to answer with.

    Raises:
        RowgateError: UNKNOWN_COLUMN or INVALID_REQUEST, with the field at fault.
    """
    if not wanted:
        return default
    if tuple(wanted) == (EVERY_COLUMN,) and EVERY_COLUMN not in table.columns:
        return table.readable
    return plan_columns(table, wanted, "returning")


def _planned(table: KnownTable, request: InsertRows, returning: tuple[str, ...]) -> _Planned:
    """In a thread where there are many rows: no other call should have to wait for milliseconds."""
    given = request.rows
    if isinstance(given, RowColumns):
        if request.on_conflict.action is ConflictAction.ERROR:
            columns = plan_row_columns(table, given)
            if columns is not None:
                plan_conflict(table, request.on_conflict, ())
                return _Planned(columns, returning, None, request.dry_run)
        given = tuple(given.rows())
    rows = plan_rows(table, given)
    conflict = plan_conflict(table, request.on_conflict, rows)
    plain = conflict.action is ConflictAction.ERROR
    return _Planned(rows, returning, None if plain else conflict, request.dry_run)


def _key_of(table: KnownTable) -> tuple[str, ...]:
    """What is answered with where nothing is asked for: not of rows that the caller may write and not read."""
    key, access = table.described.primary_key, table.access
    if key is None:
        return ()
    if access is not None and access.rows(Operation.READ) is not None:
        # By their text: And and Or of the same filters are the same tuple.
        alike = repr(access.rows(Operation.READ)) == repr(access.rows(Operation.INSERT))
        return key.columns if alike else ()
    return key.columns


def _updates(request: InsertRows) -> bool:
    return request.on_conflict.action is ConflictAction.UPDATE


def _checked(table: KnownTable, request: InsertRows, returning: tuple[str, ...]) -> tuple[Operation, ...]:
    """What must be allowed with each row that is there in the end; nothing where it is with every row."""
    operations = [Operation.INSERT]
    if _updates(request):
        operations.append(Operation.UPDATE)
    if returning:
        operations.append(Operation.READ)
    return tuple(operations) if filtered(table, operations) else ()


def _parts(statements: InsertStatements, table: KnownTable, planned: _Planned) -> list[Batch] | list[RowColumns]:
    """The statements; one for each row where several could not be told apart in the answer."""
    rows = planned.rows
    if isinstance(rows, RowColumns):
        if statements.keeps_order(rows) and not statements.reads_back:
            return list(rows.parts(table))
        planned = planned._replace(rows=rows.rows())
    return [
        single
        for part in _batches(table, planned)
        for single in ((part,) if statements.keeps_order(part) and not statements.reads_back else part.singles())
    ]


def _batches(table: KnownTable, planned: _Planned) -> Iterator[Batch]:
    rows = planned.rows.rows() if isinstance(planned.rows, RowColumns) else planned.rows
    alike = planned.conflict is not None and planned.conflict.action is ConflictAction.UPDATE
    return batches(table.dialect, rows, alike=alike)


def _placed(error: RowgateError, rows: list[RowValues] | RowColumns) -> RowgateError:
    """With the field at fault, where the database names a column and it is clear in which row."""
    column = error.metadata.get("column")
    if error.field is not None:
        return error
    each: Sequence[Mapping[str, object]] = [dict.fromkeys(rows.names)] if isinstance(rows, RowColumns) else rows
    if column and error.reason is Reason.NOT_NULL_VIOLATION:
        index = next((index for index, row in enumerate(each) if column not in row), None)
        error.field = None if index is None else value_field(column, index)
    if error.field is None and len(rows) == 1:
        error.field = value_field(column, 0) if column and column in each[0] else "rows[0]"
    return error


def _check_count(rows: int, limits: ResultLimits) -> None:
    most = limits.cap_rows
    if most is None or rows <= most:
        return
    bound = "the caller's role" if limits.role_rows else "a unary answer"
    raise RowgateError(
        Reason.RESULT_TOO_LARGE,
        f"the answer would have more rows than {bound} may have ({most} rows)",
        field="rows",
        limit=f"{most} rows",
        outcome=Outcome.NOT_RUN,
        hint="insert fewer rows with a call",
    )
