"""The gateway's own services on a real server, with SQLite files for databases."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc.aio
from unit.core.sqlite_files import fill

from rowgate_server import config
from rowgate_server.app import Gateway
from rowgate_server.engines.database import Databases
from rowgate_server.observability.metrics import Metrics
from rowgate_server.transport.health import Health

LARGEST_MESSAGE = 4 * 1024 * 1024


@dataclass(frozen=True)
class Served:
    """The gateway's own server, on two SQLite files: `main`, the default, has a table; `other` is not there.

    No database has been probed, and none is by itself.
    """

    channel: grpc.aio.Channel
    port: int
    databases: Databases
    health: Health
    metrics: Metrics


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[Served]:
    """Serve them on a free loopback port."""
    main = fill(folder / "main.db", "create table things (id integer primary key, name text)")
    settings = {
        "admin_listen": "off",
        "default_database": "main",
        "server.drain_grace": "0",
        "server.max_message_bytes": str(LARGEST_MESSAGE),
        "server.max_request_bytes": str(LARGEST_MESSAGE),
    }
    for name, file in (("main", main), ("other", folder / "other.db")):
        settings[f"databases.{name}.url"] = f"sqlite:///{file}"
        settings[f"databases.{name}.limits.unary_bytes"] = str(LARGEST_MESSAGE // 2)
    gateway = Gateway(config.load(settings, {}))
    port = gateway._grpc.add_insecure_port("127.0.0.1:0")
    await gateway._grpc.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
            yield Served(channel, port, gateway._served.databases, gateway.health, gateway.metrics)
    finally:
        await gateway.stop()
