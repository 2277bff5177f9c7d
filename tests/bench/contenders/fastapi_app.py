"""What one would write instead of Rowgate: a FastAPI service on SQLAlchemy and asyncmy.

Written as FastAPI's and SQLAlchemy's own pages advise: declared response models (pydantic serialises them, in Rust),
parameterised statements, a pooled engine with pre-ping, a server-side cursor behind a StreamingResponse in batches.
Runs only in the environment of `make bench`: `python -m bench.contenders.fastapi_app DATABASE_URL`.
"""

from __future__ import annotations

import contextlib
import socket
import sys
from collections.abc import AsyncIterator
from datetime import datetime
from decimal import Decimal
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from pydantic import BaseModel
from pydantic_core import to_json
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine  # noqa: TID251 - no part of the gateway: what it is compared with

from bench.common import BATCH, HOST, POOL, say_ready
from bench.work import INSERT, PAGE, POINT, SCAN


class NewOrder(BaseModel):
    """A row to insert."""

    name: str
    price: Decimal
    quantity: int
    created_at: datetime
    weight: float


class Item(NewOrder):
    """A row of the table."""

    id: int


class Inserted(BaseModel):
    """What became of an insert."""

    id: int


def build(url: str) -> FastAPI:
    """The service, on the database of this URL."""
    engine = create_async_engine(url, pool_size=POOL.size, max_overflow=POOL.overflow, pool_pre_ping=True)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        await engine.dispose()

    async def lines(last: int) -> AsyncIterator[bytes]:
        async with engine.connect() as connection:
            result = await connection.stream(text(SCAN), {"last": last})
            async for batch in result.mappings().partitions(BATCH):
                yield b"".join(to_json(dict(row)) + b"\n" for row in batch)

    async def health() -> dict[str, str]:
        return {"status": "ok"}

    async def all_items(last: int) -> StreamingResponse:
        return StreamingResponse(lines(last), media_type="application/x-ndjson")

    async def page(after: int) -> Any:
        async with engine.connect() as connection:
            result = await connection.execute(text(PAGE), {"after": after})
            return [dict(row) for row in result.mappings()]

    async def item(item_id: int) -> Any:
        async with engine.connect() as connection:
            row = (await connection.execute(text(POINT), {"id": item_id})).mappings().one_or_none()
        if row is None:
            raise HTTPException(404)
        return dict(row)

    async def insert(order: NewOrder) -> Any:
        async with engine.begin() as connection:
            result = await connection.execute(text(INSERT), order.model_dump())
        return {"id": result.lastrowid}

    app = FastAPI(lifespan=lifespan)
    app.add_api_route("/health", health)
    app.add_api_route("/items.ndjson", all_items)
    app.add_api_route("/items", page, response_model=list[Item])
    app.add_api_route("/items/{item_id}", item, response_model=Item)
    app.add_api_route("/orders", insert, methods=["POST"], status_code=201, response_model=Inserted)
    return app


def main(url: str) -> None:
    """Serves it with uvicorn on a free port, as `uvicorn --log-level warning` does on a given one."""
    listener = socket.create_server((HOST, 0))
    say_ready(listener.getsockname()[1])
    config = uvicorn.Config(build(url), log_level="warning")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main(*sys.argv[1:])
