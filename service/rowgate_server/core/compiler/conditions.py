"""Conditions of a plan to expressions of SQLAlchemy Core; the engines differ in how they compare text."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from sqlalchemy import BINARY, ColumnElement, Text, and_, cast, false, func, not_, or_, true, tuple_
from sqlalchemy.dialects import mysql
from sqlalchemy.types import NullType

from rowgate_server.core.compiler.texts import numbered
from rowgate_server.core.crud.patterns import ESCAPE
from rowgate_server.core.crud.plans import Condition, Group, RowTerm, Term, Test
from rowgate_server.engines.dialects import Dialect

Expression: TypeAlias = ColumnElement[Any]
Columns: TypeAlias = Mapping[str, Expression]

CUT = 255
"""Characters, or bytes, of a long column that MySQL's order goes by: it sorts by the first 1,024 bytes at the most."""


def expression(condition: Condition, columns: Columns, dialect: Dialect) -> Expression:
    """The condition as SQLAlchemy has it."""
    if isinstance(condition, Group):
        members = [expression(member, columns, dialect) for member in condition.conditions]
        return and_(true(), *members) if condition.every else or_(false(), *members)
    if isinstance(condition, RowTerm):
        left = tuple_(*(columns[name] for name in condition.columns))
        return left.op(condition.test.value)(tuple_(*map(numbered, condition.values)))
    return _term(condition, columns, dialect)


def column_of(name: str, columns: Columns, *, cut: bool) -> Expression:
    """The column, or as much of it as its order goes by."""
    return func.left(columns[name], CUT, type_=NullType()) if cut else columns[name]


def _term(term: Term, columns: Columns, dialect: Dialect) -> Expression:
    column = column_of(term.column, columns, cut=term.cut)
    values = [numbered(number) for number in term.values]
    if term.test in (Test.SAME, Test.OTHER):
        same = _same(column, values[0], dialect)
        return same if term.test is Test.SAME else not_(same)
    simple = _SIMPLE.get(term.test)
    if simple is not None:
        return simple(column, *values)
    folded = term.test in (Test.ILIKE, Test.NOT_ILIKE)
    match = _MATCHES[dialect](column, values[0], folded)
    return not_(match) if term.test in (Test.NOT_LIKE, Test.NOT_ILIKE) else match


def _same(column: Expression, value: Expression, dialect: Dialect) -> Expression:
    """By code points. MySQL's binary collations too take no notice of blanks at the end, so there it is bytes."""
    if dialect is Dialect.SQLITE:
        return column.collate("BINARY") == value
    if dialect is Dialect.POSTGRESQL:
        return cast(column, Text).collate("C") == cast(value, Text)
    left, right = (cast(cast(each, mysql.CHAR(charset="utf8mb4")), BINARY) for each in (column, value))
    return left == right


def _mysql_match(column: Expression, pattern: Expression, folded: bool) -> Expression:
    """By code points: in utf8mb4, which every other character set goes into, by its binary collation."""
    text, wanted = (cast(each, mysql.CHAR(charset="utf8mb4")).collate("utf8mb4_bin") for each in (column, pattern))
    return func.lower(text).like(func.lower(wanted), escape=ESCAPE) if folded else text.like(wanted, escape=ESCAPE)


def _postgresql_match(column: Expression, pattern: Expression, folded: bool) -> Expression:
    """As text: a CHAR would count its padding, a citext no case. Of a VARCHAR that makes nothing else."""
    text, wanted = cast(column, Text), cast(pattern, Text)
    return func.lower(text).like(func.lower(wanted), escape=ESCAPE) if folded else text.like(wanted, escape=ESCAPE)


def _sqlite_match(column: Expression, pattern: Expression, folded: bool) -> Expression:
    """SQLite's LIKE takes no notice of the case of ASCII letters; GLOB does."""
    if folded:
        column, pattern = func.rowgate_lower(column), func.rowgate_lower(pattern)
    return column.op("GLOB", is_comparison=True)(pattern)


_SIMPLE: dict[Test, Callable[..., Expression]] = {
    Test.EQ: operator.eq,
    Test.NE: operator.ne,
    Test.LT: operator.lt,
    Test.LE: operator.le,
    Test.GT: operator.gt,
    Test.GE: operator.ge,
    Test.IN: lambda column, members: column.in_([members]),
    Test.NOT_IN: lambda column, members: column.not_in([members]),
    Test.BETWEEN: lambda column, least, most: column.between(least, most),
    Test.NOT_BETWEEN: lambda column, least, most: not_(column.between(least, most)),
    Test.COLLATED_LIKE: lambda column, pattern: column.like(pattern, escape=ESCAPE),
    Test.IS_NULL: lambda column: column.is_(None),
    Test.IS_NOT_NULL: lambda column: column.is_not(None),
}
_MATCHES: dict[Dialect, Callable[[Expression, Expression, bool], Expression]] = {
    Dialect.MYSQL: _mysql_match,
    Dialect.POSTGRESQL: _postgresql_match,
    Dialect.SQLITE: _sqlite_match,
}
