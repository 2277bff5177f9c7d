"""Whether rows that were written are still rows that their caller may write: asked before the write is kept.

The database itself compares, with the values that the rows have now: what triggers and defaults have made of them too.
"""

from __future__ import annotations

from collections.abc import Sequence

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.crud.conditions import visible
from rowgate_server.core.crud.keyset import bound_cell
from rowgate_server.core.crud.many_keys import any_of, parts
from rowgate_server.core.crud.plans import SelectPlan, Values, both
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.writing import Writing
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.access import denied
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import Key
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError


def filtered(table: KnownTable, operations: Sequence[Operation]) -> bool:
    """Whether the caller may do any of that with some rows only."""
    access = table.access
    return access is not None and any(access.rows(operation) is not None for operation in operations)


def whole_key(table: KnownTable) -> Key | None:
    """A key that each row has, the primary one first; SQLite lets NULLs into that, where it is no row's number."""
    return next(
        (
            key
            for key in table.keys
            if key is table.primary_key or not any(table.columns[name].nullable for name in key.columns)
        ),
        None,
    )


def telling_key(table: KnownTable) -> Key:
    """The key by which rows that were written are found again.

    Raises:
        RowgateError: NOT_SUPPORTED: there is none, so what is written could not be checked.
    """
    key = whole_key(table.whole)
    if key is None or any(table.whole.columns[name].type is ValueType.LIST for name in key.columns):
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "the caller may write some rows of this table only, and the table has no key by which it could be checked "
            "which ones were written",
            field="table",
            outcome=Outcome.NOT_RUN,
            table=table.name,
        )
    return key


def keys_of(key: Key, columns: Sequence[Column], rows: Sequence[Row]) -> list[RowValues]:
    """The values of a key, of rows whose cells these are."""
    return [
        {name: bound_cell(column.type, cell) for name, column, cell in zip(key.columns, columns, row, strict=True)}
        for row in rows
    ]


class RowCheck:
    """Asks for the rows of one write.

    Args:
        reads: makes SELECTs.
        writing: runs them, in the transaction of the write.
        table: what was written to, as its caller may know it.
    """

    def __init__(self, reads: Compiler, writing: Writing, table: KnownTable) -> None:
        self._reads = reads
        self._writing = writing
        self.table = table

    async def check(self, key: Key, keys: Sequence[RowValues], operations: Sequence[Operation]) -> None:
        """Refuse rows that the caller may not do all of that with.

        Raises:
            RowgateError: PERMISSION_DENIED; nothing of the write is kept.
        """
        different = list({tuple(row[name] for name in key.columns): row for row in keys}.values())
        for part in parts(different):
            values = Values()
            allowed = (visible(self.table, values, operation) for operation in operations)
            where = both(any_of(key, part, values), *allowed)
            statement = self._reads.select(self.table, SelectPlan((), where, counted=True), values.taken)
            result = await self._writing.run(statement, reads=True)
            if result.rows[0][0] != len(part):
                error = denied("write rows that it may not see, or make of others what it may not")
                error.metadata["outcome"] = Outcome.ROLLED_BACK.value
                raise error

    async def check_met(self, key: Key, rows: Sequence[RowValues]) -> None:
        """Refuse to change rows that are there, and that the caller may not change; they are locked.

        Raises:
            RowgateError: PERMISSION_DENIED; nothing of the write is kept.
        """
        if rows and filtered(self.table, (Operation.UPDATE,)):
            await self.check(key, rows, (Operation.UPDATE,))
