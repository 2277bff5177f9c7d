"""Which column of a table marks its deleted rows, and what the mark is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from rowgate_server.core.tables import Table, TableColumn, TableKind
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError

_FLAGS = frozenset({ValueType.BOOL, ValueType.INT, ValueType.UINT})


class Mark(Enum):
    """How a row is marked: a MOMENT where live rows have NULL, or a FLAG where live rows have NULL, 0 or false."""

    MOMENT = 1
    FLAG = 2


@dataclass(frozen=True, slots=True)
class SoftDeletes:
    """The soft-delete columns of one database.

    Attributes:
        column: of every table that has a column of that name; empty for none.
        by_table: of single tables, by `table` or `schema.table`; an empty column is none.
    """

    column: str = ""
    by_table: Mapping[str, str] = field(default_factory=dict)

    def column_of(self, table: Table) -> str | None:
        """The column that marks a table's deleted rows, if there is one.

        Raises:
            RowgateError: UNKNOWN_COLUMN: the table does not have what is configured; NOT_SUPPORTED: that can't tell
                which rows are deleted. They must not show, nor all others be hidden.
        """
        columns = {column.name: column for column in table.columns}
        name = next((self.by_table[key] for key in _keys(table) if key in self.by_table), None)
        if name is None:
            name = self.column if self.column in columns else ""
        if not name:
            return None
        if name not in columns:
            if table.kind is TableKind.VIEW:
                return None
            raise _misconfigured(Reason.UNKNOWN_COLUMN, "a column that it does not have", table, name)
        if mark_of(columns[name]) is Mark.MOMENT and not columns[name].nullable:
            raise _misconfigured(Reason.NOT_SUPPORTED, "a column that is never NULL", table, name)
        return name


def _keys(table: Table) -> tuple[str, str]:
    return f"{table.schema}.{table.name}", table.name


def _misconfigured(reason: Reason, words: str, table: Table, column: str) -> RowgateError:
    return RowgateError(
        reason,
        f"the gateway is configured to mark deleted rows of this table by {words}",
        table=table.name,
        column=column,
    )


def mark_of(column: TableColumn) -> Mark:
    """How a column marks rows; on SQLite its declared type says so."""
    declared = column.database_type.lower()
    if column.type in _FLAGS or (column.type is ValueType.DYNAMIC and ("int" in declared or "bool" in declared)):
        return Mark.FLAG
    return Mark.MOMENT
