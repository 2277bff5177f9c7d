"""Looks at all the servers of a database in turn; to the database's own probe they are one."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from rowgate_server.engines import clock
from rowgate_server.engines.driver import ServerFacts
from rowgate_server.engines.hosts import Host, Positions
from rowgate_server.engines.routing import Router
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.health")


class NoHostError(Exception):
    """No server is there for what the database is asked."""


class Lookout:
    """The servers of one database.

    Args:
        database: its name, for the log.
        hosts: those that may be the primary.
        replicas: the others.
        router: knows which would be asked now.
    """

    def __init__(self, database: str, hosts: Sequence[Host], replicas: Sequence[Host], router: Router) -> None:
        self._database = database
        self._hosts = hosts
        self._replicas = replicas
        self._router = router
        self._positions = Positions()
        self._primaries: list[str] = []

    async def probe(self) -> ServerFacts:
        """Ask each of them once, the replicas behind the primary: what they have is compared with what it had.

        Raises:
            NoHostError: none can be the primary.
        """
        asked_at = clock.now()
        errors = await asyncio.gather(*(host.availability.probe() for host in self._hosts))
        leading = self._router.leading()
        if leading is not None and leading.role is not None:
            self._positions.note(asked_at, leading.role.written)
            leading.leads()
        self._warn()
        await asyncio.gather(*(replica.availability.probe() for replica in self._replicas))
        for replica in self._replicas:
            replica.compare(self._positions)
        self._router.looked()
        if leading is not None:
            return leading.availability.facts
        for error in errors:
            if error is not None:
                raise error
        raise NoHostError("none of the servers takes writes")

    def _warn(self) -> None:
        """Say once that there are primaries beside each other, which will not agree."""
        told = [host.name for host in self._hosts if host.role and host.role.writable and not host.role.shared]
        if len(told) > 1 and told != self._primaries:
            _log.warning("several servers take writes", database=self._database, hosts=", ".join(told))
        self._primaries = told
