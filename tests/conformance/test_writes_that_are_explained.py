"""EXPLAIN ANALYZE runs what it explains: where only reading is allowed, a write behind it is refused."""

from __future__ import annotations

import pytest

import rowgate
from support.engines import ENGINES, Engine

RUNNING = {
    "postgresql": [
        "explain analyze insert into {table} (id, name) values (1, 'a')",
        "explain (analyze, costs off) insert into {table} (id, name) values (1, 'a')",
        "explain /* */ analyze with x as (insert into {table} (id, name) values (1, 'a') returning id) select * from x",
    ],
    "mariadb": [
        "analyze insert into {table} (id, name) values (1, 'a')",
        "analyze format=json insert into {table} (id, name) values (1, 'a')",
        "set statement max_statement_time=9 for insert into {table} (id, name) values (1, 'a')",
    ],
}
CASES = [(engine, sql) for engine in ENGINES for sql in RUNNING.get(engine.name, ())]


@pytest.mark.parametrize(("engine", "sql"), CASES, ids=lambda told: getattr(told, "name", str(told))[:24])
async def test_a_write_that_is_run_to_be_explained_is_refused(
    db: rowgate.Database, engine: Engine, table: str, sql: str
) -> None:
    write = sql.format(table=table)
    reading = db.with_options(read_only=True)
    with pytest.raises(rowgate.ReadOnly):
        await reading.query(write)
    # Where it stands with others, MariaDB's is refused by itself already.
    with pytest.raises((rowgate.ReadOnly, rowgate.NotSupported)):
        await reading.batch([write])
    async with reading.transaction() as tx:
        with pytest.raises((rowgate.ReadOnly, rowgate.NotSupported)):
            await tx.query(write)
        await tx.rollback()
    assert (await db.query(f"select count(*) from {table}")).scalar() == 0, engine


async def test_what_is_only_explained_is_answered(db: rowgate.Database, engine: Engine, table: str) -> None:
    plan = "explain query plan" if engine.name == "sqlite" else "explain"
    found = await db.with_options(read_only=True).query(f"{plan} select * from {table}")
    assert len(found) > 0
