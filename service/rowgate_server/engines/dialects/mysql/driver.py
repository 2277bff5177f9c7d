"""How to reach one MySQL or MariaDB server, and how to stop a statement on it."""

from __future__ import annotations

import socket
import ssl
import struct
from dataclasses import dataclass, field
from typing import Any

import asyncmy
from asyncmy.constants import CLIENT
from sqlalchemy.engine import URL

from rowgate_server.engines.attended import Attended
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.mysql import columns, errors
from rowgate_server.engines.dialects.mysql.connection import connect
from rowgate_server.engines.dialects.mysql.control import Control, Killing, server_of
from rowgate_server.engines.dialects.mysql.role import ask_role
from rowgate_server.engines.dialects.mysql.session import MySQLSession
from rowgate_server.engines.dialects.mysql.settings import SESSION_TRACK, SessionSettings, learn
from rowgate_server.engines.driver import ServerFacts
from rowgate_server.engines.outliving import Outliving
from rowgate_server.engines.roles import Role
from rowgate_server.engines.tls import Tls, TlsMode
from rowgate_server.errors import RowgateError

_KEEPALIVE_IDLE, _KEEPALIVE_INTERVAL, _KEEPALIVE_COUNT = 30, 5, 3
"""Seconds, seconds, probes: a dead peer is found within 45 s even on an idle connection."""

_FOUND_ROWS = CLIENT.FOUND_ROWS
"""An UPDATE counts the rows it matched, as on the other engines, not those it changed."""


@dataclass(frozen=True, slots=True)
class MySQLAddress:
    """Where a server is and how to log in."""

    host: str
    port: int
    user: str
    password: str = field(repr=False)
    database: str
    tls: Tls = field(default_factory=Tls)


@dataclass(frozen=True, slots=True)
class MySQLTimeouts:
    """Seconds; `statement` is the server's own limit, which stands behind the gateway's in case that is stuck."""

    connect: float
    statement: float


class MySQLDriver:
    """asyncmy connections to one server."""

    dialect = Dialect.MYSQL

    def __init__(self, address: MySQLAddress, timeouts: MySQLTimeouts, *, mariadb: bool, longest_row: int) -> None:
        self._address = address
        self._timeouts = timeouts
        self._longest_row = longest_row
        self._scheme = "mariadb" if mariadb else "mysql"
        self._context = address.tls.context()
        # One that waits for a silent server must not hold up a kill.
        self._probing = Control(self._open, timeouts.connect)
        self._killing = Killing(self._open, timeouts.connect)
        self.outliving = Outliving(f"{address.user}@{address.host}:{address.port}", self._killing.end)
        self._settings: SessionSettings | None = None

    @property
    def engine_url(self) -> URL:
        """`mariadb+asyncmy://` or `mysql+asyncmy://`; the connections are made by `connect`."""
        return URL.create(f"{self._scheme}+asyncmy", database=self._address.database or None)

    @property
    def adapter_options(self) -> dict[str, Any]:
        """None."""
        return {}

    async def connect(self) -> Any:
        """A connection in the gateway's settings: one statement a packet, UTC, utf8mb4, autocommit."""
        async with Attended(self._timeouts.connect):
            connection = await self._open()
            try:
                self.outliving.add(connection, connection.thread_id(), await server_of(connection))
                await self._prepare(connection)
                await self._killing.ready()
            except BaseException:
                connection.close()
                raise
        return connection

    async def _prepare(self, connection: Any) -> None:
        """Set it up as the first connection was found: a default role that a caller has set since is not taken over."""
        if self._settings is None:
            self._settings = await self._learn(connection)
        try:
            await MySQLSession(connection, self._settings, self).prepare()
        except asyncmy.errors.MySQLError as error:
            if error.args[:1] not in _NOT_GRANTED:
                raise
            # The login no longer has that role.
            self._settings = await self._learn(connection)
            await MySQLSession(connection, self._settings, self).prepare()

    async def _learn(self, connection: Any) -> SessionSettings:
        return await learn(connection, self._address.database, self._timeouts.statement)

    def session(self, connection: Any) -> MySQLSession:
        """The session on a connection."""
        if self._settings is None:
            raise RuntimeError("a session is asked for before a connection")
        return MySQLSession(connection, self._settings, self)

    async def probe(self) -> ServerFacts:
        """Ping on a connection kept for that."""

        async def ping(connection: Any) -> str:
            await connection.ping(reconnect=False)
            return str(connection.get_server_info())

        version = await self._probing.ask(ping)
        await self._killing.stay_ready()
        return ServerFacts(version.removeprefix("5.5.5-"), self._address.database)

    async def role(self) -> Role:
        """Whether it takes writes, is in step with its cluster, and how far its data goes."""
        return await self._probing.ask(ask_role)

    async def kill(self, connection: Any) -> bool:
        """End a connection, and what it runs, from another one: whether it is gone."""
        return await self.outliving.end_own(connection)

    def schema_version(self) -> int | None:
        """Not known without asking."""
        return None

    async def close(self) -> None:
        """Let go of the connections beside the pool."""
        self._probing.drop()
        self._killing.drop()

    def translate(self, error: BaseException, *, has_parameters: bool) -> RowgateError | None:
        """The gateway's words for an error of asyncmy's."""
        return errors.translate(error, has_parameters=has_parameters)

    def is_broken(self, error: BaseException) -> bool:
        """Whether the connection can no longer be trusted."""
        return errors.is_broken(error)

    async def _open(self) -> Any:
        """A connection, logged in; with `prefer`, in the clear where the server has no TLS."""
        if self._context is None or self._address.tls.mode is not TlsMode.PREFER:
            return await self._log_in()
        try:
            return await self._log_in()
        except asyncmy.errors.OperationalError as error:
            # asyncmy asks for TLS whether the server offers it or not; one that does not answers with something else.
            if not isinstance(error.__cause__, ssl.SSLError):
                raise
            self._context = None
        return await self._log_in()

    async def _log_in(self) -> Any:
        address = self._address
        try:
            connection: Any = await connect(
                self._longest_row,
                host=address.host,
                port=address.port,
                user=address.user,
                password=address.password,
                database=address.database or None,
                charset="utf8mb4",
                autocommit=True,
                client_flag=_FOUND_ROWS | SESSION_TRACK,
                conv=columns.DECODERS,
                connect_timeout=self._timeouts.connect,
                ssl=self._context,
                program_name="rowgate",
            )
        except (ValueError, LookupError, UnboundLocalError, struct.error) as error:
            # asyncmy takes the greeting, which comes in the clear, for what it should be.
            raise asyncmy.errors.OperationalError(_MALFORMED, "the server's greeting makes no sense") from error
        _watch_for_a_dead_peer(connection._transport.get_extra_info("socket"))
        return connection


_MALFORMED = 2027
_NOT_GRANTED = ((1959,), (3530,))
"""A role that the login doesn't have: MariaDB's number, and MySQL's."""


def _watch_for_a_dead_peer(sock: Any) -> None:
    """Probe sooner than SO_KEEPALIVE alone, which asyncmy sets: its first probe comes after two hours."""
    if sock is None or sock.family == socket.AF_UNIX:
        return
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _KEEPALIVE_IDLE)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _KEEPALIVE_INTERVAL)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _KEEPALIVE_COUNT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, (_KEEPALIVE_IDLE + 15) * 1000)
