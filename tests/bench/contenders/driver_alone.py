"""asyncmy alone: a small pool in the process of the caller, with nothing in between."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, astuple
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import asyncmy
from asyncmy.cursors import SSCursor

from bench.caller import Caller, expect
from bench.common import BATCH, POOL
from bench.contender import Contender
from bench.work import INSERT, MANY_ROWS, ORDER, PAGE, PAGE_ROWS, POINT, SCAN, Encoding, many_orders, pyformat


class DriverCaller(Caller):
    """Runs the statements on the pool.

    Args:
        url: the database's.
    """

    def __init__(self, url: str) -> None:
        self._url = urlsplit(url)
        self._pool: Any = None

    async def open(self) -> None:
        self._pool = await asyncmy.create_pool(
            minsize=POOL.size,
            maxsize=POOL.maximum,
            host=self._url.hostname,
            port=self._url.port,
            user=self._url.username,
            password=self._url.password,
            db=self._url.path.lstrip("/"),
            charset="utf8mb4",
            autocommit=True,
        )

    async def close(self) -> None:
        self._pool.close()
        await self._pool.wait_closed()

    async def row(self, key: int) -> Sequence[Any]:
        [row] = await self._all(pyformat(POINT), {"id": key})
        return list(row)

    async def point(self, key: int) -> None:
        expect("rows", len(await self._all(_POINT, {"id": key})), 1)

    async def page(self, after: int) -> None:
        expect("rows", len(await self._all(_PAGE, {"after": after})), PAGE_ROWS)

    async def insert(self) -> None:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            expect("rows inserted", await cursor.execute(_INSERT, _ORDER), 1)

    async def insert_many(self) -> None:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            expect("rows inserted", await cursor.executemany(_INSERT_MANY, many_rows()), MANY_ROWS)

    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        assert encoding is None
        count = 0
        async with self._pool.acquire() as connection, connection.cursor(SSCursor) as cursor:
            await cursor.execute(_SCAN, {"last": rows})
            while batch := await cursor.fetchmany(BATCH):
                count += len(batch)
        return count

    async def _all(self, sql: str, parameters: dict[str, int]) -> Sequence[Sequence[Any]]:
        async with self._pool.acquire() as connection, connection.cursor() as cursor:
            await cursor.execute(sql, parameters)
            rows: Sequence[Sequence[Any]] = await cursor.fetchall()
            return rows


_POINT, _PAGE, _INSERT, _SCAN = (pyformat(sql) for sql in (POINT, PAGE, INSERT, SCAN))
_ORDER = asdict(ORDER)


@cache
def many_rows() -> list[tuple[Any, ...]]:
    """The rows of the insert of many."""
    return [astuple(order) for order in many_orders()]


# asyncmy makes one statement of many rows where it finds `values (%s, ...)`.
_INSERT_MANY = re.sub(r"%\([a-z_]+\)s", "%s", _INSERT)

CONTENDER = Contender("asyncmy", "asyncmy alone, in the caller's process", DriverCaller, of_tables=True)
