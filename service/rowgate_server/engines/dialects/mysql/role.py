"""What a MySQL or MariaDB server is among several: a primary, a replica, a node of a Galera cluster."""

from __future__ import annotations

import re
from typing import Any

from rowgate_server.engines.dialects.mysql.gtids import gtid_set
from rowgate_server.engines.roles import Position, Role

_SYNCED = "4"
"""`wsrep_local_state`: https://galeracluster.com/library/documentation/node-states.html."""

_GALERA = (
    "SHOW GLOBAL STATUS WHERE Variable_name IN "
    "('wsrep_ready', 'wsrep_local_state', 'wsrep_last_committed', 'wsrep_cluster_state_uuid')"
)
_READ_ONLY = "SELECT @@global.read_only"
_MARIADB = f"{_READ_ONLY}, @@global.gtid_binlog_pos, @@global.gtid_slave_pos"
_MYSQL = f"{_READ_ONLY}, @@global.gtid_executed"
_GTID_MODE = "SHOW GLOBAL VARIABLES WHERE Variable_name = 'gtid_mode'"
"""There is none on servers that only speak like MySQL."""
_GTID = re.compile(r"(\d+)-\d+-(\d+)")


class NotReadyError(Exception):
    """A node of a Galera cluster that answers, and runs no statements."""


async def ask_role(connection: Any) -> Role:
    """Ask on a connection.

    Raises:
        NotReadyError: it is a node that has lost its cluster, or has not found it yet.
    """
    if "mariadb" not in str(connection.get_server_info()).lower():
        return await _ask_mysql(connection)
    await connection.query(_MARIADB)
    read_only, *gtids = connection._result.rows[0]
    await connection.query(_GALERA)
    return role_of(bool(int(read_only)), [str(gtid or "") for gtid in gtids], dict(connection._result.rows))


async def _ask_mysql(connection: Any) -> Role:
    await connection.query(_GTID_MODE)
    # In any other mode there may be changes without a number.
    numbered = [str(mode) for _, mode in connection._result.rows] == ["ON"]
    await connection.query(_MYSQL if numbered else _READ_ONLY)
    read_only, *executed = connection._result.rows[0]
    await connection.query(_GALERA)
    galera = dict(connection._result.rows)
    return role_of(bool(int(read_only)), [], galera, executed=str(executed[0] or "") if executed else "")


def role_of(read_only: bool, gtids: list[str], galera: dict[str, str], *, executed: str = "") -> Role:
    """What the answers mean.

    Args:
        read_only: `@@read_only`.
        gtids: of MariaDB, what it has written and what it has replicated.
        galera: the status of a node, empty or little of it where it is none.
        executed: of MySQL, all changes that it has, its own and others'.

    Raises:
        NotReadyError: it is a node that runs no statements.
    """
    written = [_by_domain(gtid) for gtid in gtids]
    replicated = written[-1] if written else None
    own = gtid_set(executed)
    last: Position = (None, _newest(written), own)
    if "wsrep_local_state" not in galera:
        return Role(not read_only, written=last, applied=(None, replicated, own))
    if galera.get("wsrep_ready") != "ON":
        raise NotReadyError("the node has no cluster")
    node = {galera["wsrep_cluster_state_uuid"]: int(galera["wsrep_last_committed"])}
    in_step = galera["wsrep_local_state"] == _SYNCED
    return Role(not read_only, in_step, (node, *last[1:]), (node, replicated, own), shared=True)


def _by_domain(gtid: str) -> dict[str, int] | None:
    """`0-1-100,5-2-7`, as the last number of each domain; nothing at all does not say that there is nothing."""
    return {domain: int(number) for domain, number in _GTID.findall(gtid)} or None


def _newest(positions: list[dict[str, int] | None]) -> dict[str, int] | None:
    """What a server has that once was a replica, and writes by itself now."""
    newest: dict[str, int] = {}
    for position in positions:
        for domain, number in (position or {}).items():
            newest[domain] = max(number, newest.get(domain, 0))
    return newest or None
