"""Several pools as one: a connection comes from the first of them that has one to give.

Going on to the next is safe, whatever the statement does: it has not been sent to anyone yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.hosts import Host
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.host_metrics import HostNumbers
from rowgate_server.observability.metrics import PoolNumbers


class Connections(Protocol):
    """Where connections come from: a pool, or several."""

    def take(self, *, reads: bool = False) -> Lease | None:
        """A warm connection, if there is one, and nobody waits for it."""

    async def checkout(self, deadline: Deadline, *, reads: bool = False) -> Lease:
        """A connection, alive, and reset or sure to be; `reads`: for what only reads."""

    def numbers(self) -> PoolNumbers:
        """What is held at this moment."""

    def show_breaker(self, *, shown: bool) -> None:
        """Whether the metrics tell of the breaker."""

    async def retire(self) -> None:
        """Keep no connection that is not in use, and wait until none is."""

    async def close(self) -> None:
        """Wait for clean-ups under way, which are bounded, then close every connection."""


class Member(NamedTuple):
    """A server and the pool of connections to it."""

    host: Host
    pool: Pool

    def numbers(self) -> HostNumbers:
        """Both at this moment."""
        host, pool = self.host, self.pool.numbers()
        return HostNumbers(
            host.name,
            host.replica,
            host.availability.up,
            host.role is not None and host.role.writable,
            pool.in_use,
            pool.idle,
            host.calls,
            host.staleness,
            alone=host.role is None or not host.role.shared,
        )


class Several:
    """The pools of several servers.

    Args:
        members: all of them.
        order: those that may be asked now, best first.
        together: whether calls are spread over them, so that their pools add up.
    """

    def __init__(
        self, members: Sequence[Member], order: Callable[[], Sequence[Member]], *, together: bool = False
    ) -> None:
        self._members = members
        self._order = order
        self._together = together

    def take(self, *, reads: bool = False) -> Lease | None:
        """A warm connection to the server that comes first."""
        first = next(iter(self._order()), None)
        lease = None if first is None else first.pool.take(reads=reads)
        if first is not None and lease is not None:
            first.host.given()
        return lease

    async def checkout(self, deadline: Deadline, *, reads: bool = False) -> Lease:
        """A connection to the first server that can be reached.

        Raises:
            RowgateError: as `Pool.checkout`; DATABASE_UNAVAILABLE where none can be reached, or none may be asked.
        """
        refusal = RowgateError(
            Reason.DATABASE_UNAVAILABLE,
            "none of the database's servers takes such statements now",
            retry_after=1.0,
            outcome=Outcome.NOT_RUN,
        )
        for member in self._order():
            try:
                lease = await member.pool.checkout(deadline, reads=reads)
            except RowgateError as error:
                if error.reason is not Reason.DATABASE_UNAVAILABLE:
                    raise
                refusal = error
            else:
                member.host.given()
                return lease
        raise refusal

    def numbers(self) -> PoolNumbers:
        """What they hold together; as many as one may hold, where the others stand by."""
        told = [member.pool.numbers() for member in self._members]
        maxima = [numbers.maximum for numbers in told]
        return PoolNumbers(
            sum(numbers.in_use for numbers in told),
            sum(numbers.idle for numbers in told),
            sum(numbers.waiting for numbers in told),
            sum(maxima) if self._together else max(maxima),
        )

    def show_breaker(self, *, shown: bool) -> None:
        """Whether the metrics tell of their breakers."""
        for member in self._members:
            member.pool.show_breaker(shown=shown)

    async def retire(self) -> None:
        """Keep no connection that is not in use, and wait until none is."""
        await asyncio.gather(*(member.pool.retire() for member in self._members))

    async def close(self) -> None:
        """Close them all."""
        await asyncio.gather(*(member.pool.close() for member in self._members))
