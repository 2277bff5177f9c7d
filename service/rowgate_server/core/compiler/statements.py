"""Plans that read to text, with the texts that were made lately."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select

from rowgate_server.core.compiler.conditions import Columns, column_of, expression
from rowgate_server.core.compiler.texts import CompiledText, cut, numbered_limit
from rowgate_server.core.crud.plans import TRUE, SelectPlan, SortTerm
from rowgate_server.core.known_table import KnownTable
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundStatement, BoundValue

_MOST = 1024
_LONGEST = 4096
"""Characters of a text that is kept."""


def compile_select(table: KnownTable, plan: SelectPlan) -> CompiledText:
    """The SELECT of a plan."""
    source = table.core.alias("t")
    columns: Columns = dict(source.c.items())
    dialect = table.dialect
    if plan.counted:
        statement: Select[Any] = select(func.count().label("count")).select_from(source)
    else:
        statement = select(*(columns[name] for name in plan.columns)).select_from(source)
    if plan.by_index and dialect is Dialect.MYSQL:
        quoted = plan.by_index.replace("`", "``").replace("%", "%%")
        statement = statement.with_hint(source, f"FORCE INDEX (`{quoted}`)", "mysql")
    if plan.where != TRUE:
        statement = statement.where(expression(plan.where, columns, dialect))
    if plan.order:
        statement = statement.order_by(*(term for each in plan.order for term in _sorted(each, columns, dialect)))
    if plan.limit is not None:
        statement = statement.limit(numbered_limit(plan.limit))
    return cut(statement, dialect)


def _sorted(term: SortTerm, columns: Columns, dialect: Dialect) -> list[ColumnElement[Any]]:
    """The column, and where NULLs do not go by themselves where they shall, what puts them there.

    MySQL and SQLite take NULL for the smallest, PostgreSQL for the largest. What an index has that is asked for.
    """
    column = column_of(term.column, columns, cut=term.cut)
    order = column.desc() if term.descending else column.asc()
    if term.nulls_first is None:
        return [order]
    of_itself = term.descending if dialect is Dialect.POSTGRESQL else not term.descending
    if term.nulls_first is of_itself:
        return [order]
    if dialect is Dialect.MYSQL:
        null = column.is_(None)
        return [null.desc() if term.nulls_first else null.asc(), order]
    return [order.nulls_first() if term.nulls_first else order.nulls_last()]


class Compiler:
    """Makes statements of plans, and keeps the texts, by table and plan, bounded by count and by length."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[KnownTable, SelectPlan], CompiledText] = OrderedDict()

    def select(self, table: KnownTable, plan: SelectPlan, values: list[BoundValue]) -> BoundStatement:
        """The statement of a plan, with its values."""
        table = table.whole  # which is the same for all callers
        key = (table, plan)
        text = self._kept.get(key)
        if text is None:
            text = compile_select(table, plan)
            if sum(map(len, text.fragments)) <= _LONGEST:
                self._kept[key] = text
                if len(self._kept) > _MOST:
                    self._kept.popitem(last=False)
        return text.bind(values)
