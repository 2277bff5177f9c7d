"""What a caller may do with one database, and with each table of it: rules of all its roles, put together.

A cell is shown only where one rule alone shows it. So rules about the same rows add their columns up; of rules about
different rows all the rows count, but only those columns that all of them give, and every mask of theirs. A rule that
another one gives more than, for every row, is of no account.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

from rowgate_server.core.crud.filters import Filter, Or
from rowgate_server.core.policy.masks import Masker
from rowgate_server.core.policy.names import Names, folded, meets_schema, meets_table
from rowgate_server.core.policy.needs import OF_ROWS, WRITING, Operation
from rowgate_server.core.policy.records import NO_LIMITS, Limits, Mask, Rule
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_MOST_TABLES = 1000
_STRICTEST = (Mask.HIDE, Mask.HASH, Mask.PARTIAL)
_SQL = frozenset({Operation.RAW_READ, Operation.RAW, Operation.DDL})
_NO_MASKS: Mapping[str, Mask] = MappingProxyType({})


def denied(operation: str = "do this") -> RowgateError:
    """The one refusal, in the same words whether or not there is what the caller asked for."""
    return RowgateError(
        Reason.PERMISSION_DENIED, f"the policy does not let the caller {operation}", outcome=Outcome.NOT_RUN
    )


class Grant(NamedTuple):
    """What one operation may touch: columns, rows (None for all), and of what is read the masks."""

    columns: Names
    rows: Filter | None = None
    masks: Mapping[str, Mask] = _NO_MASKS


class BoundRule(NamedTuple):
    """A rule for one caller: its filter has the caller's claims in it."""

    rule: Rule
    rows: Filter | None


@dataclass(frozen=True, slots=True, eq=False)
class TableAccess:
    """What a caller may do with one table; its columns are as the rules name them until `fitted` has looked at it.

    Attributes:
        grants: by operation.
        shown: the columns that it may read or write: all others are not there.
        masker: masks cells.
        dialect: its engine's.
        named: the columns that rules about this very table name; as all names here, folded as the engine does.
        mentioned: those that rules about several tables name, by `*`: it may have some of them.
    """

    grants: Mapping[Operation, Grant]
    shown: Names
    masker: Masker
    dialect: Dialect
    named: frozenset[str] = frozenset()
    mentioned: frozenset[str] = frozenset()

    @property
    def unlimited(self) -> bool:
        """Everything may be done with every cell."""
        return len(self.grants) == len(OF_ROWS) and all(
            grant.columns.everything and grant.rows is None and not grant.masks for grant in self.grants.values()
        )

    def columns(self, operation: Operation) -> Names:
        """Those that an operation may touch."""
        grant = self.grants.get(operation)
        return Names() if grant is None else grant.columns

    def rows(self, operation: Operation) -> Filter | None:
        """Those that an operation may touch; None: all."""
        grant = self.grants.get(operation)
        return None if grant is None else grant.rows

    @property
    def masks(self) -> Mapping[str, Mask]:
        """Of the columns that are read."""
        grant = self.grants.get(Operation.READ)
        return _NO_MASKS if grant is None else grant.masks


@dataclass(frozen=True, slots=True, eq=False)
class Access:
    """What a caller may do with one database.

    Attributes:
        database: its name.
        dialect: its engine's.
        operations: all that is allowed with any part of it.
        of_database: those that are allowed with it as a whole.
        rules: those about tables.
        login: what its statements run with; empty for the gateway's own.
        limits: of each call.
        masker: masks cells.
        made: whoever makes something of it may leave that here, to find it there next time.
    """

    database: str
    dialect: Dialect
    operations: frozenset[Operation]
    of_database: frozenset[Operation]
    rules: Sequence[BoundRule]
    masker: Masker
    login: str = ""
    limits: Limits = NO_LIMITS
    made: dict[Any, Any] = field(default_factory=dict)
    _tables: dict[tuple[str, str, str], TableAccess | None] = field(default_factory=dict)

    def table(self, schema: str, name: str, default_schema: str) -> TableAccess | None:
        """What may be done with a table; None for nothing."""
        place = (schema or default_schema, name, default_schema)
        if place not in self._tables:
            if len(self._tables) >= _MOST_TABLES:
                self._tables.clear()
            self._tables[place] = self._decided(*place)
        return self._tables[place]

    @property
    def writes(self) -> bool:
        """Whether anything at all may be written."""
        return bool(self.operations & WRITING)

    @property
    def sees_everything(self) -> bool:
        """Whether nothing of the schema need be hidden: whoever may run SQL can ask the database for it."""
        return bool(_SQL & self.of_database)

    def sees(self, schema: str, name: str, default_schema: str, columns: Iterable[str] = ()) -> bool:
        """Whether a table may be known of, with some columns."""
        if self.sees_everything:
            return True
        found = self.table(schema, name, default_schema)
        return found is not None and all(folded(column, self.dialect) in found.shown for column in columns)

    def sees_schema(self, schema: str, default_schema: str) -> bool:
        """Whether any table of a schema may be known of."""
        schemas = (each.rule.schema for each in self.rules)
        return self.sees_everything or any(meets_schema(pattern, schema, default_schema) for pattern in schemas)

    def _decided(self, schema: str, name: str, default_schema: str) -> TableAccess | None:
        rules = [
            each
            for each in self.rules
            if meets_schema(each.rule.schema, schema, default_schema)
            and any(meets_table(pattern, name, self.dialect) for pattern in each.rule.tables)
        ]
        grants = {
            operation: combined(
                _part(each, operation, self.dialect) for each in rules if operation in each.rule.operations
            )
            for operation in OF_ROWS
            if any(operation in each.rule.operations for each in rules)
        }
        if not grants:
            return None
        shown = Names()
        for operation, grant in grants.items():
            if operation is not Operation.DELETE:
                shown = shown.union(grant.columns)
        named = frozenset(column for each in rules if name in each.rule.tables for column in _columns(each.rule))
        mentioned = frozenset(column for each in rules for column in _columns(each.rule))
        return TableAccess(
            MappingProxyType(grants),
            shown,
            self.masker,
            self.dialect,
            frozenset(folded(column, self.dialect) for column in named),
            frozenset(folded(column, self.dialect) for column in mentioned),
        )


def _columns(rule: Rule) -> frozenset[str]:
    """Those that it names, be it to leave them out."""
    return rule.read.names | rule.write.names | frozenset(rule.masks)


def _part(each: BoundRule, operation: Operation, dialect: Dialect) -> Grant:
    """Folded before it is combined with others, which may spell the same column in another way."""
    if operation is not Operation.READ:
        return Grant(_folded(each.rule.write, dialect), each.rows)
    masks: dict[str, Mask] = {}
    for name, mask in each.rule.masks.items():
        column = folded(name, dialect)
        masks[column] = _stricter([mask, masks.get(column, mask)])
    return Grant(_folded(each.rule.read, dialect), each.rows, masks)


def _folded(names: Names, dialect: Dialect) -> Names:
    return Names(frozenset(folded(name, dialect) for name in names.names), names.inverted)


def combined(parts: Iterable[Grant]) -> Grant:
    """What several rules allow together; there is at least one."""
    alike: dict[str, Grant] = {}
    for part in parts:
        # By its text: And and Or of the same filters are the same tuple.
        key = repr(part.rows)
        alike[key] = _of_same_rows(alike[key], part) if key in alike else part
    groups = list(alike.values())
    groups = [group for group in groups if not any(_outdone(group, other) for other in groups if other is not group)]
    found = groups[0]
    for group in groups[1:]:
        found = _of_other_rows(found, group)
    masks = {name: mask for name, mask in found.masks.items() if name in found.columns}
    return found._replace(masks=MappingProxyType(masks))


def _of_same_rows(one: Grant, two: Grant) -> Grant:
    """A column is masked only where no rule shows it as it is."""
    masks = {
        name: _stricter([grant.masks[name] for grant in (one, two) if name in grant.masks])
        for name in {*one.masks, *two.masks}
        if all(name in grant.masks for grant in (one, two) if name in grant.columns)
    }
    return Grant(one.columns.union(two.columns), one.rows, masks)


def _of_other_rows(one: Grant, two: Grant) -> Grant:
    rows = None if one.rows is None or two.rows is None else Or((one.rows, two.rows))
    masks = {
        name: _stricter([grant.masks[name] for grant in (one, two) if name in grant.masks])
        for name in {*one.masks, *two.masks}
    }
    return Grant(one.columns.intersection(two.columns), rows, masks)


def _outdone(grant: Grant, other: Grant) -> bool:
    """Whether another gives all of that, for every row."""
    if other.rows is not None:
        return False
    return grant.columns.intersection(other.columns.complement()) == Names() and all(
        name in grant.masks for name in other.masks if name in grant.columns
    )


def _stricter(masks: Sequence[Mask]) -> Mask:
    return next(mask for mask in _STRICTEST if mask in masks)
