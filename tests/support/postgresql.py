"""Throwaway PostgreSQL servers."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncpg

from support import template
from support.available import engine_program
from support.throwaway import ADMIN, ADMIN_PASSWORD, DATABASE, HOST, PASSWORD, USER, ThrowawayServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

# One statement a line: the single-user mode runs each line by itself.
_BOOTSTRAP = f"""\
CREATE ROLE {USER} LOGIN PASSWORD '{PASSWORD}';
CREATE DATABASE {DATABASE} OWNER {USER};
"""

_INITDB_OPTIONS = (
    f"--username={ADMIN}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    "--locale=C.UTF-8",
    "--lc-messages=C",
    "--wal-segsize=1",
    "--no-sync",
)

# Small and quick: what was committed survives a kill, but need not survive a power cut.
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "autovacuum": "off",
    "shared_buffers": "32MB",
    "max_connections": "200",
    "listen_addresses": HOST,
    # In the data folder, so that even a killed server leaves nothing elsewhere.
    "dynamic_shared_memory_type": "mmap",
}


class PostgreSQL(ThrowawayServer):
    """A PostgreSQL server."""

    scheme = "postgresql"
    program = "postgres"
    accounts = ("postgres",)  # the server refuses to run as root
    ready = r"database system is ready to accept connections"
    port_taken = "Address already in use"
    stop_signal = signal.SIGINT

    def _recipe(self) -> Sequence[str]:
        return [_BOOTSTRAP, ADMIN_PASSWORD, *_INITDB_OPTIONS]

    def _initialise(self, folder: Path) -> None:
        password = folder / "password"
        password.write_text(ADMIN_PASSWORD)
        password.chmod(0o644)
        data = f"--pgdata={folder / 'data'}"
        command: list[str | Path] = [engine_program("initdb"), *_INITDB_OPTIONS, f"--pwfile={password}", data]
        template.run(command, folder=folder, account=self._account)
        single: list[str | Path] = [engine_program("postgres"), "--single", "-D", folder / "data", "postgres"]
        template.run(single, folder=folder, account=self._account, script=_BOOTSTRAP)

    def _command(self) -> Sequence[str | Path]:
        settings = _SETTINGS | {"port": str(self.port), "unix_socket_directories": str(self.folder)}
        return [
            engine_program("postgres"),
            *("-D", self.data),
            *(argument for name, value in settings.items() for argument in ("-c", f"{name}={value}")),
        ]

    async def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        async with self._admin() as connection:
            return [tuple(row) for row in await connection.fetch(sql)]

    async def _script(self, sql: str) -> None:
        async with self._admin() as connection:
            await connection.execute(sql)

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        connection = await asyncpg.connect(
            host=str(self.folder), port=self.port, user=ADMIN, password=ADMIN_PASSWORD, database=DATABASE
        )
        try:
            yield connection
        finally:
            await connection.close()
