"""Throwaway MariaDB servers."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import asyncmy

from support import template
from support.available import engine_program
from support.throwaway import ADMIN, ADMIN_PASSWORD, DATABASE, HOST, PASSWORD, USER, ThrowawayServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

# Bootstrapping runs without the grant tables until they are flushed.
_BOOTSTRAP = f"""\
FLUSH PRIVILEGES;
DROP USER IF EXISTS ''@'localhost';
DROP USER IF EXISTS ''@'127.0.0.1';
CREATE DATABASE {DATABASE} CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci;
CREATE USER '{USER}'@'%' IDENTIFIED BY '{PASSWORD}';
GRANT ALL PRIVILEGES ON {DATABASE}.* TO '{USER}'@'%';
CREATE USER '{ADMIN}'@'%' IDENTIFIED BY '{ADMIN_PASSWORD}';
GRANT ALL PRIVILEGES ON *.* TO '{ADMIN}'@'%' WITH GRANT OPTION;
"""

# Small and quick: what was committed survives a kill, but need not survive a power cut.
_OPTIONS = (
    "--no-defaults",
    "--skip-name-resolve",
    "--character-set-server=utf8mb4",
    "--collation-server=utf8mb4_general_ci",
    "--innodb-log-file-size=8M",
    "--innodb-buffer-pool-size=32M",
    "--innodb-flush-log-at-trx-commit=2",
    "--innodb-flush-method=nosync",
    "--innodb-doublewrite=OFF",
    "--innodb-use-native-aio=OFF",
    "--innodb-buffer-pool-dump-at-shutdown=OFF",
    "--innodb-buffer-pool-load-at-startup=OFF",
    "--aria-pagecache-buffer-size=8M",
    "--key-buffer-size=1M",
    "--performance-schema=OFF",
    "--max-connections=200",
)


class MariaDB(ThrowawayServer):
    """A MariaDB server."""

    scheme = "mysql"
    program = "mariadbd"
    accounts = ("mysql",)
    ready = r"ready for connections"
    port_taken = "Address already in use"
    stop_signal = signal.SIGTERM

    @property
    def socket(self) -> Path:
        """The server's Unix socket."""
        return self.folder / "socket"

    def _recipe(self) -> Sequence[str]:
        return [_BOOTSTRAP, *_OPTIONS]

    def _initialise(self, folder: Path) -> None:
        bootstrap = folder / "bootstrap.sql"
        bootstrap.write_text(_BOOTSTRAP)
        bootstrap.chmod(0o644)
        command: list[str | Path] = [
            engine_program("mariadb-install-db"),
            *_OPTIONS,
            *(f"--datadir={folder / 'data'}", f"--extra-file={bootstrap}"),
            *("--auth-root-authentication-method=normal", "--skip-test-db"),
        ]
        template.run(command, folder=folder, account=self._account)

    def _command(self) -> Sequence[str | Path]:
        return [
            engine_program("mariadbd"),
            *_OPTIONS,
            *(f"--bind-address={HOST}", f"--port={self.port}", f"--socket={self.socket}"),
            *(f"--datadir={self.data}", f"--tmpdir={self.folder}", f"--pid-file={self.folder / 'pid'}"),
        ]

    async def _fetch(self, sql: str) -> list[tuple[Any, ...]]:
        async with self._admin() as connection, connection.cursor() as cursor:
            await cursor.execute(sql)
            return [tuple(row) for row in await cursor.fetchall()]

    async def _script(self, sql: str) -> None:
        async with self._admin() as connection, connection.cursor() as cursor:
            await cursor.execute(sql)
            while await cursor.nextset():
                pass

    @asynccontextmanager
    async def _admin(self) -> AsyncIterator[Any]:
        connection = await asyncmy.connect(
            unix_socket=str(self.socket), user=ADMIN, password=ADMIN_PASSWORD, db=DATABASE, autocommit=True
        )
        try:
            yield connection
        finally:
            await connection.ensure_closed()
