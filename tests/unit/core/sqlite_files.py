"""The gateway's databases on SQLite files that the tests fill."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path

from rowgate_server import config
from rowgate_server.engines.database import Databases
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_databases


def fill(file: Path, *statements: str) -> Path:
    """A file after these statements."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("begin")  # else each statement waits for the disk
        for statement in statements:
            connection.execute(statement)
        connection.commit()
    return file


@asynccontextmanager
async def databases(
    files: Mapping[str, Path], *, metrics: Metrics | None = None, **settings: str
) -> AsyncIterator[Databases]:
    """A database on each file, by its name, put together as the gateway does; none is probed by itself.

    Args:
        files: by the databases' names.
        metrics: where connections are counted.
        settings: of every database, as `limits__unary_rows="10"`; `default` names the default database.
    """
    flags = {"default_database": settings.pop("default")} if "default" in settings else {}
    for name, file in files.items():
        flags[f"databases.{name}.url"] = f"sqlite:///{file}"
        flags |= {f"databases.{name}.{key.replace('__', '.')}": value for key, value in settings.items()}
    found = open_databases(config.load(flags, {}), metrics or Metrics())
    try:
        yield found
    finally:
        for database in found:
            await database.close()
