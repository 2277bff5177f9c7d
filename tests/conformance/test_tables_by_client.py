"""The client makes, refreshes and drops tables, and a description goes there and back whole."""

from __future__ import annotations

from dataclasses import replace

import pytest

import rowgate
from rowgate._schema_wire import table_to_wire


async def test_the_client_makes_a_table_like_another_and_drops_it(db: rowgate.Database, table: str) -> None:
    await db.query(f"create index {table}_by_name on {table} (name, amount)")
    described = await db.describe(table)
    assert described.primary_key
    copy = replace(
        described,
        name=f"{table}_copy",
        # On PostgreSQL two tables of a schema can't call their keys the same.
        primary_key=replace(described.primary_key, name=""),
        indexes=tuple(replace(index, name=f"{index.name}_copy") for index in described.indexes),
    )
    assert rowgate.Table.from_wire(table_to_wire(copy)) == replace(copy, row_estimate=None, create_statement="")
    dry = await db.create_table(copy, dry_run=True)
    assert (dry.table, dry.created, dry.statements[0].startswith("CREATE TABLE")) == (None, False, True)
    try:
        made = await db.create_table(copy)
        assert made.created
        assert made.table
        assert made.table == await db.describe(f"{table}_copy")
        assert made.table.columns == described.columns
        again = await db.create_table(copy, if_not_exists=True)
        assert (again.created, again.table) == (False, made.table)
        with pytest.raises(rowgate.TableExists):
            await db.create_table(copy)
        refreshed = await db.refresh_schema()
        assert refreshed.etag == (await db.schema()).etag
        assert refreshed.columns >= 3
    finally:
        assert await db.drop_table(f"{table}_copy")
    assert not await db.drop_table(f"{table}_copy", if_exists=True)
    with pytest.raises(rowgate.UnknownTable):
        await db.drop_table(f"{table}_copy")
