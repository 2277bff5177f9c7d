"""Tables that a transaction alters are known to others as they are from its commit on: PostgreSQL and SQLite."""

from __future__ import annotations

import asyncio

import pytest

import rowgate
from support.engines import ENGINES, Engine

ALTERING = [engine for engine in ENGINES if engine.name != "mariadb"]


@pytest.mark.parametrize("engine", ALTERING, ids=lambda engine: engine.name)
async def test_a_column_that_a_transaction_adds_is_found_after_its_commit(
    db: rowgate.Database, engine: Engine, table: str
) -> None:
    async with db.transaction() as tx:
        await tx.query(f"alter table {table} add column added integer")
        # Others look at the table meanwhile: SQLite answers as it still is, PostgreSQL lets them wait.
        looking = asyncio.create_task(db.table(table).where(added=1).all())
        await asyncio.wait([looking], timeout=0.3)
        await tx.query(f"insert into {table} (id, name, added) values (1, 'a', 7)")
    await asyncio.gather(looking, return_exceptions=True)
    (row,) = await db.table(table).where(added=7).all()
    assert (row["added"], engine.dynamic) == (7, engine.name == "sqlite")


@pytest.mark.parametrize("engine", ALTERING, ids=lambda engine: engine.name)
async def test_a_column_that_is_rolled_back_is_not_there(db: rowgate.Database, table: str) -> None:
    async with db.transaction() as tx:
        await tx.query(f"alter table {table} add column added integer")
        await tx.rollback()
    with pytest.raises(rowgate.UnknownColumn):
        await db.table(table).where(added=1).all()
