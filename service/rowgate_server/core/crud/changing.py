"""The statements of an update or a delete, and what they come to.

Where rows are wanted back in order, or the engine's statement returns none (MySQL's, MariaDB's UPDATE), the rows that
are meant are found by their primary key first, and locked; then they are changed by it, and read by it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import DeletePlan, UpdatePlan, WriteCompiler
from rowgate_server.core.crud.many_keys import any_of, parts
from rowgate_server.core.crud.meant import MeantPlan
from rowgate_server.core.crud.orders import plan_order
from rowgate_server.core.crud.plans import Condition, SelectPlan, Values, both
from rowgate_server.core.crud.requests import Order
from rowgate_server.core.crud.row_checks import RowCheck, filtered, keys_of, telling_key, whole_key
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.statements import Written, no_key
from rowgate_server.core.crud.writing import Writing, affected
from rowgate_server.core.known_table import KnownTable, not_one_row
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import Key
from rowgate_server.engines.results import Result
from rowgate_server.engines.values import BoundStatement, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError


class Change(NamedTuple):
    """What is to be done, and with which rows.

    Attributes:
        meant: the rows.
        values: what the plan's conditions compare with.
        new: the rows' new values; None: they are deleted.
        returning: the columns wanted back.
        dry_run: whether it is undone.
        marks: whether the rows are marked as deleted, which is no change of the caller's own.
    """

    meant: MeantPlan
    values: Values
    new: RowValues | None
    returning: tuple[str, ...]
    dry_run: bool
    marks: bool = False


class Changing:
    """One update or delete.

    Args:
        reads: makes SELECTs.
        writes: makes UPDATEs and DELETEs.
        writing: runs them.
        table: what is written to, as its caller may know it.
        change: what is to be done.
    """

    def __init__(
        self, reads: Compiler, writes: WriteCompiler, writing: Writing, table: KnownTable, change: Change
    ) -> None:
        self._reads = reads
        self._writes = writes
        self._writing = writing
        self._table = table.whole
        self._checked = change.new is not None and not change.marks and filtered(table, (Operation.UPDATE,))
        self._row_check = RowCheck(reads, writing, table)
        self._telling = telling_key(table) if self._checked else None
        self._change = change
        self._returns = writing.returns if change.new is None else writing.update_returns

    async def run(self) -> Written:
        """Do it.

        Raises:
            RowgateError: ROW_NOT_FOUND, PRECONDITION_FAILED, TOO_MANY_ROWS_AFFECTED, NOT_SUPPORTED, and what the
                database has against it.
        """
        change, meant = self._change, self._change.meant
        if meant.most and not meant.single:
            await self._writing.check_undoable()
        if self._telling is not None:
            await self._writing.check_undoable()
            async with self._writing.transaction(dry_run=change.dry_run):
                return await self._by_key(self._telling)
        key = whole_key(self._table)
        in_order = not change.returning or meant.single or key is None
        if in_order and (self._returns or not change.returning):
            # A key may have been dropped since: if it is several rows, they are to be undone.
            if not (meant.single or meant.most or change.returning or change.dry_run):
                return await self._at_once()
            async with self._writing.transaction(dry_run=change.dry_run):
                return await self._at_once()
        if key is None:
            raise no_key(self._table)
        async with self._writing.transaction(dry_run=change.dry_run):
            return await self._by_key(key)

    async def _at_once(self) -> Written:
        """By one statement."""
        change = self._change
        if change.returning and self._writing.view_of_sqlite:
            await self._writing.explain(self._statement(change.meant.condition, change.values, ()))
        result = await self._writing.run(self._statement(change.meant.condition, change.values, change.returning))
        written = Written()
        written.add(result.columns, result.rows, affected(result))
        await self._check(written.affected)
        return written

    async def _by_key(self, key: Key) -> Written:
        """Find and lock them, change them, read them."""
        change = self._change
        found = await self._found(key)
        await self._check(len(found.rows))
        written = Written(columns=found.columns[: len(change.returning)])
        width = len(change.returning) if change.new is None else 0
        keys = keys_of(key, found.columns[width:], [row[width:] for row in found.rows])
        if any(value.type is ValueType.NULL for row in keys for value in row.values()):
            raise no_key(self._table)
        for part in parts(keys):
            values = Values()
            result = await self._writing.run(self._statement(any_of(key, part, values), values, ()))
            if affected(result) > len(part):
                raise not_one_row(self._table)
        written.affected = len(keys)
        if change.new is None:
            written.rows = [row[:width] for row in found.rows]
            return written
        now = self._moved(key, keys)
        if self._checked:
            await self._row_check.check(key, now, (Operation.UPDATE,))
        if change.returning:
            await self._read(key, now, written)
        return written

    async def _found(self, key: Key) -> Result:
        """Keys, and of rows to be deleted before them the columns wanted back."""
        change = self._change
        wanted = change.returning if change.new is None else ()
        return await self._select(wanted, key, change.meant.condition, change.values, locks=True)

    def _moved(self, key: Key, keys: Sequence[RowValues]) -> list[RowValues]:
        """The keys that the rows have now."""
        new = self._change.new or {}
        moved = {name: value for name, value in new.items() if name in key.columns}
        return [{**old, **moved} for old in keys]

    async def _read(self, key: Key, keys: Sequence[RowValues], written: Written) -> None:
        """What was changed."""
        width = len(self._change.returning)
        for part in parts(keys) if keys else ((),):
            values = Values()
            result = await self._select(self._change.returning, key, any_of(key, part, values), values)
            written.columns = result.columns[:width]
            written.rows += [row[:width] for row in result.rows]

    async def _select(
        self, wanted: tuple[str, ...], key: Key, where: Condition, values: Values, *, locks: bool = False
    ) -> Result:
        """Columns, and behind them the key's, in the key's order."""
        order = plan_order(self._table, [Order(name) for name in key.columns]).terms
        plan = SelectPlan((*wanted, *key.columns), where, order)
        statement = self._reads.select(self._table, plan, values.taken)
        return await self._writing.run(statement, reads=True, locks=locks, own=not self._change.returning)

    def _statement(self, where: Condition, values: Values, returning: tuple[str, ...]) -> BoundStatement:
        new = self._change.new
        if new is None:
            return self._writes.change(self._table, DeletePlan(where, returning), values.taken)
        numbered = tuple((name, values.put(value)) for name, value in new.items())
        return self._writes.change(self._table, UpdatePlan(numbered, where, returning), values.taken)

    async def _check(self, count: int) -> None:
        meant = self._change.meant
        if meant.single and not count:
            raise await self._missed()
        if meant.single and count > 1:
            raise not_one_row(self._table)
        if meant.most and count > meant.most:
            raise RowgateError(
                Reason.TOO_MANY_ROWS_AFFECTED,
                f"{count} rows are meant, and at most {meant.most} may be",
                field="max_affected",
                outcome=Outcome.ROLLED_BACK,
                limit=f"{meant.most} rows",
                table=self._table.name,
            )

    async def _missed(self) -> RowgateError:
        """Why the row of a key was not changed: it is not there, or does not hold what was expected."""
        meant = self._change.meant
        if not meant.expected or not await self._is(meant.where):
            return RowgateError(
                Reason.ROW_NOT_FOUND,
                "no row has this key",
                field="key",
                outcome=Outcome.NOT_RUN,
                table=self._table.name,
            )
        others = [name for name, holds in meant.expected.items() if not await self._is(both(meant.where, holds))]
        # Another may have changed it back since: then any of them may have differed.
        names = ", ".join(others or meant.expected)
        return RowgateError(
            Reason.PRECONDITION_FAILED,
            f"the row does not hold what is expected in {names}",
            field="expected",
            outcome=Outcome.NOT_RUN,
            table=self._table.name,
            column=names,
            hint="read the row, and try again with what it holds",
        )

    async def _is(self, where: Condition) -> bool:
        plan = SelectPlan((next(iter(self._table.columns)),), where)
        result = await self._writing.run(self._reads.select(self._table, plan, self._change.values.taken), reads=True)
        return bool(result.rows)
