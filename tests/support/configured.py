"""A server with a configuration file that is exchanged while it serves."""

from __future__ import annotations

import copy
import os
import signal
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import yaml

import rowgate
from support.eventually import eventually
from support.metrics import scraped
from support.process import Gateway

TAKEN, REFUSED, SAME = "configuration taken", "configuration refused", "configuration is the one that holds"
"""What the log says of a file that was read."""


class Configured:
    """A server with a configuration file, and databases that tell by a row which they are."""

    def __init__(self, folder: Path, workers: int) -> None:
        self.folder = folder
        self.file = folder / "rowgate.yaml"
        self.settings: dict[str, Any] = {
            "databases": {"main": {"url": self.database("first")}},
            "default_database": "main",
            "server": {"workers": workers},
            "reload": {"interval": "100ms"},
            # What is tried out is told there only.
            "log": {"level": "debug"},
        }
        self.write()
        self.gateway = Gateway.start("--config", str(self.file))

    def database(self, name: str) -> str:
        """The URL of one; it is made."""
        file = self.folder / f"{name}.db"
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("create table if not exists named (name text)")
            connection.execute("delete from named")
            connection.execute("insert into named values (?)", (name,))
            connection.commit()
        return f"sqlite:///{file}"

    def write(self) -> None:
        """Put the settings into the file, in one go."""
        fresh = self.file.with_suffix(".new")
        fresh.write_text(yaml.safe_dump(self.settings), encoding="utf-8")
        fresh.rename(self.file)

    def told(self, event: str) -> int:
        """How often the log has it."""
        return self.gateway.stderr.count(event)

    async def exchange(self, expected: str = TAKEN) -> None:
        """Write the settings, and wait until they are taken, or refused."""
        before = self.told(expected)
        self.write()
        await eventually(lambda: self.told(expected) > before, 20, f"the log says {expected}")

    async def looked(self) -> None:
        """Have the files read, and wait until what they say holds."""
        before = self.told(TAKEN) + self.told(SAME)
        os.kill(self.gateway.child.pid, signal.SIGHUP)
        await eventually(lambda: self.told(TAKEN) + self.told(SAME) > before, 20, "the files are read")

    def counted(self, outcome: str) -> float:
        """How many configurations ended so."""
        return scraped(self.gateway)[f'rowgate_config_reloads_total{{outcome="{outcome}"}}']

    async def name(self, database: str = "main", **options: Any) -> Any:
        """Which one is served under that name."""
        async with rowgate.connect(self.gateway.address, database=database, **options) as client:
            return (await client.query("select name from named")).one()["name"]


@contextmanager
def started(folder: Path, workers: int = 1) -> Iterator[Configured]:
    """One that ends well."""
    made = Configured(folder, workers)
    with made.gateway:
        yield made
        assert made.gateway.terminate() == 0, made.gateway.stderr


@asynccontextmanager
async def lent(server: Configured) -> AsyncIterator[Configured]:
    """One that has what it began with; what changes is taken back."""
    before = copy.deepcopy(server.settings)
    yield server
    server.settings = before
    server.write()
    await server.looked()
