"""InsertRows with on_conflict: rows whose key is there are left out, or change the row that has it.

PostgreSQL and SQLite have ON CONFLICT, which looks at one key and lets the others fail. MySQL's and MariaDB's ON
DUPLICATE KEY UPDATE and INSERT IGNORE look at every key, and the latter turns other errors into warnings; so there the
row of the key is looked for and locked, and then inserted or changed plainly.

Many rows are tried at once. Where that does not tell which of them were there, it is undone, and those that are there
are told by a key that all rows have; where there is no such, or two rows have the same, they go one by one.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeAlias

from rowgate_server.core.compiler.writes import Conflict, UpdatePlan
from rowgate_server.core.crud.batches import Batch
from rowgate_server.core.crud.conflict_parts import ConflictParts
from rowgate_server.core.crud.meetings import Meetings, hashed
from rowgate_server.core.crud.plans import FALSE, SelectPlan, Values
from rowgate_server.core.crud.row_checks import filtered
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.statements import Written, same_key
from rowgate_server.core.crud.write_requests import ConflictAction
from rowgate_server.core.crud.writing import affected
from rowgate_server.core.known_table import not_one_row
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import Key
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.transaction import Transaction
from rowgate_server.errors import Reason, RowgateError

_TWICE = "21000"
"""PostgreSQL: a row would be changed twice by one statement."""
_TRIED = "tried"
_Together: TypeAlias = Callable[[Batch, Written], Awaitable[bool]]
"""Writes a batch, and tells whether it could."""


class Upserts:
    """The batches of one write with on_conflict.

    Args:
        parts: what it is done with.
    """

    def __init__(self, parts: ConflictParts) -> None:
        self._parts = parts
        table = parts.check.table.whole
        changes = parts.plan.action is ConflictAction.UPDATE
        # ON CONFLICT would change a row that the caller may not: there it has to be met first, and looked at.
        self._meets = table.dialect is Dialect.MYSQL or (changes and filtered(parts.check.table, (Operation.UPDATE,)))
        self._table = table
        self._meetings = Meetings(parts)

    async def write(self, transaction: Transaction, batch: Batch, written: Written) -> None:
        """Insert or change the rows of a batch."""
        if len(batch.rows) > 1:
            for together in (self._at_once, self._some):
                tried = Written()
                if await self._try(transaction, together, batch, tried):
                    written.add(tried.columns, tried.rows, tried.affected)
                    written.ignored += tried.ignored
                    return
        for single in batch.singles():
            try:
                await self._one(transaction, single, written)
            except RowgateError as error:
                error.field = error.field or f"rows[{single.first}]"
                raise

    async def _try(self, transaction: Transaction, together: _Together, batch: Batch, tried: Written) -> bool:
        """Whether all rows could be written together; nothing is written otherwise."""
        await transaction.savepoint(_TRIED)
        try:
            done = await together(batch, tried)
        except RowgateError as error:
            twice = error.metadata.get("sqlstate") == _TWICE
            if not twice and not (self._meets and error.reason is Reason.DUPLICATE_KEY):
                raise
            done = False
        if not done:
            await transaction.rollback_to(_TRIED)
        await transaction.release(_TRIED)
        return done

    async def _at_once(self, batch: Batch, tried: Written) -> bool:
        """By one statement, if none is there, or it changes what is."""
        if not self._parts.statements.keeps_order(batch) or self._parts.statements.reads_back:
            return False
        done = await self._parts.statements.insert(batch, tried, self._clause(batch)) == len(batch)
        key = self._parts.plan.key
        if done and key is not None and self._table.dialect is Dialect.MYSQL:
            # That none of them met another tells nothing where the key is gone.
            plan = SelectPlan(key.columns[:1], FALSE, by_index=self._table.index_of(key))
            await self._parts.writing.run(self._parts.reads.select(self._table, plan, []), reads=True)
        return done

    async def _some(self, batch: Batch, tried: Written) -> bool:
        """Some of them are there."""
        if self._meets:
            return await self._meetings.write(batch, tried)
        clause = self._clause(batch)
        key = self._told_by(batch)
        if clause is None or clause.changed is not None or key is None:
            return False
        return await self._parts.statements.insert_unless_there(batch, key, tried, clause)

    def _told_by(self, batch: Batch) -> Key | None:
        """A key that all rows have, and that tells which of them a statement answers with."""
        keys = (self._parts.plan.key,) if self._parts.plan.key is not None else self._table.keys
        given = set(batch.given())
        return next((key for key in keys if given.issuperset(key.columns) and hashed(self._table, key)), None)

    async def _one(self, transaction: Transaction, single: Batch, written: Written) -> None:
        (row,) = single.rows
        if not self._meets:
            if not await self._parts.statements.insert(single, written, self._clause(single)):
                written.ignored.append(single.first)
            return
        key = self._parts.plan.key
        if key is None:
            await self._unless_any(transaction, single, written)
        elif self._parts.plan.may_collide(row) and await self._there(key, row):
            await self._met(key, row, single.first, written)
        else:
            await self._parts.statements.insert(single, written)

    async def _unless_any(self, transaction: Transaction, single: Batch, written: Written) -> None:
        """Insert a row unless any key is there; a failed statement has changed nothing, and the transaction goes on."""
        await transaction.savepoint(_TRIED)
        try:
            await self._parts.statements.insert(single, written)
        except RowgateError as error:
            if error.reason is not Reason.DUPLICATE_KEY:
                raise
            await transaction.rollback_to(_TRIED)
            written.ignored.append(single.first)
        await transaction.release(_TRIED)

    async def _there(self, key: Key, row: RowValues) -> bool:
        """Whether a row has this key; it is locked, or else the place where it would be."""
        values = Values()
        plan = SelectPlan(key.columns[:1], same_key(key, row, values), by_index=self._table.index_of(key))
        result = await self._parts.writing.run(
            self._parts.reads.select(self._table, plan, values.taken), reads=True, locks=True
        )
        return bool(result.rows)

    async def _met(self, key: Key, row: RowValues, place: int, written: Written) -> None:
        if self._parts.plan.action is ConflictAction.IGNORE:
            written.ignored.append(place)
            return
        await self._parts.check.check_met(key, [row])
        values = Values()
        changed = tuple((name, values.put(row[name])) for name in self._parts.plan.changes(row))
        plan = UpdatePlan(changed, same_key(key, row, values))
        result = await self._parts.writing.run(self._parts.writes.change(self._table, plan, values.taken))
        if affected(result) > 1:
            raise not_one_row(self._table)
        found = await self._parts.statements.read(key, row)
        written.add(*found, 1)

    def _clause(self, batch: Batch) -> Conflict | None:
        """ON CONFLICT, where there is such a thing."""
        if self._meets:
            return None
        target = self._parts.plan.key.columns if self._parts.plan.key else ()
        if self._parts.plan.action is ConflictAction.IGNORE:
            return Conflict(target)
        return Conflict(target, self._parts.plan.changes(batch.rows[0]))
