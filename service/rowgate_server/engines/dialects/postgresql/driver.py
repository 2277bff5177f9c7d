"""How to reach one PostgreSQL server."""

from __future__ import annotations

import weakref
from dataclasses import dataclass, field
from typing import Any

import asyncpg
from sqlalchemy.engine import URL

from rowgate_server.engines.attended import Attended
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.postgresql import adapter, errors, types
from rowgate_server.engines.dialects.postgresql.connection import Connection
from rowgate_server.engines.dialects.postgresql.ending import Control, begun
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter
from rowgate_server.engines.dialects.postgresql.origins import Origins
from rowgate_server.engines.dialects.postgresql.session import PostgreSQLSession
from rowgate_server.engines.dialects.postgresql.wiping import Wiping
from rowgate_server.engines.driver import ServerFacts
from rowgate_server.engines.roles import Position, Role
from rowgate_server.engines.tls import Tls, TlsMode
from rowgate_server.errors import RowgateError

_FACTS = "SELECT pg_catalog.current_setting('server_version'), pg_catalog.current_schema()::text"

# What a standby has replayed, or else what was written, counted from the beginning. To compare standbys with what was
# inserted, and not yet written, would be too much: the end of a page is not where the next record begins.
_ROLE = """
SELECT current_setting('transaction_read_only') = 'off',
  (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END - '0/0')::bigint
"""


@dataclass(frozen=True, slots=True)
class PostgreSQLAddress:
    """Where a server is and how to log in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, slots=True)
class PostgreSQLTimeouts:
    """Seconds; `statement` and `idle` are the server's own limits, which stand behind the gateway's.

    They are for a gateway that is stuck; `idle` is for a transaction in which nothing runs.
    """

    connect: float
    statement: float
    idle: float


class PostgreSQLDriver:
    """asyncpg connections to one server."""

    dialect = Dialect.POSTGRESQL
    outliving = None
    """The server looks every second whether its client is there (`client_connection_check_interval`)."""

    def __init__(self, address: PostgreSQLAddress, timeouts: PostgreSQLTimeouts, longest_row: int) -> None:
        self._address = address
        self._timeouts = timeouts
        self._longest_row = longest_row
        self._origins = Origins()
        self._wiping = Wiping()
        self._meters: weakref.WeakKeyDictionary[Any, ReceiveMeter] = weakref.WeakKeyDictionary()
        # asyncpg takes "prefer" by name only; a context means that TLS is required.
        self._tls: Any = "prefer" if address.tls.mode is TlsMode.PREFER else address.tls.context() or False
        self._probing: Any = None
        # Not the probe's: one that waits for a silent server must not hold up a kill.
        self._ending = Control(self._open, timeouts.connect)

    @property
    def engine_url(self) -> URL:
        """For SQLAlchemy's asyncpg dialect, as `adapter` has it; the connections are made by `connect`."""
        return URL.create(adapter.DRIVER_NAME, database=self._address.database)

    @property
    def adapter_options(self) -> dict[str, Any]:
        """No cached statements: a reset drops them on the server."""
        return {"prepared_statement_cache_size": 0}

    async def connect(self) -> Any:
        """A connection in the gateway's settings, which a reset returns to: they are in the start-up packet."""
        async with Attended(self._timeouts.connect):
            connection = await self._open()
            try:
                connection.begun = await begun(connection)
                await self._wiping.learn(connection)
                await self._ending.ready()
            except BaseException:
                connection.terminate()
                raise
        connection.wiping = self._wiping
        types.install_codecs(connection)
        return connection

    def session(self, connection: Any) -> PostgreSQLSession:
        """The session on a connection."""
        return PostgreSQLSession(connection, self._meters[connection], self._origins, self._ending)

    async def probe(self) -> ServerFacts:
        """Ask for the version and schema on a connection kept for that."""
        if self._probing is None or self._probing.is_closed():
            async with Attended(self._timeouts.connect):
                self._probing = await self._open()
        try:
            row = await self._probing.fetchrow(_FACTS)
            await self._wiping.learn(self._probing)
        except BaseException:
            self._drop_probing()
            raise
        await self._ending.stay_ready()
        return ServerFacts(row[0], row[1] or "")

    async def role(self) -> Role:
        """A standby is read-only, and so is a server that was told to be."""
        try:
            writable, position = await self._probing.fetchrow(_ROLE)
        except BaseException:
            self._drop_probing()
            raise
        at: Position = () if position is None else ({"": int(position)},)
        return Role(writable, written=at, applied=at)

    def schema_version(self) -> int | None:
        """Not known without asking."""
        return None

    async def close(self) -> None:
        """Let go of the connections beside the pool."""
        self._drop_probing()
        self._ending.drop()

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        """The gateway's words for an error of asyncpg's."""
        return errors.translate(error, has_parameters=has_parameters)

    def is_broken(self, error: BaseException) -> bool:
        """Whether the connection can no longer be trusted."""
        return errors.is_broken(error)

    async def _open(self) -> Any:
        address = self._address
        connection = await asyncpg.connect(
            host=address.host,
            port=address.port,
            user=address.user,
            # Never None: asyncpg would then look into PGPASSWORD and .pgpass.
            password=address.password,
            database=address.database,
            ssl=self._tls,
            connection_class=Connection,
            # A cached statement could be replaced by a caller's PREPARE under the same name.
            statement_cache_size=0,
            server_settings={
                "application_name": "rowgate",
                "TimeZone": "UTC",
                # Some types come as text that these decide, and a database may have settings of its own.
                "DateStyle": "ISO",
                "IntervalStyle": "postgres",
                "extra_float_digits": "1",
                "bytea_output": "hex",
                # The tokenizer reads quotes as the server does: a backslash is itself.
                "standard_conforming_strings": "on",
                "statement_timeout": _milliseconds(self._timeouts.statement),
                "idle_in_transaction_session_timeout": _milliseconds(self._timeouts.idle),
                # A statement whose client has gone away ends even while it sends nothing.
                "client_connection_check_interval": "1000",
                "tcp_keepalives_idle": "30",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        )
        self._meters[connection] = ReceiveMeter(connection, self._longest_row)
        return connection

    def _drop_probing(self) -> None:
        if self._probing is not None:
            self._probing.terminate()
        self._probing = None


def _milliseconds(seconds: float) -> str:
    return str(int(seconds * 1000))
