"""What SQLAlchemy's reflection leaves undone of a MySQL table: names as SHOW CREATE TABLE writes them, not as they are.

Of a column "a`b" it tells "a``b", in keys and indexes too, of a label with a line break its backslash and n, and of a
column whose own name has a line break nothing. And of MariaDB's checks it tells only the table's own, not those that
stand with a column, as that of every JSON column does. Of indexes it tells no direction.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Check, Key, Table
from rowgate_server.errors import Outcome, Reason, RowgateError

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "0": "\0"}
_COLUMNS = text(
    "SELECT column_name FROM information_schema.columns WHERE table_schema = :schema AND table_name = :table"
)
_DESCENDING = text(
    "SELECT index_name, seq_in_index FROM information_schema.statistics"
    " WHERE table_schema = :schema AND table_name = :table AND collation = 'D'"
)
_CHECKS = text(
    "SELECT constraint_name, check_clause FROM information_schema.check_constraints"
    " WHERE constraint_schema = :schema AND table_name = :table"
)


def unescaped(table: Table) -> Table:
    """The table, each backtick in a name once."""
    return replace(
        table,
        columns=tuple(
            replace(
                column, name=_name(column.name), labels=tuple(_ESCAPED.sub(_meant, label) for label in column.labels)
            )
            for column in table.columns
        ),
        primary_key=None if table.primary_key is None else _key(table.primary_key),
        foreign_keys=tuple(
            replace(
                key,
                name=_name(key.name),
                columns=tuple(map(_name, key.columns)),
                referred_columns=tuple(map(_name, key.referred_columns)),
            )
            for key in table.foreign_keys
        ),
        unique_constraints=tuple(map(_key, table.unique_constraints)),
        indexes=tuple(
            replace(
                index,
                name=_name(index.name),
                parts=tuple(part if part.expression else replace(part, text=_name(part.text)) for part in index.parts),
            )
            for index in table.indexes
        ),
        checks=tuple(replace(check, name=_name(check.name)) for check in table.checks),
    )


def check_whole(table: Table, connection: Connection) -> None:
    """Refuse a table of which a column is missing: nothing that is written or read would be whole.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    there = {column.name for column in table.columns}
    for (name,) in connection.execute(_COLUMNS, {"schema": table.schema, "table": table.name}):
        if str(name) not in there:
            raise RowgateError(
                Reason.NOT_SUPPORTED,
                "the table has a column whose name cannot be read, as one with a line break",
                field="table",
                outcome=Outcome.NOT_RUN,
                table=table.name,
                column=str(name),
                hint="use a statement, or rename the column",
            )


def _key(key: Key) -> Key:
    return Key(_name(key.name), tuple(map(_name, key.columns)))


def with_directions(table: Table, connection: Connection) -> Table:
    """The table, with what goes downwards in its indexes; MariaDB has such since 10.8, and MySQL since 8.0."""
    found = {
        (str(name), int(place) - 1)
        for name, place in connection.execute(_DESCENDING, {"schema": table.schema, "table": table.name})
    }
    if not found:
        return table
    indexes = (
        replace(
            index,
            parts=tuple(
                replace(part, descending=(index.name, place) in found) for place, part in enumerate(index.parts)
            ),
        )
        for index in table.indexes
    )
    return replace(table, indexes=tuple(indexes))


def with_checks(table: Table, connection: Connection) -> Table:
    """The table with all of its checks; MySQL's are told whole as it is, and MariaDB's by its own tables."""
    if not getattr(connection.dialect, "is_mariadb", False):
        return table
    rows = connection.execute(_CHECKS, {"schema": table.schema, "table": table.name})
    checks = (Check(str(name), str(clause)) for name, clause in rows)
    return replace(table, checks=tuple(sorted(checks, key=lambda check: check.name)))


def _meant(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[1])


def _name(name: str) -> str:
    return name.replace("``", "`")
