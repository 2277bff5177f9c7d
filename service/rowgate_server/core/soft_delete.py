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
            RowgateError: UNKNOWN_COLUMN: the table does not have what is configured. Its deleted rows must not show.
        """
        names = {column.name for column in table.columns}
        for name in (f"{table.schema}.{table.name}", table.name):
            column = self.by_table.get(name)
            if column is not None:
                if column and column not in names and table.kind is TableKind.TABLE:
                    raise RowgateError(
                        Reason.UNKNOWN_COLUMN,
                        "the gateway is configured to mark deleted rows by a column that the table does not have",
                        table=table.name,
                        column=column,
                    )
                return column or None
        return self.column if self.column in names else None


def mark_of(column: TableColumn) -> Mark:
    """How a column marks rows; on SQLite its declared type says so."""
    declared = column.database_type.lower()
    if column.type in _FLAGS or (column.type is ValueType.DYNAMIC and ("int" in declared or "bool" in declared)):
        return Mark.FLAG
    return Mark.MOMENT
