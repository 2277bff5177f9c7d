"""What becomes of rows whose key is already there: a request's on_conflict, looked up in the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from rowgate_server.core.crud.row_values import RowValues
from rowgate_server.core.crud.write_requests import ConflictAction, OnConflict
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.tables import Key
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError


class ConflictPlan(NamedTuple):
    """What to do, by which key (None: any), and which columns to change (empty: all that a row has but the key's)."""

    action: ConflictAction
    key: Key | None = None
    changed: tuple[str, ...] = ()

    def changes(self, row: RowValues) -> tuple[str, ...]:
        """The columns of a row that is there which a new one changes; its key's first where there is no other."""
        target = self.key.columns if self.key else ()
        return self.changed or tuple(sorted(name for name in row if name not in target)) or target[:1]

    def may_collide(self, row: RowValues) -> bool:
        """Whether the row can have a key that is there: it has one, and no part of it is NULL."""
        return self.key is None or whole_in(self.key, row)


def whole_in(key: Key, row: RowValues) -> bool:
    """Whether a row has each value of a key, and none is NULL."""
    return all(name in row and row[name].type is not ValueType.NULL for name in key.columns)


def plan_conflict(table: KnownTable, wanted: OnConflict, rows: Sequence[RowValues]) -> ConflictPlan:
    """Look up what a request means.

    Raises:
        RowgateError: INVALID_REQUEST, UNKNOWN_COLUMN or NOT_SUPPORTED, with the field at fault.
    """
    if wanted.action is not ConflictAction.UPDATE and wanted.update_columns:
        raise _refusal("only UPDATE changes columns", "on_conflict.update_columns")
    if wanted.action is ConflictAction.ERROR:
        if wanted.target:
            raise _refusal("ERROR takes no target: every key counts", "on_conflict.target")
        return ConflictPlan(wanted.action)
    key = _key(table, wanted)
    _check_immediate(table, key)
    if key is not None:
        _check_target(table, key, rows)
    for index, name in enumerate(wanted.update_columns):
        field = f"on_conflict.update_columns[{index}]"
        table.written(name, field, Operation.UPDATE)
        for place, row in enumerate(rows):
            if name not in row:
                raise _refusal(f"rows[{place}] has no value for {name}, which it is to change", field)
    return ConflictPlan(wanted.action, key, tuple(dict.fromkeys(wanted.update_columns)))


def _key(table: KnownTable, wanted: OnConflict) -> Key | None:
    if wanted.target:
        for index, name in enumerate(wanted.target):
            table.compared(name, f"on_conflict.target[{index}]")
        found = table.keys_by_columns.get(frozenset(wanted.target))
        if found is None:
            keys = " or ".join(f"({', '.join(known.columns)})" for known in table.keys)
            raise _refusal(
                "these columns are not a unique key of the table",
                "on_conflict.target",
                hint=f"a key is {keys}" if keys else "the table has none",
            )
        return found
    if wanted.action is ConflictAction.UPDATE and table.primary_key is None:
        raise _refusal("the table has no primary key: name another unique one", "on_conflict.target")
    return table.primary_key if wanted.action is ConflictAction.UPDATE else None


def _check_immediate(table: KnownTable, key: Key | None) -> None:
    """PostgreSQL looks for conflicts by keys that hold at once only."""
    late = table.described.deferrable
    if (key is None and late) or (key is not None and key.columns in late):
        names = ", ".join(key.columns if key else min(late))
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            f"the key ({names}) is DEFERRABLE, and PostgreSQL looks for conflicts by no such key",
            field="on_conflict.target",
            outcome=Outcome.NOT_RUN,
            table=table.name,
            hint="name another key" if key is None else None,
        )


def _check_target(table: KnownTable, key: Key, rows: Sequence[RowValues]) -> None:
    """A row without the key is only sure not to collide if the database counts the key up."""
    for name in key.columns:
        if table.columns[name].autoincrement:
            continue
        for index, row in enumerate(rows):
            if name not in row:
                raise _refusal(
                    f"the row has no value for {name}, by which it may collide", f"rows[{index}].values[{name}]"
                )


def _refusal(message: str, field: str, *, hint: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN, hint=hint)
