"""Plans that write to text, with the texts that were made lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from sqlalchemy import Delete, Insert, Update, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from rowgate_server.core.compiler.conditions import Columns, expression
from rowgate_server.core.compiler.texts import CompiledText, cut, numbered
from rowgate_server.core.crud.plans import TRUE, Condition
from rowgate_server.core.known_table import KnownTable
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundStatement, BoundValue

_MOST = 1024
_LONGEST = 4096
"""Characters of a text that is kept."""
_DEFAULT = "DEFAULT"
_COUNTED = "NULL"
"""What MySQL and MariaDB count up for: `DEFAULT` is 0 to them, where 0 is a value as any other."""


class Conflict(NamedTuple):
    """ON CONFLICT. An empty target is any key, and `changed` None leaves out the row."""

    target: tuple[str, ...] = ()
    changed: tuple[str, ...] | None = None


class InsertPlan(NamedTuple):
    """One row: a value for each column, in order."""

    columns: tuple[str, ...]
    returning: tuple[str, ...] = ()
    conflict: Conflict | None = None


class UpdatePlan(NamedTuple):
    """New values, by column and the value's number, of the rows that meet a condition."""

    values: tuple[tuple[str, int], ...]
    where: Condition
    returning: tuple[str, ...] = ()


class DeletePlan(NamedTuple):
    """The rows that meet a condition."""

    where: Condition
    returning: tuple[str, ...] = ()


WritePlan: TypeAlias = InsertPlan | UpdatePlan | DeletePlan


def compile_write(table: KnownTable, plan: WritePlan) -> CompiledText:
    """The text of a plan. One that returns rows is in MariaDB's dialect, not in MySQL's, which has no RETURNING."""
    if isinstance(plan, InsertPlan):
        statement: Insert | Update | Delete = _insert(table, plan)
    elif isinstance(plan, UpdatePlan):
        statement = update(table.core).values({name: numbered(number) for name, number in plan.values})
    else:
        statement = delete(table.core)
    if not isinstance(plan, InsertPlan) and not isinstance(statement, Insert) and plan.where != TRUE:
        columns: Columns = dict(table.core.c.items())
        statement = statement.where(expression(plan.where, columns, table.dialect))
    if plan.returning:
        statement = statement.returning(*(table.core.c[name] for name in plan.returning))
    return cut(statement, table.dialect, mariadb=table.dialect is Dialect.MYSQL and bool(plan.returning))


def _insert(table: KnownTable, plan: InsertPlan) -> Insert:
    values = {name: numbered(number) for number, name in enumerate(plan.columns)}
    if plan.conflict is None:
        return insert(table.core).values(values)
    make: Any = postgresql.insert if table.dialect is Dialect.POSTGRESQL else sqlite.insert
    statement = make(table.core).values(values)
    target = [table.core.c[name] for name in plan.conflict.target] or None
    if plan.conflict.changed is None:
        statement = statement.on_conflict_do_nothing(index_elements=target)
    else:
        changed = {name: statement.excluded[name] for name in plan.conflict.changed}
        statement = statement.on_conflict_do_update(index_elements=target, set_=changed)
    made: Insert = statement
    return made


def _default(table: KnownTable, name: str) -> str:
    """What stands for a column that a row has no value for."""
    return _COUNTED if table.dialect is Dialect.MYSQL and table.columns[name].autoincrement else _DEFAULT


class WriteCompiler:
    """Makes statements of plans, and keeps the texts, by table and plan, bounded by count and by length."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[KnownTable, WritePlan], CompiledText] = OrderedDict()

    def insert(
        self, table: KnownTable, plan: InsertPlan, rows: Sequence[Sequence[BoundValue | None]]
    ) -> BoundStatement:
        """The insert of several rows, each with a value for every column of the plan; None is the column's default.

        SQLAlchemy makes the text of one row; all rows are written as that one is.
        """
        fragments, order = self._text(table, plan)
        # `INSERT INTO t (a, b) VALUES (`, `, `, `) RETURNING a`
        first, last = fragments[0], fragments[-1]
        defaults = [_default(table, name) for name in plan.columns]
        pieces: list[str] = []
        values: list[BoundValue] = []
        before = first
        for row in rows:
            for number in order:  # SQLAlchemy's, which is the table's
                value = row[number]
                if value is None:
                    before += defaults[number]
                else:
                    pieces.append(before)
                    values.append(value)
                    before = ""
                before += ", "
            before = before[:-2] + "), ("
        pieces.append(before[:-4] + last)
        return BoundStatement(tuple(pieces), tuple(values))

    def insert_columns(self, table: KnownTable, plan: InsertPlan) -> tuple[str, str]:
        """What stands before and behind the rows of an insert whose columns are in the table's order."""
        fragments, _ = self._text(table, plan)
        return fragments[0].removesuffix("("), fragments[-1].removeprefix(")")

    def change(self, table: KnownTable, plan: UpdatePlan | DeletePlan, values: list[BoundValue]) -> BoundStatement:
        """The statement of a plan, with its values."""
        return self._text(table, plan).bind(values)

    def _text(self, table: KnownTable, plan: WritePlan) -> CompiledText:
        key = (table, plan)
        text = self._kept.get(key)
        if text is None:
            text = compile_write(table, plan)
            if sum(map(len, text.fragments)) <= _LONGEST:
                self._kept[key] = text
                if len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return text
