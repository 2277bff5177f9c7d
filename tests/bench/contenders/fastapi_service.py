"""The FastAPI service of `fastapi_app`, called over HTTP/1.1 with kept connections by aiohttp."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any

import aiohttp

from bench.caller import Caller, expect
from bench.contender import Contender, Running, Site, started
from bench.work import ORDER, PAGE_ROWS, Encoding

_CREATED = 201
_CHUNK = 1 << 20
_ORDER = json.loads(json.dumps(asdict(ORDER) | {"created_at": ORDER.created_at.isoformat()}, default=str))


class HttpCaller(Caller):
    """Calls the service.

    Args:
        address: its HOST:PORT.
    """

    def __init__(self, address: str) -> None:
        self._base = f"http://{address}"
        self._session: Any = None

    async def open(self) -> None:
        self._session = aiohttp.ClientSession(self._base, raise_for_status=True, timeout=aiohttp.ClientTimeout())

    async def close(self) -> None:
        await self._session.close()

    async def row(self, key: int) -> Sequence[Any]:
        row: dict[str, Any] = await self._get(f"/items/{key}")
        return [row[name] for name in ("id", "name", "price", "quantity", "created_at", "weight")]

    async def point(self, key: int) -> None:
        expect("cells", len(await self._get(f"/items/{key}")), 6)

    async def page(self, after: int) -> None:
        expect("rows", len(await self._get(f"/items?after={after}")), PAGE_ROWS)

    async def insert(self) -> None:
        async with self._session.post("/orders", json=_ORDER) as answer:
            expect("status", answer.status, _CREATED)
            await answer.json()

    async def scan(self, rows: int, encoding: Encoding | None) -> int:
        """Parses the lines of each piece that comes in together: a third of what line by line takes."""
        assert encoding is None
        count, rest = 0, b""
        async with self._session.get(f"/items.ndjson?last={rows}", read_bufsize=_CHUNK) as answer:
            async for piece in answer.content.iter_any():
                lines, _, rest = (rest + piece).rpartition(b"\n")
                count += len(json.loads(b"[" + lines.replace(b"\n", b",") + b"]"))
        expect("bytes after the last line", len(rest), 0)
        return count

    async def ping(self) -> None:
        await self._get("/health")

    async def _get(self, path: str) -> Any:
        async with self._session.get(path) as answer:
            return json.loads(await answer.read())


def _start(site: Site) -> AbstractContextManager[Running]:
    url = site.database_url.replace("mysql://", "mysql+asyncmy://", 1)
    return started("bench.contenders.fastapi_app", url)


CONTENDER = Contender("fastapi", "FastAPI, SQLAlchemy, asyncmy, uvicorn: JSON over HTTP", HttpCaller, _start)
