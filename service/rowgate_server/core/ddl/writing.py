"""The statements that make a table from its description."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from rowgate_server.core.ddl import expressions, porting
from rowgate_server.core.ddl.checking import check, invalid, unsupported
from rowgate_server.core.ddl.collations import check_keyed, collate
from rowgate_server.core.ddl.defaults import ported_default
from rowgate_server.core.ddl.indexing import IndexWriter
from rowgate_server.core.ddl.kinds import kind_of
from rowgate_server.core.ddl.types import guard, written_type
from rowgate_server.core.tables import Deferral, ForeignKey, ReferentialAction, Table, TableColumn
from rowgate_server.engines.dialects import Dialect

_ON_UPDATE = re.compile(r" on update (?:current_timestamp|now)(?:\(\d?\))?\Z", re.IGNORECASE)
"""MySQL tells it with a column's default."""
_LITERAL = re.compile(r"[-+]?\d[\d.]*\Z|NULL\Z|(?:current_timestamp|now)(?:\(\d?\))?\Z", re.IGNORECASE)
_CHANGING = {ReferentialAction.CASCADE, ReferentialAction.SET_NULL, ReferentialAction.SET_DEFAULT}
_DEFERRED = {
    Deferral.NEVER: "",
    Deferral.IMMEDIATE: " DEFERRABLE",
    Deferral.DEFERRED: " DEFERRABLE INITIALLY DEFERRED",
}


def moved(table: Table, schema: str, *, other: bool) -> Table:
    """The table in that schema, and with it what its foreign keys refer to; all of that, on another engine."""
    keys = (
        replace(key, referred_schema=schema) if other or key.referred_schema == table.schema else key
        for key in table.foreign_keys
    )
    return replace(table, schema=schema, foreign_keys=tuple(keys))


def understood(table: Table, source: Dialect) -> Table:
    """The table as others are to understand it: MariaDB tells a JSON column as LONGTEXT with a check on it."""
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
        mariadb: whether it is MariaDB that is called MySQL.
    """

    table: Table
    source: Dialect
    target: Dialect
    mariadb: bool = True

    def statements(self) -> list[str]:
        """In order; on MySQL there is one.

        Raises:
            RowgateError: INVALID_REQUEST, UNKNOWN_COLUMN or NOT_SUPPORTED, with the field at fault.
        """
        check(self.table, self.source, self.target)
        parts = [*self._columns(), *self._constraints()]
        if self.target is Dialect.MYSQL:
            parts += self._indexes()
        unlogged = "UNLOGGED " if self.target is Dialect.POSTGRESQL and "UNLOGGED" in self.table.options else ""
        create = f"CREATE {unlogged}TABLE {self._place} (\n  " + ",\n  ".join(parts) + "\n)"
        if self.target is Dialect.MYSQL:
            return [create + (f" COMMENT {self._literal(self.table.comment)}" if self.table.comment else "")]
        behind = [each for each in ("STRICT", "WITHOUT ROWID") if each in self.table.options]
        if self.target is Dialect.SQLITE and not self._foreign and behind:
            create += f" {', '.join(behind)}"
        return [create, *self._indexes(), *self._comments()]

    @property
    def _place(self) -> str:
        return ".".join(self._quoted(part) for part in (self.table.schema, self.table.name) if part)

    @property
    def _foreign(self) -> bool:
        return self.source is not self.target

    def _keys(self) -> list[tuple[str, ...]]:
        """The columns of each key: what compares them."""
        table = self.table
        keys = [key.columns for key in (table.primary_key, *table.unique_constraints) if key is not None]
        keys += [key.columns for key in table.foreign_keys]
        return keys + [tuple(part.text for part in index.parts) for index in table.indexes if index.unique]

    def _keyed(self, name: str) -> int:
        """How many columns the largest key or index has that the column is part of."""
        keys = [*self._keys(), *(tuple(part.text for part in index.parts) for index in self.table.indexes)]
        return max((len(columns) for columns in keys if name in columns), default=0)

    def _columns(self) -> Iterator[str]:
        for number, column in enumerate(self.table.columns):
            yield self._column(column, f"table.columns[{number}]")

    def _column(self, column: TableColumn, field: str) -> str:
        parts = [self._quoted(column.name)]
        if column.autoincrement:
            self._check_counted(column, f"{field}.autoincrement")
        if column.autoincrement and self.target is Dialect.SQLITE:
            # The other engines, too, give no number out a second time.
            once = self._foreign or "AUTOINCREMENT" in self.table.options
            return f"{parts[0]} INTEGER PRIMARY KEY{' AUTOINCREMENT' if once else ''}"
        if any(column.name in columns for columns in self._keys()):
            check_keyed(column, self.source, self.target, f"{field}.collation")
        keyed = self._keyed(column.name)
        written = written_type(column, self.source, self.target, f"{field}.database_type", keyed=keyed)
        where = f"{field}.collation"
        parts.append(written + collate(column, self.source, self.target, where, mariadb=self.mariadb))
        if column.generated:
            parts.append(self._generated(column, f"{field}.generation_expression"))
        parts += self._nulls(column)
        if column.default is not None and not column.generated and not column.autoincrement:
            parts.append(f"DEFAULT {self._default(column, column.default, f'{field}.default_expression')}")
        if column.autoincrement:
            parts.append(self._counted(column))
        if self._has_own_check(column.name):
            parts += [f"CHECK ({condition})" for name, condition in self._checks() if name == column.name]
        if column.comment and self.target is Dialect.MYSQL:
            parts.append(f"COMMENT {self._literal(column.comment)}")
        return " ".join(filter(None, parts))

    def _nulls(self, column: TableColumn) -> list[str]:
        if self._checks_nulls(column):
            return []
        key = self.table.primary_key
        # SQLite has NULLs in primary keys, and nobody else.
        if not column.nullable or (self._foreign and key is not None and column.name in key.columns):
            return ["NOT NULL"]
        # Without it a TIMESTAMP of MySQL's is NOT NULL.
        return ["NULL"] if self.target is Dialect.MYSQL and not column.generated else []

    def _checks_nulls(self, column: TableColumn) -> bool:
        """MariaDB takes no NOT NULL with a generated column; a check does the same."""
        return column.generated and not column.nullable and self.target is Dialect.MYSQL and self.mariadb

    def _counted(self, column: TableColumn) -> str:
        if self.target is Dialect.MYSQL:
            return "AUTO_INCREMENT"
        return f"GENERATED {'ALWAYS' if column.always_counted else 'BY DEFAULT'} AS IDENTITY"

    def _check_counted(self, column: TableColumn, field: str) -> None:
        """PostgreSQL counts up any column, SQLite the row's number, and MySQL one that an index begins with."""
        table, key = self.table, self.table.primary_key
        if self.target is Dialect.POSTGRESQL:
            return
        if sum(each.autoincrement for each in table.columns) > 1:
            raise invalid("this engine counts up one column of a table", field)
        if self.target is Dialect.SQLITE:
            if key is None or key.columns != (column.name,):
                raise invalid("SQLite counts up nothing but a primary key of one column", field)
            return
        firsts = {each.columns[0] for each in (key, *table.unique_constraints) if each is not None and each.columns}
        if column.name not in firsts | {index.parts[0].text for index in table.indexes if index.parts}:
            raise invalid("MySQL counts up nothing but the first column of a key or index", field)

    def _default(self, column: TableColumn, text: str, field: str) -> str:
        if not self._foreign:
            # In parentheses it is one expression, and no REFERENCES or CHECK that rides in on it.
            on_update = _ON_UPDATE.search(text) if self.target is Dialect.MYSQL else None
            value, behind = (text[: on_update.start()], on_update[0]) if on_update else (text, "")
            value = expressions.checked(value, self.target, field)
            return f"{value if _LITERAL.match(value) else f'({value})'}{behind}"
        return ported_default(text, kind_of(column, self.source), self.source, self.target, field)

    def _generated(self, column: TableColumn, field: str) -> str:
        if not column.generation_expression:
            raise invalid("the column is generated, and nothing says how", field)
        text = column.generation_expression
        if not self._foreign:
            text = expressions.checked(text, self.target, field)
        else:
            text = porting.ported_value(text, self.table.columns, self.source, self.target, field)
        # Before its version 18 PostgreSQL keeps them all.
        virtual = column.virtual and not (self._foreign and self.target is Dialect.POSTGRESQL)
        return f"GENERATED ALWAYS AS ({text}) {'VIRTUAL' if virtual else 'STORED'}"

    def _condition(self, text: str, field: str) -> str:
        if not self._foreign:
            return expressions.checked(text, self.target, field)
        return porting.ported(text, self.table.columns, self.source, self.target, field)

    def _constraints(self) -> Iterator[str]:
        table, key = self.table, self.table.primary_key
        counted = self.target is Dialect.SQLITE and any(column.autoincrement for column in table.columns)
        if key is not None and not counted:
            yield f"{self._named(key.name)}PRIMARY KEY ({self._list(key.columns)}){_DEFERRED[key.deferral]}"
        for unique in table.unique_constraints:
            nulls = "NULLS NOT DISTINCT " if unique.nulls_not_distinct else ""
            columns = self._list(unique.columns)
            yield f"{self._named(unique.name)}UNIQUE {nulls}({columns}){_DEFERRED[unique.deferral]}"
        for foreign in table.foreign_keys:
            yield self._foreign_key(foreign)
        for name, condition in self._checks():
            if not self._has_own_check(name):
                yield f"{self._named(name)}CHECK ({condition})"
        for column in table.columns:
            if condition := guard(column, self.source, self.target):
                yield f"CHECK ({condition})"
            if self._checks_nulls(column):
                yield f"CHECK ({self._quoted(column.name)} IS NOT NULL)"

    def _checks(self) -> Iterator[tuple[str, str]]:
        for number, each in enumerate(self.table.checks):
            field = f"table.checks[{number}].expression"
            condition = self._condition(each.expression, field)
            if self._foreign and self.target is Dialect.MYSQL:
                self._check_unchanged(condition, field)
            yield each.name, condition

    def _check_unchanged(self, condition: str, field: str) -> None:
        """MySQL checks no column that a foreign key may change."""
        for key in self.table.foreign_keys:
            changes = key.on_update in _CHANGING or key.on_delete in _CHANGING - {ReferentialAction.CASCADE}
            if changes and any(self._quoted(name) in condition for name in key.columns):
                raise unsupported("this engine checks no column that a foreign key changes", field)

    def _has_own_check(self, name: str) -> bool:
        """MariaDB calls the check that stands with a column like the column, which a key may be called too."""
        if self._foreign or self.target is not Dialect.MYSQL or not self.mariadb:
            return False
        alone = sum(each.name == name for each in self.table.checks) == 1
        return alone and any(column.name == name and not column.generated for column in self.table.columns)

    def _foreign_key(self, key: ForeignKey) -> str:
        # SQLite refers within one schema.
        place = ("" if self.target is Dialect.SQLITE else key.referred_schema, key.referred_table)
        referred = ".".join(self._quoted(part) for part in place if part)
        actions = (("DELETE", key.on_delete), ("UPDATE", key.on_update))
        rules = "".join(
            f" ON {event} {action.name.replace('_', ' ')}"
            for event, action in actions
            if action is not ReferentialAction.NO_ACTION  # which is what they do by themselves
        )
        columns = f"({self._list(key.columns)}) REFERENCES {referred} ({self._list(key.referred_columns)})"
        return f"{self._named(key.name)}FOREIGN KEY {columns}{rules}{_DEFERRED[key.deferral]}"

    def _indexes(self) -> Iterator[str]:
        # MySQL tells a unique constraint once more, as an index.
        twice = self.source is Dialect.MYSQL
        constrained = {(key.name, key.columns) for key in self.table.unique_constraints if twice}
        writer = IndexWriter(self.table, self.source, self.target, self._place)
        for number, index in enumerate(self.table.indexes):
            if not index.unique or (index.name, tuple(part.text for part in index.parts)) not in constrained:
                yield writer.statement(index, number)

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
        return expressions.quoted(name, self.target)

    def _literal(self, text: str) -> str:
        return expressions.literal(text, self.target)
