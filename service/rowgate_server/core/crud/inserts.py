"""InsertRows: all rows or none, many in a statement, answered in the order in which they came."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.batches import Batch, batches
from rowgate_server.core.crud.conflicts import ConflictPlan, plan_conflict
from rowgate_server.core.crud.reads import plan_columns
from rowgate_server.core.crud.requests import Rows
from rowgate_server.core.crud.row_values import RowValues, plan_rows, value_field
from rowgate_server.core.crud.statements import InsertStatements, Written
from rowgate_server.core.crud.upserts import Upserts
from rowgate_server.core.crud.write_requests import EVERY_COLUMN, ConflictAction, Inserted, InsertRows
from rowgate_server.core.crud.writing import Writing
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.table_cache import TableCache
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import Outcome, Reason, RowgateError

_MANY = 500
_TRIES = 3
"""Of an upsert that the database ends to break a deadlock with another: it is short, and has changed nothing."""


class _Planned(NamedTuple):
    rows: list[RowValues]
    returning: tuple[str, ...]
    conflict: ConflictPlan
    dry_run: bool


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
            rows = await _planned(table, request)
            conflict = plan_conflict(table, request.on_conflict, rows)
            returning = plan_returning(table, request.returning, _key_of(table))
            if returning and len(rows) > database.bounds.unary_rows:
                raise _too_many(database.bounds.unary_rows)
            planned = _Planned(rows, returning, conflict, request.dry_run)
            tries = _TRIES
            while True:
                tries -= 1
                try:
                    return await self._insert(Writing(database, table, deadline, returning), table, planned)
                except RowgateError as error:
                    if error.reason is not Reason.DEADLOCK or not tries or conflict.action is ConflictAction.ERROR:
                        raise _placed(error, rows) from error.__cause__

        name = request.table
        return await self._tables.use(name[:3], name.call_timeout, work)

    async def _insert(self, writing: Writing, table: KnownTable, planned: _Planned) -> Inserted:
        writing.check_allowed()
        statements = InsertStatements(self._reads, self._writes, writing, table, planned.returning)
        parts = _parts(statements, table, planned)
        written = Written()
        if planned.conflict.action is not ConflictAction.ERROR:
            upserts = Upserts(self._reads, self._writes, statements, writing, table, planned.conflict)
            async with writing.transaction(dry_run=planned.dry_run) as transaction:
                for part in parts:
                    await upserts.write(transaction, part, written)
                await statements.describe(written)
        elif len(parts) == 1 and not planned.dry_run and not statements.reads_back:
            await statements.insert(parts[0], written)
        else:
            async with writing.transaction(dry_run=planned.dry_run):
                for part in parts:
                    await statements.insert(part, written)
        stats = writing.stats(written.affected, len(written.rows))
        return Inserted(Rows(written.columns, written.rows, stats), tuple(written.ignored))


def plan_returning(table: KnownTable, wanted: Sequence[str], default: tuple[str, ...]) -> tuple[str, ...]:
    """The columns to answer with.

    Raises:
        RowgateError: UNKNOWN_COLUMN or INVALID_REQUEST, with the field at fault.
    """
    if not wanted:
        return default
    if tuple(wanted) == (EVERY_COLUMN,) and EVERY_COLUMN not in table.columns:
        return tuple(table.columns)
    return plan_columns(table, wanted, "returning")


async def _planned(table: KnownTable, request: InsertRows) -> list[RowValues]:
    """In a thread where there are many: no other call should have to wait for milliseconds."""
    if len(request.rows) > _MANY:
        return await asyncio.to_thread(plan_rows, table, request.rows)
    return plan_rows(table, request.rows)


def _key_of(table: KnownTable) -> tuple[str, ...]:
    return table.primary_key.columns if table.primary_key is not None else ()


def _parts(statements: InsertStatements, table: KnownTable, planned: _Planned) -> list[Batch]:
    """The statements; one for each row where several could not be told apart in the answer."""
    alike = planned.conflict.action is ConflictAction.UPDATE
    parts = list(batches(table.dialect, planned.rows, alike=alike))
    return [
        single
        for part in parts
        for single in (
            (part,) if statements.keeps_order(part.rows) and not statements.reads_back else tuple(part.singles())
        )
    ]


def _placed(error: RowgateError, rows: Sequence[RowValues]) -> RowgateError:
    """With the field at fault, where the database names a column and it is clear in which row."""
    column = error.metadata.get("column")
    if column and error.reason is Reason.NOT_NULL_VIOLATION:
        index = next((index for index, row in enumerate(rows) if column not in row), None)
        error.field = error.field or (None if index is None else value_field(column, index))
    if len(rows) == 1:
        error.field = error.field or (value_field(column, 0) if column in rows[0] else "rows[0]")
    return error


def _too_many(limit: int) -> RowgateError:
    return RowgateError(
        Reason.RESULT_TOO_LARGE,
        f"the answer would have more rows than a unary answer may have ({limit} rows)",
        field="rows",
        limit=f"{limit} rows",
        outcome=Outcome.NOT_RUN,
        hint="insert fewer rows with a call",
    )
