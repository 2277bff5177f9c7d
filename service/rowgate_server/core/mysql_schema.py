"""What SQLAlchemy's reflection leaves undone of a MySQL table: names as SHOW CREATE TABLE writes them, not as they are.

Of a column "a`b" it tells "a``b", in keys and indexes too. And of MariaDB's checks it tells only the table's own, not
those that stand with a column, as that of every JSON column does.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Check, Key, Table

_CHECKS = text(
    "SELECT constraint_name, check_clause FROM information_schema.check_constraints"
    " WHERE constraint_schema = :schema AND table_name = :table"
)


def unescaped(table: Table) -> Table:
    """The table, each backtick in a name once."""
    return replace(
        table,
        columns=tuple(replace(column, name=_name(column.name)) for column in table.columns),
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


def _key(key: Key) -> Key:
    return Key(_name(key.name), tuple(map(_name, key.columns)))


def _name(text: str) -> str:
    return text.replace("``", "`")


def with_checks(table: Table, connection: Connection) -> Table:
    """The table with all of its checks; MySQL's are told whole as it is, and MariaDB's by its own tables."""
    if not getattr(connection.dialect, "is_mariadb", False):
        return table
    rows = connection.execute(_CHECKS, {"schema": table.schema, "table": table.name})
    checks = (Check(str(name), str(clause)) for name, clause in rows)
    return replace(table, checks=tuple(sorted(checks, key=lambda check: check.name)))
