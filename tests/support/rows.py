"""What a table holds, asked for in SQL."""

from __future__ import annotations

from typing import Any

import rowgate

ROWS = 500
"""In a table that is filled so that a plan uses its key."""


async def count(db: rowgate.Database, table: str) -> int:
    """How many rows."""
    number: int = (await db.query(f"select count(*) as n from {table}")).scalar()
    return number


async def stored(
    db: rowgate.Database, columns: str = "code, body, stars", table: str = "notes"
) -> list[tuple[Any, ...]]:
    """The rows by their ids."""
    return [tuple(row) for row in (await db.query(f"select {columns} from {table} order by id")).rows]
