"""SQLAlchemy's async engine alone: a pool in the process of the caller, with nothing in between."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine  # noqa: TID251 - no part of the gateway: what it is compared with

from bench.caller import Caller, expect
from bench.common import BATCH, POOL
from bench.contender import Contender
from bench.work import INSERT, ORDER, PAGE, PAGE_ROWS, POINT, SCAN, Encoding

_POINT, _PAGE, _INSERT, _SCAN = (text(sql) for sql in (POINT, PAGE, INSERT, SCAN))
_ORDER = asdict(ORDER)


class EngineCaller(Caller):
    """Runs the statements through the engine.

    Args:
        url: the database's.
    """

    def __init__(self, url: str) -> None:
        self._engine: AsyncEngine = create_async_engine(
            url.replace("mysql://", "mysql+asyncmy://", 1),
            pool_size=POOL.size,
            max_overflow=POOL.overflow,
            pool_pre_ping=True,
        )

    async def open(self) -> None:
        async with self._engine.connect():
            pass

    async def close(self) -> None:
        await self._engine.dispose()

    async def row(self, key: int) -> Sequence[Any]:
        async with self._engine.connect() as connection:
            return list((await connection.execute(_POINT, {"id": key})).one())

    async def point(self, key: int) -> None:
        async with self._engine.connect() as connection:
            (await connection.execute(_POINT, {"id": key})).one()

    async def page(self, after: int) -> None:
        async with self._engine.connect() as connection:
            rows = (await connection.execute(_PAGE, {"after": after})).all()
        expect("rows", len(rows), PAGE_ROWS)

    async def insert(self) -> None:
        async with self._engine.begin() as connection:
            expect("rows inserted", (await connection.execute(_INSERT, _ORDER)).rowcount, 1)

    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        assert encoding is None
        count = 0
        async with self._engine.connect() as connection:
            result = await connection.stream(_SCAN, {"last": rows})
            async for batch in result.partitions(BATCH):
                count += len(batch)
        return count


CONTENDER = Contender("sqlalchemy", "SQLAlchemy on asyncmy, in the caller's process", EngineCaller)
