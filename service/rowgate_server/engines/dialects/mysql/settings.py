"""What every session of one server is set to, and what it takes to make a used one like new.

COM_RESET_CONNECTION does most of it. Read in the sources of MariaDB (`THD::change_user`) and of MySQL
(`THD::cleanup_connection`), and tried on MariaDB 10.11, it leaves behind:

- the schema that a USE chose;
- the role (`SET ROLE`);
- MariaDB's profiles: it goes on recording, though `@@profiling` is 0 then, and what was recorded can be read;
- the time limit of writes to the socket (`net_write_timeout`), though the variable has its default again;
- the state of RAND(), which tells what the last caller drew and what the next one will draw;
- FOUND_ROWS().
"""

from __future__ import annotations

import math
import secrets
from dataclasses import dataclass
from typing import Any

from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects.mysql.guard import is_ordinary
from rowgate_server.engines.dialects.mysql.link import COM_INIT_DB, COM_QUERY
from rowgate_server.engines.dialects.mysql.statements import Statements
from rowgate_server.errors import Outcome, Reason, RowgateError

SESSION_TRACK = 1 << 23
"""CLIENT_SESSION_TRACK: the server's last packet of an answer tells whether the session has changed."""

_OTHER_QUOTES = (
    *("ANSI_QUOTES", "NO_BACKSLASH_ESCAPES"),
    *("ANSI", "DB2", "MAXDB", "MSSQL", "ORACLE", "POSTGRESQL"),
)
"""Modes without which the tokenizer reads quotes as the server does; each of the later ones switches on the first."""

_NO_PROFILES = (COM_QUERY + b"SET profiling_history_size=0,profiling=1", COM_QUERY + b"DO 0")
"""The history is cut to its size only behind a statement that is recorded from beginning to end."""

_NOTHING_FOUND = "IFNULL((SELECT 1 FROM DUAL WHERE RAND()<0),{seed})"
"""A number, by way of a query without rows: that is what FOUND_ROWS() tells of then."""

_SEEDS = 2**30 - 1
"""RAND() reduces its seeds modulo this."""

_NO_SUCH_FUNCTION = (1305,)


@dataclass(frozen=True, slots=True)
class SessionSettings:
    """What every session of one server has in common.

    Attributes:
        setup: the SET statement that gives a fresh session the gateway's settings.
        database: the default schema; empty for none.
        max_packet: the server's `max_allowed_packet`, in bytes.
        statements: what is known of the server's statements.
        tracks: the server reports when a statement has changed the session's state.
        profiles: a reset leaves the server's profiles as they were.
        role: MySQL's SET ROLE; empty where the set-up has it, or there are no roles.
    """

    setup: str
    database: str
    max_packet: int
    statements: Statements
    tracks: bool
    profiles: bool = False
    role: str = ""

    def fresh(self, *, changed: bool = True) -> list[bytes]:
        """The commands that make a reset session a fresh one.

        Args:
            changed: the session's variables may have been set since it was last fresh.
        """
        seed, other = secrets.randbelow(_SEEDS), secrets.randbelow(_SEEDS)
        setup = f"{self.setup},rand_seed1={_NOTHING_FOUND.format(seed=seed)},rand_seed2={other}"
        return [
            *(_NO_PROFILES if changed and self.profiles else ()),
            *((COM_INIT_DB + self.database.encode(),) if self.database else ()),
            *((COM_QUERY + self.role.encode(),) if self.role else ()),
            COM_QUERY + setup.encode(),
        ]

    def check_size(self, sql: bytes) -> None:
        """Refuse what the server would answer with 1153, and then close the connection."""
        if len(sql) >= self.max_packet:
            raise RowgateError(
                Reason.VALUE_OUT_OF_RANGE,
                "the statement with its parameters is larger than the database's max_allowed_packet",
                limit=f"{self.max_packet} bytes",
                outcome=Outcome.NOT_RUN,
            )


async def learn(connection: Any, database: str, limit: float) -> SessionSettings:
    """What the server is, and the login's role in it, decides how its sessions are set up.

    Args:
        connection: one that no caller has used.
        database: the default schema; empty for none.
        limit: seconds that the server gives a statement.
    """
    (row,) = await _rows(connection, "SELECT @@max_allowed_packet, @@sql_mode LIKE '%ORACLE%'")
    max_packet, oracle = row
    mariadb = "mariadb" in str(connection.get_server_info()).lower()
    limits = f"max_statement_time={limit:.3f}" if mariadb else f"max_execution_time={limit * 1000:.0f}"
    modes = "@@sql_mode"
    for mode in _OTHER_QUOTES:
        modes = f"REPLACE({modes},'{mode}','')"
    setup = f"SET NAMES utf8mb4, time_zone='+00:00', autocommit=1, {limits}, sql_mode={modes}"
    # The reader of a stream may pause for as long as the statement may take. Setting the variable, be it to what it is,
    # sets the socket, which a reset forgets.
    setup += f", net_write_timeout=GREATEST(@@net_write_timeout,{math.ceil(limit)})"
    profiles = mariadb and bool(await _rows(connection, "SHOW VARIABLES LIKE 'profiling_history_size'"))
    if profiles:
        setup += ", profiling=0, profiling_history_size=DEFAULT"
    role = await _role(connection)
    if mariadb:
        setup += f", ROLE {_quoted(role)}"
    # In Oracle mode `s.currval`, which looks like a column, asks for what the session did before.
    tracks = not oracle and await _can_track(connection)
    if tracks and not mariadb and role:
        # MySQL is not known to report that a view's function has set a role.
        tracks = not await _has_roles(connection)
    if tracks:
        setup += ", session_track_state_change=1, session_track_system_variables='*'"
    set_role = f"SET ROLE {role}" if role and not mariadb else ""
    statements = Statements(database, max_packet, plain=tracks and is_ordinary(database))
    return SessionSettings(setup, database, max_packet, statements, tracks, profiles, set_role)


async def _role(connection: Any) -> str | None:
    """The role that the login gives; MySQL's are a list of quoted names, or the word NONE."""
    try:
        ((role,),) = await _rows(connection, "SELECT CURRENT_ROLE()")
    except MySQLError as error:
        if error.args[:1] != _NO_SUCH_FUNCTION:
            raise
        return None
    return role if role is None else str(role)


async def _has_roles(connection: Any) -> bool:
    """Whether a MySQL login could set a role; before 8.0.19 that can't be asked."""
    try:
        return bool(await _rows(connection, "SELECT 1 FROM information_schema.applicable_roles LIMIT 1"))
    except MySQLError:
        return True


def _quoted(role: str | None) -> str:
    return "NONE" if role is None else "`" + role.replace("`", "``") + "`"


async def _can_track(connection: Any) -> bool:
    if not connection.server_capabilities & SESSION_TRACK or not connection._deprecate_eof:
        return False
    return bool(await _rows(connection, "SHOW VARIABLES LIKE 'session_track_state_change'"))


async def _rows(connection: Any, sql: str) -> Any:
    await connection.query(sql)
    return connection._result.rows
