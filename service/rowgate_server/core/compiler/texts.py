"""SQLAlchemy Core's statements to text that is cut where the values go."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from sqlalchemy import BindParameter, bindparam
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.engine import Dialect as CoreDialect
from sqlalchemy.sql import ClauseElement
from sqlalchemy.types import Integer, NullType

from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType

_MARK = re.compile("\0(\\d+)\0")
"""No name has a NUL in it: no engine takes one, and the catalog refuses it."""


class CompiledText(NamedTuple):
    """A statement cut at its values, and which value goes where: `numbers` has one member less than `fragments`."""

    fragments: tuple[str, ...]
    numbers: tuple[int, ...]

    def bind(self, values: list[BoundValue]) -> BoundStatement:
        """The statement with its values; a list, which stands behind IN, as its members."""
        bound = [values[number] for number in self.numbers]
        if all(value.type is not ValueType.LIST for value in bound):
            return BoundStatement(self.fragments, tuple(bound))
        return self._spread(bound)

    def _spread(self, bound: list[BoundValue]) -> BoundStatement:
        fragments = [self.fragments[0]]
        members: list[BoundValue] = []
        for value, behind in zip(bound, self.fragments[1:], strict=True):
            # An array is a list too; those behind IN are tuples.
            several = value.value if isinstance(value.value, tuple) else (value,)
            members += several
            fragments += [", "] * (len(several) - 1)
            fragments.append(behind)
        return BoundStatement(tuple(fragments), tuple(members))


def numbered(number: int) -> BindParameter[Any]:
    """Stands in a statement for the value of that number."""
    return bindparam(str(number), type_=NullType())


def numbered_limit(number: int) -> BindParameter[Any]:
    """The same where SQLAlchemy wants to see a whole number."""
    return bindparam(str(number), type_=Integer())


def cut(statement: ClauseElement, dialect: Dialect, *, mariadb: bool = False) -> CompiledText:
    """The statement's text; its values must all be `numbered`."""
    core = _MARIADB if mariadb else _CORE[dialect]
    text = str(statement.compile(dialect=core))
    pieces = _MARK.split(text)
    return CompiledText(tuple(pieces[::2]), tuple(map(int, pieces[1::2])))


def _marking(core: CoreDialect) -> CoreDialect:
    """The dialect, writing marks for values.

    Its own placeholders would have to be found again in the text, among names that look like them.
    """

    def mark(_: Any, parameter: BindParameter[Any], **__: Any) -> str:
        if parameter.key.isdecimal():
            return f"\0{parameter.key}\0"
        if isinstance(parameter.value, int):
            return str(parameter.value)  # SQLAlchemy's own: an OFFSET of 0
        raise TypeError("a value is in a statement that is not numbered")

    core.statement_compiler = type(
        f"Marking{core.statement_compiler.__name__}", (core.statement_compiler,), {"visit_bindparam": mark}
    )
    return core


def _core(module: Any, **options: Any) -> CoreDialect:
    """Named, because with a style of `%s` SQLAlchemy doubles each percent sign in a name."""
    return _marking(module.dialect(paramstyle="named", **options))


_CORE = {
    Dialect.MYSQL: _core(mysql),
    Dialect.POSTGRESQL: _core(postgresql),
    Dialect.SQLITE: _core(sqlite),
}
_MARIADB = _core(mysql, is_mariadb=True)
