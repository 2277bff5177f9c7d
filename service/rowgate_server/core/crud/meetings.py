"""MySQL's and MariaDB's on_conflict for many rows: those that are there are asked for together, not one by one.

What is there is changed row by row, and what is not goes in together, all in the rows' order. Values tell which row
is which, so keys that the database takes for the same though they are written differently tell nothing: then nothing
is done here, or what was done is the caller's to undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from rowgate_server.core.compiler.writes import UpdatePlan
from rowgate_server.core.crud.batches import Batch
from rowgate_server.core.crud.conflict_parts import ConflictParts
from rowgate_server.core.crud.conflicts import whole_in
from rowgate_server.core.crud.many_keys import any_of, parts
from rowgate_server.core.crud.plans import SelectPlan, Values
from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.statements import Written, same_key
from rowgate_server.core.crud.write_requests import ConflictAction
from rowgate_server.core.crud.writing import affected
from rowgate_server.core.known_table import KnownTable, not_one_row
from rowgate_server.core.tables import Key
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import RowgateError

_Found = tuple[tuple[Column, ...], dict[int, Row]]
"""Columns, and the rows by the places of those that have the same key."""


class Meetings:
    """The batches of one write that meet rows which are there.

    Args:
        parts: what it is done with.
    """

    def __init__(self, parts: ConflictParts) -> None:
        self._parts = parts
        self._table = parts.check.table.whole

    async def write(self, batch: Batch, written: Written) -> bool:
        """Write the rows of a batch; whether it was told which of them are there.

        Raises:
            RowgateError: DUPLICATE_KEY where a row met another after all, and what the database has against it.
        """
        key = self._parts.plan.key
        if self._parts.plan.action is ConflictAction.IGNORE:
            return await self._ignore(batch, self._table.keys if key is None else (key,), written)
        return key is not None and await self._update(batch, key, written)

    async def _ignore(self, batch: Batch, keys: Sequence[Key], written: Written) -> bool:
        """What is there needs no lock: it was there when this transaction looked."""
        there: set[int] = set()
        for key in keys:
            found = await self._find(key, key.columns[:1], batch, locks=False)
            if found is None:
                return False
            there.update(found[1])
        written.ignored += [batch.first + place for place in sorted(there)]
        await self._insert(batch, [place for place in range(len(batch)) if place not in there], written)
        return True

    async def _update(self, batch: Batch, key: Key, written: Written) -> bool:
        found = await self._find(key, key.columns[:1], batch, locks=True)
        if found is None:
            return False
        await self._parts.check.check_met(key, [batch.rows[place] for place in found[1]])
        # Of each place the rows to answer with; those that were changed are read together.
        answers: dict[int, Sequence[Row]] = {}
        for is_there, places in _runs(len(batch), found[1]):
            if is_there:
                for place in places:
                    await self._change(key, batch, place)
                continue
            part = Written()
            await self._insert(batch, places, part)
            answers[places[0]] = part.rows
            written.columns = part.columns or written.columns
        changed = [place for place in range(len(batch)) if place in found[1]]
        returning = self._parts.statements.returning
        if returning and changed:
            read = await self._find(key, returning, batch, places=changed, locks=False)
            if read is None or len(read[1]) < len(changed):
                return False
            written.columns = read[0]
            answers.update({place: (row,) for place, row in read[1].items()})
        written.rows = [row for place in sorted(answers) for row in answers[place]]
        written.affected = len(batch)
        return True

    async def _insert(self, batch: Batch, places: Sequence[int], written: Written) -> None:
        if not places:
            return
        part = Batch(batch.first + places[0], batch.columns, [batch.rows[place] for place in places])
        for piece in part.singles() if self._parts.statements.reads_back else (part,):
            await self._parts.statements.insert(piece, written)

    async def _change(self, key: Key, batch: Batch, place: int) -> None:
        row, values = batch.rows[place], Values()
        changed = tuple((name, values.put(row[name])) for name in self._parts.plan.changes(row))
        plan = UpdatePlan(changed, same_key(key, row, values))
        try:
            result = await self._parts.writing.run(self._parts.writes.change(self._table, plan, values.taken))
        except RowgateError as error:
            error.field = error.field or f"rows[{batch.first + place}]"
            raise
        if affected(result) > 1:
            raise not_one_row(self._table)

    async def _find(
        self, key: Key, wanted: tuple[str, ...], batch: Batch, *, locks: bool, places: Sequence[int] | None = None
    ) -> _Found | None:
        """What is there of the rows that have a key, or of those at some places; None where that is not told."""
        if not hashed(self._table, key):
            return None
        meant: dict[tuple[Any, ...], int] = {}
        rows: list[RowValues] = []
        for place in range(len(batch)) if places is None else places:
            row = batch.rows[place]
            if not whole_in(key, row):
                continue
            cells = tuple(row[name].value for name in key.columns)
            if cells in meant:
                return None
            meant[cells] = place
            rows.append(row)
        columns: tuple[Column, ...] = ()
        found: dict[int, Row] = {}
        for part in parts(rows):
            values = Values()
            plan = SelectPlan((*wanted, *key.columns), any_of(key, part, values), by_index=self._table.index_of(key))
            statement = self._parts.reads.select(self._table, plan, values.taken)
            result = await self._parts.writing.run(statement, reads=True, locks=locks, answers=False)
            columns = result.columns[: len(wanted)]
            for row_there in result.rows:
                at = meant.get(tuple(row_there[len(wanted) :]))
                if at is None or at in found:
                    return None
                found[at] = row_there[: len(wanted)]
        return columns, found


def hashed(table: KnownTable, key: Key) -> bool:
    """Whether a key's values can be looked up."""
    return all(table.columns[name].type is not ValueType.LIST for name in key.columns)


def _runs(count: int, there: dict[int, Row]) -> Iterator[tuple[bool, list[int]]]:
    """Places in a row that are all there, or all not."""
    run: list[int] = []
    for place in range(count):
        if run and (place in there) is not (run[0] in there):
            yield run[0] in there, run
            run = []
        run.append(place)
    if run:
        yield run[0] in there, run
