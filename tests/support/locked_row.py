"""A row that transactions lock, in each of three databases, looked at from outside the gateway."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc.aio

from support.available import ROOT
from support.child import Child
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.process import Gateway
from support.transactions import Transact

ENGINES = ("sqlite", "mariadb", "postgresql")
UPDATE = "update tx_ends set n = n + 1 where id = 1"


class Databases:
    """The three databases, asked from outside the gateway."""

    def __init__(self, mariadb: MariaDB, postgresql: PostgreSQL, file: Path) -> None:
        self._mariadb, self._postgresql, self._file = mariadb, postgresql, file

    @classmethod
    @contextlib.contextmanager
    def with_row(cls, mariadb: MariaDB, postgresql: PostgreSQL, folder: Path) -> Iterator[Databases]:
        """With the row in a table of each, dropped afterwards."""
        file = folder / "test.db"
        with contextlib.closing(sqlite3.connect(file)) as connection:
            connection.execute("pragma journal_mode = wal")
        databases = cls(mariadb, postgresql, file)
        for engine in ENGINES:
            for sql in (
                "create table tx_ends (id integer primary key, n integer)",
                "insert into tx_ends values (1, 0)",
            ):
                databases.execute(engine, sql)
        databases.execute("postgresql", "grant all on tx_ends to public")
        yield databases
        for engine in ENGINES:
            databases.execute(engine, "drop table tx_ends")

    def gateway(self, **settings: str) -> Gateway:
        """A gateway of all three; a setting of `server` is that, and any other is each database's."""
        urls = {"SQLITE": f"sqlite:///{self._file}", "MARIADB": self._mariadb.url, "POSTGRESQL": self._postgresql.url}
        environment = {f"ROWGATE_DATABASES__{name}__URL": url for name, url in urls.items()}
        for key, text in settings.items():
            if key.startswith("SERVER__"):
                environment[f"ROWGATE_{key}"] = text
            else:
                environment.update({f"ROWGATE_DATABASES__{name}__{key}": text for name in urls})
        return Gateway.start(environment=environment)

    def execute(self, engine: str, sql: str, *, patience: float = 5) -> Any:
        """The rows; SQLite's lock is waited for so many seconds: a gateway may be undoing what one before it left."""
        if engine == "sqlite":
            connecting = sqlite3.connect(self._file, timeout=patience, isolation_level=None)
            with contextlib.closing(connecting) as connection:
                return connection.execute(sql).fetchall()
        return (self._mariadb if engine == "mariadb" else self._postgresql).execute(sql)

    def is_free(self, engine: str) -> bool:
        """Whether another can lock the row at once."""
        try:
            if engine == "sqlite":
                self.execute(engine, UPDATE.replace("n + 1", "n"), patience=0)
            else:
                self.execute(engine, "select n from tx_ends where id = 1 for update nowait")
        except Exception as error:  # each driver has its own
            if "lock" not in str(error).lower():
                raise
            return False
        return True

    def number(self, engine: str) -> int:
        return int(self.execute(engine, "select n from tx_ends where id = 1")[0][0])


@contextlib.asynccontextmanager
async def holding(address: str, engine: str, seconds: float | None = None, **how: Any) -> AsyncIterator[Transact]:
    """A transaction that holds the row's lock."""
    async with grpc.aio.insecure_channel(address) as channel, Transact(channel, seconds) as tx:
        await tx.begin(engine, **how)
        assert (await tx.sql(UPDATE)).affected == 1
        yield tx


def client_of(gateway: Gateway, engine: str) -> Child:
    """A client in a process of its own, that holds the row's lock."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    arguments = [sys.executable, "-m", "support.transaction_client", gateway.address, engine, UPDATE]
    client = Child(arguments, folder=ROOT, environment=environment)
    assert client.stdout.wait_for("holding", within=30), client.stderr.text
    return client
