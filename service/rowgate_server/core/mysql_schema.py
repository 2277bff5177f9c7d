"""What SQLAlchemy's reflection leaves undone of a MySQL table: names as SHOW CREATE TABLE writes them, not as they are.

Of a column "a`b" it tells "a``b", in keys and indexes too, of a label with a line break its backslash and n, and of a
column whose own name has a line break nothing.
"""

from __future__ import annotations

import re
from dataclasses import replace

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Key, Table
from rowgate_server.errors import Outcome, Reason, RowgateError

_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "0": "\0"}
_COLUMNS = text(
    "SELECT column_name FROM information_schema.columns WHERE table_schema = :schema AND table_name = :table"
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


def _meant(escape: re.Match[str]) -> str:
    return _ESCAPES.get(escape[1], escape[1])


def _name(name: str) -> str:
    return name.replace("``", "`")
