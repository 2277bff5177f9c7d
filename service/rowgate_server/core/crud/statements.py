"""The statements of an insert: rows in, the wanted columns of them back, in the same order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import Conflict, InsertPlan, WriteCompiler
from rowgate_server.core.crud.batches import Batch
from rowgate_server.core.crud.plans import FALSE, Condition, SelectPlan, Term, Test, Values, both
from rowgate_server.core.crud.returned import in_order, telling_columns
from rowgate_server.core.crud.row_columns import RowColumns
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.writing import Writing, affected
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.plans import Engine
from rowgate_server.core.tables import Key
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import AnyStatement, BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError


@dataclass(slots=True)
class Written:
    """What was inserted or changed so far."""

    columns: tuple[Column, ...] = ()
    rows: list[Row] = field(default_factory=list)
    affected: int = 0
    ignored: list[int] = field(default_factory=list)

    def add(self, columns: tuple[Column, ...], rows: Sequence[Row], count: int) -> None:
        """Note what a statement did."""
        self.columns = columns or self.columns
        self.rows += rows
        self.affected += count


class InsertStatements:
    """Inserts batches of one write.

    Args:
        reads: makes SELECTs.
        writes: makes INSERTs.
        writing: runs them.
        table: what is written to.
        returning: the columns wanted back.
    """

    def __init__(
        self,
        reads: Compiler,
        writes: WriteCompiler,
        writing: Writing,
        table: KnownTable,
        returning: tuple[str, ...],
    ) -> None:
        self._reads = reads
        self._writes = writes
        self._writing = writing
        self._table = table
        self._returning = returning

    @property
    def returning(self) -> tuple[str, ...]:
        """The columns wanted back."""
        return self._returning

    @property
    def reads_back(self) -> bool:
        """Whether what was inserted has to be asked for afterwards."""
        return bool(self._returning) and not self._writing.returns

    def keeps_order(self, part: Batch | RowColumns) -> bool:
        """Whether rows inserted together can come back in order."""
        if not self._returning or len(part) == 1 or self._writing.engine is Engine.MARIADB:
            return True
        return self._writing.returns and bool(self._telling(part))

    async def insert(self, part: Batch | RowColumns, written: Written, conflict: Conflict | None = None) -> int:
        """Insert rows, and answer how many that were."""
        if self.reads_back and isinstance(part, Batch):
            return await self._insert_and_read(part, written)
        telling = self._telling(part)
        hidden = tuple(name for name in telling if name not in self._returning)
        if self._returning and self._writing.view_of_sqlite:
            await self._explain(part)
        result = await self._writing.run(self._statement(part, self._returning + hidden, conflict))
        rows, columns = result.rows, result.columns
        if telling and len(rows) == len(part):
            rows = in_order(rows, self._returning + hidden, telling, part.keys(telling))
        if hidden:
            width = len(self._returning)
            columns, rows = columns[:width], [row[:width] for row in rows]
        written.add(columns, rows, affected(result))
        return affected(result)

    async def insert_unless_there(self, batch: Batch, key: Key, written: Written, conflict: Conflict) -> bool:
        """Insert the rows that meet none; whether it is told which they are. Else they are in, and to be taken out."""
        given = {cells: place for place, cells in enumerate(batch.keys(key.columns))}
        if len(given) < len(batch):
            return False
        statement = self._statement(batch, (*self._returning, *key.columns), conflict)
        result = await self._writing.run(statement, answers=False)
        width = len(self._returning)
        inserted = {given.get(tuple(row[width:])): row[:width] for row in result.rows}
        if None in inserted or len(inserted) < len(result.rows):  # a trigger has changed them
            return False
        places = range(len(batch))
        rows = [inserted[place] for place in places if place in inserted] if width else []
        written.add(result.columns[:width], rows, len(inserted))
        written.ignored += [batch.first + place for place in places if place not in inserted]
        return True

    async def _explain(self, part: Batch | RowColumns) -> None:
        names = part.names if isinstance(part, RowColumns) else part.columns
        missing = [BoundValue(ValueType.NULL, None)] * len(names)
        await self._writing.explain(self._writes.insert(self._table, InsertPlan(tuple(names)), [missing]))

    def _telling(self, part: Batch | RowColumns) -> tuple[str, ...]:
        if not self._returning:
            return ()
        names = telling_columns(self._table, len(part), part.given())
        if len(names) > 1 and isinstance(part, RowColumns):
            name = part.apart(self._table)
            return names if name is None else (name,)
        return names

    def _statement(
        self, part: Batch | RowColumns, returning: tuple[str, ...], conflict: Conflict | None
    ) -> AnyStatement:
        if isinstance(part, RowColumns):
            pieces = self._writes.insert_columns(self._table, InsertPlan(part.names, returning, conflict))
            return part.bound(self._table, *pieces)
        part = part.ordered(self._table.columns)
        return self._writes.insert(self._table, InsertPlan(part.columns, returning, conflict), part.cells())

    async def read(self, key: Key, row: RowValues) -> tuple[tuple[Column, ...], Sequence[Row]]:
        """The wanted columns of the row that has these values in a key."""
        if not self._returning:
            return (), ()
        values = Values()
        plan = SelectPlan(self._returning, same_key(key, row, values))
        result = await self._writing.run(self._reads.select(self._table, plan, values.taken), reads=True)
        return result.columns, result.rows

    async def describe(self, written: Written) -> None:
        """What the wanted columns are, where no statement has told."""
        if self._returning and not written.columns:
            plan = SelectPlan(self._returning, FALSE)
            result = await self._writing.run(self._reads.select(self._table, plan, []), reads=True)
            written.columns = result.columns

    async def _insert_and_read(self, batch: Batch, written: Written) -> int:
        """MySQL's way, which has no RETURNING: one row, found again by its primary key."""
        (row,) = batch.rows
        key = self._table.primary_key
        if key is None:
            raise no_key(self._table)
        result = await self._writing.run(self._writes.insert(self._table, InsertPlan(batch.columns), batch.cells()))
        generated = BoundValue(ValueType.UINT, result.stats.completion.last_insert_id)
        found = await self.read(key, {name: row.get(name, generated) for name in key.columns})
        written.add(*found, 1)
        return 1


def same_key(key: Key, row: RowValues, values: Values) -> Condition:
    """The row that has these values in a key."""
    return both(*(Term(Test.EQ, name, (values.put(row[name]),)) for name in key.columns))


def no_key(table: KnownTable) -> RowgateError:
    """Rows that cannot be found again."""
    return RowgateError(
        Reason.NOT_SUPPORTED,
        "nothing tells the rows apart that are to be answered with: the table has no key, or NULL in it",
        field="returning",
        outcome=Outcome.NOT_RUN,
        table=table.name,
    )
