"""How to open one SQLite database file."""

from __future__ import annotations

import contextlib
import sqlite3
import weakref
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy.engine import URL

from rowgate_server.engines.attended import Attended
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.sqlite import errors, functions
from rowgate_server.engines.dialects.sqlite.connection import Connection
from rowgate_server.engines.dialects.sqlite.counters import Counters
from rowgate_server.engines.dialects.sqlite.guard import Guard
from rowgate_server.engines.dialects.sqlite.probing import Probing
from rowgate_server.engines.dialects.sqlite.schema_version import SchemaVersion
from rowgate_server.engines.dialects.sqlite.session import SQLiteSession
from rowgate_server.engines.driver import ServerFacts
from rowgate_server.engines.roles import Role
from rowgate_server.errors import RowgateError

_ROLLBACK_JOURNAL = (
    "the file has no write-ahead log: whoever reads, as a stream for as long as it lasts, keeps writers out, and"
    " whoever writes keeps readers out; `PRAGMA journal_mode = WAL` in any SQLite shell changes it for good"
)

_LONGEST_VALUE = 64 * 1024 * 1024
"""Bytes: SQLITE_LIMIT_LENGTH. Without it `zeroblob(1000000000)` takes a gigabyte of the gateway's memory."""


@dataclass(frozen=True, slots=True)
class SQLiteFile:
    """Which file. It must exist: a mistyped path must not become an empty database."""

    path: Path
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class SQLiteTimeouts:
    """Seconds. `lock` is the wait for another connection's lock."""

    connect: float
    lock: float


class SQLiteDriver:
    """aiosqlite connections to one file."""

    dialect = Dialect.SQLITE
    outliving = None

    def __init__(self, file: SQLiteFile, timeouts: SQLiteTimeouts) -> None:
        self._file = file
        self._timeouts = timeouts
        self._version = SchemaVersion(self._open_at_once)
        self._probing = Probing(self._look)
        self._advice = ""
        self._guards: weakref.WeakKeyDictionary[Any, Guard] = weakref.WeakKeyDictionary()

    @property
    def engine_url(self) -> URL:
        """`sqlite+aiosqlite:///path`; the connections are made by `connect`."""
        return URL.create("sqlite+aiosqlite", database=str(self._file.path))

    @property
    def adapter_options(self) -> dict[str, Any]:
        """None."""
        return {}

    async def connect(self) -> Any:
        """A connection in autocommit, foreign keys on, fenced in by the guard."""
        async with Attended(self._timeouts.connect):
            connection = await self._open()
            guard = Guard()
            self._guards[connection] = guard

            def prepare(opened: sqlite3.Connection) -> None:
                opened.execute("PRAGMA foreign_keys = ON")
                opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST_VALUE)
                functions.install(opened, connection.patience.check)
                connection.counters = Counters(opened)
                opened.set_authorizer(guard)

            try:
                await self.session(connection).on_thread(prepare)
            except BaseException:
                connection.stop()
                raise
        return connection

    def session(self, connection: Any) -> SQLiteSession:
        """The session on a connection."""
        return SQLiteSession(connection, self._guards[connection])

    async def probe(self) -> ServerFacts:
        """Open the file and read its header."""
        async with Attended(self._timeouts.connect):
            await self._probing.ask()
        return ServerFacts(sqlite3.sqlite_version, "main", self._advice)

    async def role(self) -> Role:
        """A file has no others."""
        return Role()

    def schema_version(self) -> int | None:
        """A number in the file's header."""
        return self._version.read()

    async def close(self) -> None:
        """Let go of the file's header, and of the probes' thread."""
        self._version.close()
        self._probing.drop()

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        """The gateway's words for an error of sqlite3's."""
        return errors.translate(error, has_parameters=has_parameters)

    def is_broken(self, error: BaseException) -> bool:
        """Whether the connection can no longer be trusted."""
        return errors.is_broken(error)

    @property
    def _uri(self) -> str:
        mode = "ro" if self._file.read_only else "rw"
        return f"file:{quote(str(self._file.path))}?mode={mode}"

    def _open_at_once(self) -> sqlite3.Connection:
        """A connection that waits for nothing."""
        return sqlite3.connect(self._uri, uri=True, isolation_level=None, timeout=0)

    def _look(self) -> None:
        """Read the header, where nobody has locked it; where someone has, the file is there."""
        with contextlib.closing(self._open_at_once()) as connection:
            try:
                connection.execute("SELECT 1 FROM sqlite_master LIMIT 1")
                (mode,) = connection.execute("PRAGMA journal_mode").fetchone()
                # The file is its owner's: nobody has asked the gateway to change it.
                self._advice = "" if mode == "wal" or self._file.read_only else _ROLLBACK_JOURNAL
            except sqlite3.OperationalError as error:
                if not errors.is_locked(error):
                    raise

    async def _open(self) -> Any:
        return await Connection(
            lambda: sqlite3.connect(
                self._uri,
                uri=True,
                isolation_level=None,
                timeout=0,  # see Patience
                check_same_thread=False,
                # See Guard: a cached statement is not authorised again.
                cached_statements=0,
            ),
            self._timeouts.lock,
        )
