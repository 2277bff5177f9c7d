"""Views that the database has and can't use, as those whose table is gone: told as they are, and without columns.

MySQL and SQLite drop a table from under its views. PostgreSQL does not.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, UnreflectableTableError

from rowgate_server.core.table_facts import create_statement
from rowgate_server.core.tables import Table, TableKind
from rowgate_server.engines.dialects import Dialect

_COLUMNS = {
    # Of a broken one MySQL tells no column, and for constant names it looks at no other.
    Dialect.MYSQL: text(
        "SELECT count(*) FROM information_schema.columns WHERE table_schema = :schema AND table_name = :name"
    ),
    Dialect.SQLITE: text("SELECT count(*) FROM pragma_table_xinfo(:name)"),
}


def tells_of_one(error: UnreflectableTableError | DBAPIError) -> bool:
    """Whether what the database has against telling columns is that it can't use the view.

    MySQL's is told by SQLAlchemy; of SQLite's general errors nothing else fits a pragma without a mistake.
    """
    if isinstance(error, UnreflectableTableError):
        return True
    return getattr(error.orig, "sqlite_errorname", "") == "SQLITE_ERROR"


def described(connection: Connection, dialect: Dialect, name: str, schema: str, kind: TableKind) -> Table:
    """What there is to tell of one."""
    return Table(
        name=name,
        schema=schema,
        kind=kind,
        comment="",
        columns=(),
        primary_key=None,
        foreign_keys=(),
        unique_constraints=(),
        indexes=(),
        checks=(),
        create_statement=create_statement(connection, dialect, name, schema, kind),
        broken=True,
    )


def broken_among(connection: Connection, dialect: Dialect, schema: str, views: Iterable[str]) -> frozenset[str]:
    """Those views of a schema that are broken, one by one: a third of a millisecond each."""
    if dialect not in _COLUMNS:
        return frozenset()
    return frozenset(name for name in views if not _columns(connection, dialect, schema, name))


def _columns(connection: Connection, dialect: Dialect, schema: str, name: str) -> int:
    values = {"schema": schema, "name": name} if dialect is Dialect.MYSQL else {"name": name}
    try:
        return int(connection.execute(_COLUMNS[dialect], values).scalar_one())
    except DBAPIError as error:
        if not tells_of_one(error):
            raise
        return 0
