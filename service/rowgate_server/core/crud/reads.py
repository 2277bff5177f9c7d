"""GetRow and CountRows, and what all reading has in common."""

from __future__ import annotations

from collections.abc import Sequence

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.crud.conditions import live, plan_filter, visible
from rowgate_server.core.crud.counts import count
from rowgate_server.core.crud.filters import Filter
from rowgate_server.core.crud.keys import plan_key
from rowgate_server.core.crud.masking import masked
from rowgate_server.core.crud.plans import Condition, SelectPlan, Values, both
from rowgate_server.core.crud.requests import Count, CountMode, CountRows, GetRow, Rows
from rowgate_server.core.crud.running import run
from rowgate_server.core.known_table import KnownTable, not_one_row
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.table_cache import TableCache
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import Outcome, Reason, RowgateError


class TableReader:
    """Reads single rows and numbers of rows.

    Args:
        tables: knows them.
        compiler: makes SQL of plans.
    """

    def __init__(self, tables: TableCache, compiler: Compiler) -> None:
        self._tables = tables
        self._compiler = compiler

    async def get_row(self, request: GetRow) -> Rows:
        """The one row of a key.

        Raises:
            RowgateError: ROW_NOT_FOUND, and whatever is wrong with the request or the database.
        """

        async def work(database: Database, table: KnownTable, deadline: Deadline) -> Rows:
            values = Values()
            columns = plan_columns(table, request.columns)
            allowed = visible(table, values, Operation.READ)
            where = both(plan_key(table, request.key, values), allowed)
            if not request.include_deleted:
                where = both(where, live(table, values))
            statement = self._compiler.select(table, SelectPlan(columns, where), values.taken)
            result = await run(database, statement, deadline)
            if not result.rows:
                raise RowgateError(Reason.ROW_NOT_FOUND, "no row has this key", field="key", table=table.name)
            if len(result.rows) > 1:
                raise not_one_row(table)
            shown = masked(table, columns, result.columns, result.rows)
            return Rows(*shown, result.stats, hidden_by(table, include_deleted=request.include_deleted))

        name = request.table
        return await self._tables.use(name[:3], name.call_timeout, (Operation.READ,), work, name.reading)

    async def count_rows(self, request: CountRows) -> Count:
        """How many rows there are.

        Raises:
            RowgateError: whatever is wrong with the request or the database.
        """

        async def work(database: Database, table: KnownTable, deadline: Deadline) -> Count:
            values = Values()
            where = plan_rows(table, request.filter, values, include_deleted=request.include_deleted)
            number, estimated, stats = await count(
                self._compiler, database, table, where, values, request.count, deadline
            )
            return Count(number, estimated, stats, hidden_by(table, include_deleted=request.include_deleted))

        if request.count is CountMode.NONE:
            raise RowgateError(Reason.INVALID_REQUEST, "NONE counts nothing", field="count", outcome=Outcome.NOT_RUN)
        name = request.table
        return await self._tables.use(name[:3], name.call_timeout, (Operation.READ,), work, name.reading)


def plan_columns(table: KnownTable, columns: Sequence[str], field: str = "columns") -> tuple[str, ...]:
    """The columns to answer with, all of them where none is named.

    Raises:
        RowgateError: UNKNOWN_COLUMN, or INVALID_REQUEST for a column that is named twice.
    """
    if not columns:
        return table.readable
    for index, name in enumerate(columns):
        table.read(name, f"{field}[{index}]")
        if name in columns[:index]:
            raise RowgateError(
                Reason.INVALID_REQUEST, "the column is named twice", field=f"{field}[{index}]", outcome=Outcome.NOT_RUN
            )
    return tuple(columns)


def plan_rows(table: KnownTable, wanted: Filter | None, values: Values, *, include_deleted: bool) -> Condition:
    """The rows that are meant: those of a filter that the caller may read, and that are not marked as deleted.

    Raises:
        RowgateError: as `plan_filter`.
    """
    allowed = visible(table, values, Operation.READ)
    where = both(plan_filter(table, wanted, values), allowed)
    return where if include_deleted else both(where, live(table, values))


def hidden_by(table: KnownTable, *, include_deleted: bool) -> str:
    """The column by which rows were left out; empty for none, and where the caller does not know it."""
    column = table.soft_delete
    return column.name if column is not None and column.name in table.columns and not include_deleted else ""
