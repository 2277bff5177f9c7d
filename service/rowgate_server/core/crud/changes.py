"""UpdateRows and DeleteRows: all rows that are meant, or none."""

from __future__ import annotations

from typing import NamedTuple

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.changing import Change, Changing
from rowgate_server.core.crud.inserts import plan_returning
from rowgate_server.core.crud.marks import mark
from rowgate_server.core.crud.masking import masked
from rowgate_server.core.crud.meant import plan_meant
from rowgate_server.core.crud.plans import Values
from rowgate_server.core.crud.reads import hidden_by
from rowgate_server.core.crud.requests import Rows
from rowgate_server.core.crud.row_values import RowValues, plan_values, value_field
from rowgate_server.core.crud.write_requests import DeleteRows, Meant, UpdateRows
from rowgate_server.core.crud.writing import Writing
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.table_cache import TableCache
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import RowgateError


class TableChanger:
    """Changes and deletes rows.

    Args:
        tables: knows them.
        reads: makes SELECTs.
        writes: makes UPDATEs and DELETEs.
    """

    def __init__(self, tables: TableCache, reads: Compiler, writes: WriteCompiler) -> None:
        self._tables = tables
        self._reads = reads
        self._writes = writes

    async def update(self, request: UpdateRows) -> Rows:
        """Change the rows that are meant.

        Raises:
            RowgateError: whatever is wrong with the request or the database.
        """

        async def work(database: Database, table: KnownTable, deadline: Deadline) -> Rows:
            new = plan_values(table, request.values)
            found = await self._change(
                _Where(database, table, deadline, Operation.UPDATE),
                request.meant,
                new,
                request.returning,
                dry_run=request.dry_run,
            )
            hidden = hidden_by(table, include_deleted=request.meant.include_deleted)
            return found._replace(soft_delete_column=hidden)

        name = request.table
        return await self._tables.use(name[:3], name.call_timeout, (Operation.UPDATE,), work)

    async def delete(self, request: DeleteRows) -> Rows:
        """Delete the rows that are meant, or mark them where the table has a column for that.

        Raises:
            RowgateError: whatever is wrong with the request or the database.
        """

        async def work(database: Database, table: KnownTable, deadline: Deadline) -> Rows:
            column = table.soft_delete
            new = None if column is None else {column.name: mark(table, column)}
            found = await self._change(
                _Where(database, table, deadline, Operation.DELETE),
                request.meant,
                new,
                request.returning,
                dry_run=request.dry_run,
            )
            return found._replace(soft_delete_column=hidden_by(table, include_deleted=False))

        name = request.table
        return await self._tables.use(name[:3], name.call_timeout, (Operation.DELETE,), work)

    async def _change(
        self, where: _Where, meant: Meant, new: RowValues | None, returning: tuple[str, ...], *, dry_run: bool
    ) -> Rows:
        table, values = where.table, Values()
        planned = plan_meant(table, meant, values, where.operation)
        wanted = plan_returning(table, returning, ())
        writing = Writing(where.database, table.whole, where.deadline, wanted)
        writing.check_allowed()
        change = Change(planned, values, new, wanted, dry_run, marks=where.operation is Operation.DELETE)
        try:
            written = await Changing(self._reads, self._writes, writing, table, change).run()
        except RowgateError as error:
            raise _placed(error, new or {}) from error.__cause__
        shown = masked(table, wanted, written.columns, written.rows)
        return Rows(*shown, writing.stats(written.affected, len(written.rows)))


class _Where(NamedTuple):
    database: Database
    table: KnownTable
    deadline: Deadline
    operation: Operation


def _placed(error: RowgateError, new: RowValues) -> RowgateError:
    """With the field at fault, where the database names a column that has a new value."""
    column = error.metadata.get("column")
    if error.field is None and column is not None and column in new:
        error.field = value_field(column, None)
    return error
