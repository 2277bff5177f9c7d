"""A connection in use."""

from __future__ import annotations

from collections.abc import Callable
from traceback import clear_frames
from typing import Protocol, TypeVar

from sqlalchemy import Connection, Engine, Inspector, inspect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import PoolProxiedConnection
from sqlalchemy.util import greenlet_spawn

from rowgate_server.engines import clock
from rowgate_server.engines.admission import OURSELVES
from rowgate_server.engines.driver import Session
from rowgate_server.engines.pauses import Pauses, Reader, Rest
from rowgate_server.errors import RowgateError

_T = TypeVar("_T")

_WARM_AT_MOST = 60.0
"""Seconds after which it goes back however busy it is, so that it is pinged, and replaced when it has grown old."""


class _Pool(Protocol):
    """Whose it is."""

    replica: str
    pauses: Pauses

    @property
    def sync_engine(self) -> Engine:
        """For reflection."""

    def take_back(self, lease: Lease, *, sound: bool, reads: bool) -> None:
        """See `Lease.end`."""

    def put_back(self, lease: Lease) -> None:
        """See `Lease.put_back`."""


class Lease:
    """A connection in use; `end` it once for each checkout."""

    __slots__ = ("_pool", "checked_out", "cold_at", "holder", "reset_due", "session", "taken_at", "used_at")

    def __init__(self, pool: _Pool, checked_out: PoolProxiedConnection, session: Session) -> None:
        self._pool = pool
        self.checked_out = checked_out
        self.session = session
        self.cold_at = clock.now() + _WARM_AT_MOST
        self.used_at = 0.0
        self.reset_due = False
        self.holder = OURSELVES
        self.taken_at = 0.0

    async def inspect(self, read: Callable[[Inspector], _T]) -> _T:
        """Call a function with SQLAlchemy's Inspector on the connection.

        Raises:
            Exception: what the function raises; of SQLAlchemy's about the driver's, the driver's.
        """
        with self.session.reflecting():
            try:
                return await greenlet_spawn(lambda: read(inspect(Connection(self._pool.sync_engine, self.checked_out))))
            except DBAPIError as error:
                cause = error.orig or error
                raise (cause.__cause__ or cause) from error
            except BaseException as error:
                # What it was at would hold a cursor for as long as the error lives, and that its locks: SQLite's.
                clear_frames(error.__traceback__)
                raise

    @property
    def replica(self) -> str:
        """The replica that it leads to; empty for the primary."""
        return self._pool.replica

    def reader(self, end: Callable[[RowgateError], None]) -> Reader:
        """Who reads what is streamed from it; `end` ends that while others wait for a connection."""
        return Reader(self._pool.pauses, self.holder, end)

    def rest(self, give_way: Callable[[float], None]) -> Rest:
        """What is its caller's turn now and then, and ends by `give_way` where others have no connection for that."""
        return Rest(self._pool.pauses, self.holder, give_way)

    def put_back(self) -> None:
        """Give the connection back, nothing having been done with it; instead of `end`."""
        self._pool.put_back(self)

    def end(self, *, sound: bool, reads: bool = False) -> None:
        """Give the connection back, to be reset; or, when it is not sound, stop what may still run on it and close it.

        There is nothing to wait for.

        Args:
            sound: nothing runs on it, and its state is known.
            reads: the first word of what ran on it says that it reads.
        """
        self._pool.take_back(self, sound=sound, reads=reads)
