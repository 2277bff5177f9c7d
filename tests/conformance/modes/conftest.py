"""Tables with enough rows that a plan uses their keys."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

import rowgate
from support.engines import Engine
from support.rows import ROWS


@pytest.fixture
async def filled(db: rowgate.Database, table: str, engine: Engine) -> str:
    """The table with so many rows that its key is worth using."""
    await db.query(f"insert into {table} (id, name) select i, 'n' from ({engine.series.format(n=ROWS)}) as numbers")
    await db.query(f"analyze {'table ' if engine.name == 'mariadb' else ''}{table}")
    return table


@pytest.fixture
async def lines(db: rowgate.Database, filled: str) -> AsyncIterator[str]:
    """A table whose rows refer to those of the other one, by a column with an index."""
    name = f"lines_of_{filled}"
    await db.query(f"create table {name} (id integer primary key, thing integer)")
    await db.query(f"create index {name}_by_thing on {name} (thing)")
    await db.query(f"insert into {name} (id, thing) select id, id from {filled}")
    yield name
    await db.query(f"drop table {name}")
