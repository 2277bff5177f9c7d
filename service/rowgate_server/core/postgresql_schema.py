"""What SQLAlchemy's reflection does not ask PostgreSQL: whether keys hold for all the rows of a table."""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection, text

from rowgate_server.core.tables import Table

# A partitioned table's keys hold for all its partitions.
_HEIRS = text(
    "SELECT 1 FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class c ON c.oid = i.inhparent "
    "JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = :schema AND c.relname = :table AND c.relkind <> 'p' LIMIT 1"
)


def completed(table: Table, connection: Connection) -> Table:
    """The table; one that others inherit from shows their rows too, and its keys know nothing of those."""
    place = {"schema": table.schema, "table": table.name}
    if connection.execute(_HEIRS, place).first() is None:
        return table
    keys = {key.columns for key in (table.primary_key, *table.unique_constraints) if key is not None}
    indexes = {tuple(part.text for part in index.parts) for index in table.indexes}
    return replace(table, untold=frozenset(keys | indexes))
