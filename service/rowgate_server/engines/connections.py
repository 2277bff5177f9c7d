"""Counts the connections that SQLAlchemy's pool opens, closes and invalidates, by its own events."""

from __future__ import annotations

import time
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection

from rowgate_server.engines.driver import Session
from rowgate_server.observability.connections import DatabaseConnections

_WHY, _COUNTED = "rowgate_why", "rowgate_invalidated"


def note(checked_out: PoolProxiedConnection, reason: str) -> None:
    """Say why a connection would be invalidated, if it is: one of `INVALIDATED`."""
    checked_out.info[_WHY] = reason


def why(session: Session, *, kill: bool) -> str:
    """What `note` takes of a session that is killed, or reset."""
    if not kill:
        return "reset_failed"
    return "killed" if session.alive() else "dead"


def count(engine: Engine, connections: DatabaseConnections, recycle: float) -> None:
    """Count those of an engine from now on.

    Args:
        engine: whose.
        connections: where to.
        recycle: seconds after which a connection is replaced; 0 is never.
    """

    def opened(_connection: Any, _entry: ConnectionPoolEntry) -> None:
        connections.opened += 1

    def invalidated(_connection: Any, entry: ConnectionPoolEntry, error: BaseException | None) -> None:
        # With an error it is SQLAlchemy's own ping that has failed.
        reason = entry.info.get(_WHY) or ("other" if error is None else "dead")
        connections.invalidated[reason] += 1
        entry.info[_COUNTED] = True

    def closed(_connection: Any, entry: ConnectionPoolEntry) -> None:
        if _COUNTED in entry.info:
            return  # a moment ago, as invalidated
        made_at: float = getattr(entry, "starttime", time.time())
        connections.closed["age" if recycle and time.time() - made_at > recycle else "surplus"] += 1

    for name, listener in (("connect", opened), ("invalidate", invalidated), ("close", closed)):
        event.listen(engine, name, listener)
