"""The statements that make a table from its description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rowgate_server.core.ddl import expressions, porting
from rowgate_server.core.ddl.kinds import Family, kind_of
from rowgate_server.core.ddl.types import guard, written_type
from rowgate_server.core.tables import ForeignKey, Index, Table, TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_MOST_FRACTION = 6
_ON_UPDATE = re.compile(r" on update (?:current_timestamp|now)(?:\(\d?\))?\Z", re.IGNORECASE)
"""MySQL tells it with a column's default."""
_LARGE = frozenset({Family.TEXT, Family.BYTES, Family.JSON})
"""MySQL takes their defaults only in parentheses."""


def moved(table: Table, schema: str, *, other: bool) -> Table:
    """The table in that schema, and with it what its foreign keys refer to; all of that, on another engine."""
    keys = (
        replace(key, referred_schema=schema) if other or key.referred_schema == table.schema else key
        for key in table.foreign_keys
    )
    return replace(table, schema=schema, foreign_keys=tuple(keys))


def understood(table: Table, source: Dialect) -> Table:
    """The table as an engine's own habits mean it: MariaDB tells a JSON column as LONGTEXT with a check on it."""
    if source is not Dialect.MYSQL:
        return table
    json = {
        column.name: f"json_valid({expressions.quoted(column.name, source)})"
        for column in table.columns
        if column.database_type.lower() == "longtext"
    }
    valid = {check.expression.strip() for check in table.checks} & set(json.values())
    return replace(
        table,
        columns=tuple(
            replace(column, database_type="json") if json.get(column.name) in valid else column
            for column in table.columns
        ),
        checks=tuple(check for check in table.checks if check.expression.strip() not in valid),
    )


@dataclass(frozen=True, slots=True)
class TableWriter:
    """Writes one table's statements.

    Attributes:
        table: its description; its schema is where it is made, empty for the default one.
        source: the engine that types and expressions are written for.
        target: the engine that it is made on.
    """

    table: Table
    source: Dialect
    target: Dialect

    def statements(self) -> list[str]:
        """In order; on MySQL there is one.

        Raises:
            RowgateError: INVALID_REQUEST, with the field at fault.
        """
        parts = [*self._columns(), *self._constraints()]
        if self.target is Dialect.MYSQL:
            parts += self._indexes()
        create = f"CREATE TABLE {self._place} (\n  " + ",\n  ".join(parts) + "\n)"
        if self.target is Dialect.MYSQL:
            return [create + (f" COMMENT {self._literal(self.table.comment)}" if self.table.comment else "")]
        return [create, *self._indexes(), *self._comments()]

    @property
    def _place(self) -> str:
        return ".".join(self._quoted(part) for part in (self.table.schema, self.table.name) if part)

    @property
    def _foreign(self) -> bool:
        return self.source is not self.target

    def _keyed(self, name: str) -> int:
        """How many columns the largest key or index has that the column is part of."""
        table = self.table
        keys = [key.columns for key in (table.primary_key, *table.unique_constraints) if key is not None]
        keys += [key.columns for key in table.foreign_keys]
        keys += [tuple(part.text for part in index.parts) for index in table.indexes]
        return max((len(columns) for columns in keys if name in columns), default=0)

    def _columns(self) -> Iterator[str]:
        for number, column in enumerate(self.table.columns):
            yield self._column(column, f"table.columns[{number}]")

    def _column(self, column: TableColumn, field: str) -> str:
        parts = [self._quoted(column.name)]
        if column.autoincrement:
            self._check_counted(column, f"{field}.autoincrement")
        if column.autoincrement and self.target is Dialect.SQLITE:
            return f"{parts[0]} INTEGER PRIMARY KEY"
        keyed = self._keyed(column.name)
        parts.append(written_type(column, self.source, self.target, f"{field}.database_type", keyed=keyed))
        if column.generated:
            parts.append(self._generated(column, f"{field}.generation_expression"))
        if not column.nullable:
            parts.append("NOT NULL")
        elif self.target is Dialect.MYSQL and not column.generated:
            parts.append("NULL")  # else a TIMESTAMP is NOT NULL
        if column.default is not None and not column.generated and not column.autoincrement:
            parts.append(f"DEFAULT {self._default(column, column.default, f'{field}.default_expression')}")
        if column.autoincrement:
            mysql = self.target is Dialect.MYSQL
            parts.append("AUTO_INCREMENT" if mysql else "GENERATED BY DEFAULT AS IDENTITY")
        if column.comment and self.target is Dialect.MYSQL:
            parts.append(f"COMMENT {self._literal(column.comment)}")
        return " ".join(parts)

    def _check_counted(self, column: TableColumn, field: str) -> None:
        """PostgreSQL counts up any column, SQLite the row's number, and MySQL one that an index begins with."""
        table, key = self.table, self.table.primary_key
        if self.target is Dialect.POSTGRESQL:
            return
        if sum(each.autoincrement for each in table.columns) > 1:
            raise _refused("this engine counts up one column of a table", field)
        if self.target is Dialect.SQLITE:
            if key is None or key.columns != (column.name,):
                raise _refused("SQLite counts up nothing but a primary key of one column", field)
            return
        firsts = {each.columns[0] for each in (key, *table.unique_constraints) if each is not None and each.columns}
        if column.name not in firsts | {index.parts[0].text for index in table.indexes if index.parts}:
            raise _refused("MySQL counts up nothing but the first column of a key or index", field)

    def _default(self, column: TableColumn, text: str, field: str) -> str:
        if not self._foreign:
            # In parentheses it is one expression, and no REFERENCES or CHECK that rides in on it.
            on_update = _ON_UPDATE.search(text) if self.target is Dialect.MYSQL else None
            value, behind = (text[: on_update.start()], on_update[0]) if on_update else (text, "")
            return f"({expressions.checked(value, self.target, field)}){behind}"
        text = porting.ported_default(text, self.source, self.target, field)
        kind = kind_of(column, self.source)
        if self.target is not Dialect.MYSQL or kind is None:
            return text
        if text == "CURRENT_TIMESTAMP":
            # MySQL wants as many digits as the column has.
            return f"{text}({_MOST_FRACTION if kind.size is None else kind.size})"
        return f"({text})" if kind.family in _LARGE else text

    def _generated(self, column: TableColumn, field: str) -> str:
        if not column.generation_expression:
            raise _refused("the column is generated, and nothing says how", field)
        return f"GENERATED ALWAYS AS ({self._condition(column.generation_expression, field)}) STORED"

    def _condition(self, text: str, field: str) -> str:
        if not self._foreign:
            return expressions.checked(text, self.target, field)
        names = [column.name for column in self.table.columns]
        return porting.ported(text, names, self.source, self.target, field)

    def _constraints(self) -> Iterator[str]:
        table, key = self.table, self.table.primary_key
        counted = self.target is Dialect.SQLITE and any(column.autoincrement for column in table.columns)
        if key is not None and not counted:
            yield f"{self._named(key.name)}PRIMARY KEY ({self._list(key.columns)})"
        for unique in table.unique_constraints:
            yield f"{self._named(unique.name)}UNIQUE ({self._list(unique.columns)})"
        for foreign in table.foreign_keys:
            yield self._foreign_key(foreign)
        for number, check in enumerate(table.checks):
            condition = self._condition(check.expression, f"table.checks[{number}].expression")
            yield f"{self._named(check.name)}CHECK ({condition})"
        for column in table.columns:
            if condition := guard(column, self.source, self.target):
                yield f"CHECK ({condition})"

    def _foreign_key(self, key: ForeignKey) -> str:
        # SQLite refers within one schema.
        place = ("" if self.target is Dialect.SQLITE else key.referred_schema, key.referred_table)
        referred = ".".join(self._quoted(part) for part in place if part)
        actions = (("DELETE", key.on_delete), ("UPDATE", key.on_update))
        rules = "".join(f" ON {event} {action.name.replace('_', ' ')}" for event, action in actions)
        columns = f"({self._list(key.columns)}) REFERENCES {referred} ({self._list(key.referred_columns)})"
        return f"{self._named(key.name)}FOREIGN KEY {columns}{rules}"

    def _indexes(self) -> Iterator[str]:
        # MySQL tells a unique constraint once more, as an index.
        constrained = {(key.name, key.columns) for key in self.table.unique_constraints}
        for number, index in enumerate(self.table.indexes):
            if (index.name, tuple(part.text for part in index.parts)) not in constrained:
                yield self._index(index, number)

    def _index(self, index: Index, number: int) -> str:
        parts = []
        for place, part in enumerate(index.parts):
            field = f"table.indexes[{number}].parts[{place}]"
            if part.expression and self._foreign:
                raise _refused("an index of an expression is not carried to another engine", field)
            text = (
                f"({expressions.checked(part.text, self.target, field)})"
                if part.expression
                else self._quoted(part.text)
            )
            parts.append(text + (" DESC" if part.descending else ""))
        unique, name = "UNIQUE " if index.unique else "", self._quoted(index.name)
        if self.target is Dialect.MYSQL:
            return f"{unique}INDEX {name} ({', '.join(parts)})"
        if self.target is Dialect.SQLITE and self.table.schema:
            schema, place_of = self._quoted(self.table.schema) + ".", self._quoted(self.table.name)
            return f"CREATE {unique}INDEX {schema}{name} ON {place_of} ({', '.join(parts)})"
        return f"CREATE {unique}INDEX {name} ON {self._place} ({', '.join(parts)})"

    def _comments(self) -> Iterator[str]:
        if self.target is Dialect.SQLITE:
            return  # it keeps none
        if self.table.comment:
            yield f"COMMENT ON TABLE {self._place} IS {self._literal(self.table.comment)}"
        for column in self.table.columns:
            if column.comment:
                place = f"{self._place}.{self._quoted(column.name)}"
                yield f"COMMENT ON COLUMN {place} IS {self._literal(column.comment)}"

    def _named(self, name: str) -> str:
        # MySQL calls every primary key PRIMARY; elsewhere two of them would clash.
        return f"CONSTRAINT {self._quoted(name)} " if name and name != "PRIMARY" else ""

    def _list(self, names: tuple[str, ...]) -> str:
        return ", ".join(map(self._quoted, names))

    def _quoted(self, name: str) -> str:
        if "\0" in name:
            raise _refused("a name has a NUL in it", "table")
        return expressions.quoted(name, self.target)

    def _literal(self, text: str) -> str:
        return expressions.literal(text, self.target)


def _refused(message: str, field: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN)
