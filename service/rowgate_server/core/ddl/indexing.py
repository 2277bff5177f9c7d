"""The statement, or part of CREATE TABLE, that makes an index."""

from __future__ import annotations

import re
from dataclasses import dataclass

from rowgate_server.core.ddl import expressions, porting
from rowgate_server.core.ddl.checking import invalid, unsupported
from rowgate_server.core.ddl.collations import named
from rowgate_server.core.tables import Index, IndexPart, Table
from rowgate_server.engines.dialects import Dialect

_HAS = {
    Dialect.MYSQL: frozenset({"method", "length"}),
    Dialect.POSTGRESQL: frozenset({
        *("condition", "method", "include", "nulls_not_distinct", "collation", "operator_class", "nulls_first"),
    }),
    Dialect.SQLITE: frozenset({"condition", "collation"}),
}  # fmt: skip
"""What indexes of an engine have besides columns, expressions and directions."""
_GOES_ELSEWHERE = frozenset({"condition"})
_NAME = re.compile(r'(?:\w+|"(?:[^"]|"")+")(?:\.(?:\w+|"(?:[^"]|"")+"))?\Z')
_METHOD = re.compile(r"[A-Za-z]\w*\Z")
_OF_MYSQL = frozenset({"FULLTEXT", "SPATIAL"})


@dataclass(frozen=True, slots=True)
class IndexWriter:
    """Writes the indexes of one table.

    Attributes:
        table: its description.
        source: the engine that the description is of.
        target: the engine that it is made on.
        place: the table's name, with its schema.
    """

    table: Table
    source: Dialect
    target: Dialect
    place: str

    def statement(self, index: Index, number: int) -> str:
        """Of one index.

        Raises:
            RowgateError: INVALID_REQUEST or NOT_SUPPORTED, with the field at fault.
        """
        field = f"table.indexes[{number}]"
        self._check(index, field)
        parts = ", ".join(self._part(part, f"{field}.parts[{place}]") for place, part in enumerate(index.parts))
        unique, name = "UNIQUE " if index.unique else "", self._name(index)
        if self.target is Dialect.MYSQL:
            return f"{index.method.upper() + ' ' if index.method else unique}INDEX {name}({parts})"
        place = self.place
        if self.target is Dialect.SQLITE and self.table.schema:
            name, place = f"{self._quoted(self.table.schema)}.{name}", self._quoted(self.table.name)
        method = f"USING {index.method} " if index.method else ""
        return f"CREATE {unique}INDEX {name}ON {place} {method}({parts}){self._behind(index, field)}"

    def _check(self, index: Index, field: str) -> None:
        if index.partial and not index.condition:
            raise unsupported("an index of some rows only needs the condition that picks them", f"{field}.condition")
        told = {name: getattr(index, name) for name in ("condition", "method", "include", "nulls_not_distinct")}
        self._check_told(told, field)
        for place, part in enumerate(index.parts):
            names = ("collation", "operator_class", "nulls_first", "length")
            self._check_told({name: getattr(part, name) for name in names}, f"{field}.parts[{place}]")
        known = _METHOD.match(index.method) if self.target is Dialect.POSTGRESQL else index.method.upper() in _OF_MYSQL
        if index.method and not known:
            raise invalid("this engine has no such kind of index", f"{field}.method")

    def _check_told(self, told: dict[str, object], field: str) -> None:
        for name, value in told.items():
            has = name in _HAS[self.target] and (self.source is self.target or name in _GOES_ELSEWHERE)
            if not has and value not in (None, "", (), False):
                raise unsupported("this is not carried to indexes of this engine", f"{field}.{name}")

    def _part(self, part: IndexPart, field: str) -> str:
        if part.expression and self.source is not self.target:
            raise invalid("an index of an expression is not carried to another engine", field)
        text = self._quoted(part.text)
        if part.expression:
            text = f"({expressions.checked(part.text, self.target, field)})"
        if part.length is not None:
            if part.length <= 0:
                raise invalid("so little of a column is not indexed", f"{field}.length")
            text += f"({part.length})"
        if part.collation:
            text += f" COLLATE {named(part.collation, self.target, f'{field}.collation')}"
        if part.operator_class:
            if not _NAME.match(part.operator_class):
                raise invalid("this is no name of an operator class", f"{field}.operator_class")
            text += f" {part.operator_class}"
        if part.descending:
            text += " DESC"
        if part.nulls_first is not None:
            text += " NULLS FIRST" if part.nulls_first else " NULLS LAST"
        return text

    def _behind(self, index: Index, field: str) -> str:
        text = f" INCLUDE ({', '.join(map(self._quoted, index.include))})" if index.include else ""
        if index.nulls_not_distinct:
            text += " NULLS NOT DISTINCT"
        if not index.condition:
            return text
        where = f"{field}.condition"
        if self.source is self.target:
            return f"{text} WHERE ({expressions.checked(index.condition, self.target, where)})"
        return f"{text} WHERE {porting.ported(index.condition, self.table.columns, self.source, self.target, where)}"

    def _name(self, index: Index) -> str:
        """Where none is told the database has one; but SQLite, which has it of the table's and the columns' names."""
        name = index.name
        if not name and self.target is Dialect.SQLITE:
            texts = (part.text if not part.expression else "expression" for part in index.parts)
            name = "_".join(("ix", self.table.name, *texts, *(("where",) if index.condition else ())))
        return f"{self._quoted(name)} " if name else ""

    def _quoted(self, name: str) -> str:
        return expressions.quoted(name, self.target)
