"""Which of a database's servers a call goes to: the primary, a replica that is fresh enough, or the nearest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from enum import Enum
from functools import partial
from typing import NamedTuple

from rowgate_server.engines.connections import Member, Several
from rowgate_server.engines.hosts import Host

_AS_NEAR = 0.001
"""Seconds by which a server may be farther than the nearest, and counts as just as near."""


class Route(Enum):
    """Where a call is to go."""

    PRIMARY = 1
    REPLICA = 2
    NEAREST = 3


class Reading(NamedTuple):
    """Where a call that reads is to go, and how old, in seconds, what it reads may be. None: no bound of its own."""

    route: Route = Route.PRIMARY
    max_staleness: float | None = None


PRIMARY = Reading()


class RoutingRules(NamedTuple):
    """How calls are sent to several servers.

    Attributes:
        spread: over all that may be the primary, not to the first of them.
        max_staleness: the most seconds that a replica may be behind to be asked at all.
        writes: whether the primary must take writes.
        read_share: the part of the connections to each host that writes may not have.
    """

    spread: bool
    max_staleness: float
    writes: bool
    read_share: float = 0.0


class Router:
    """The servers of one database, with one login.

    Args:
        hosts: those that may be the primary, in order.
        replicas: the others.
        rules: how calls are sent to them.
    """

    def __init__(self, hosts: Sequence[Member], replicas: Sequence[Member], rules: RoutingRules) -> None:
        self.members = (*hosts, *replicas)
        self._hosts = hosts
        self._replicas = replicas
        self._rules = rules
        self.primary = Several(hosts, self._primaries, together=rules.spread)
        self.everything = Several(self.members, list)
        """For what is done to all of them; no call gets a connection here."""
        self._listeners: list[Callable[[], None]] = []
        self._replicas_answered = False

    @property
    def replicas_answer(self) -> bool:
        """Whether a replica would answer a call that may go there, and has no bound of its own."""
        return any(self._fresh(None))

    def listen(self, told: Callable[[], None]) -> None:
        """Be told whenever `replicas_answer` has become another."""
        self._listeners.append(told)

    def looked(self) -> None:
        """All servers have been asked: a replica may have come or gone, or be too far behind by now."""
        answer = self.replicas_answer
        if answer is self._replicas_answered:
            return
        self._replicas_answered = answer
        for told in self._listeners:
            told()

    def leading(self) -> Host | None:
        """The server that would be asked now, if it is well."""
        for member in _in_order(self._hosts):
            if self._may_be_primary(member) and member.host.availability.up:
                return member.host
        return None

    def connections(self, reading: Reading) -> Several:
        """Where a call that reads gets its connection.

        A replica that can't be reached, or is not fresh enough, is passed over; behind them all stands the primary.
        """
        order = self._nearest if reading.route is Route.NEAREST else self._replicas_first
        return Several(self.members, partial(order, reading.max_staleness))

    def _primaries(self) -> Sequence[Member]:
        may = [member for member in self._hosts if self._may_be_primary(member)]
        if not self._rules.spread:
            return _in_order(may)
        return sorted(may, key=lambda member: (*_condition(member), *_load(member)))

    def _replicas_first(self, max_staleness: float | None) -> Sequence[Member]:
        fresh = sorted(self._fresh(max_staleness), key=lambda member: (not member.pool.breaker.closed, *_load(member)))
        return [*fresh, *self._primaries()]

    def _nearest(self, max_staleness: float | None) -> Sequence[Member]:
        all_of_them = self._replicas_first(max_staleness)
        least = min((member.host.distance for member in all_of_them if member.pool.breaker.closed), default=0.0)

        def rank(member: Member) -> tuple[bool, float, int, int]:
            farther = member.host.distance - least
            return not member.pool.breaker.closed, 0.0 if farther <= _AS_NEAR else farther, *_load(member)

        return sorted(all_of_them, key=rank)

    def _fresh(self, max_staleness: float | None) -> Iterator[Member]:
        allowed = self._rules.max_staleness if max_staleness is None else min(max_staleness, self._rules.max_staleness)
        for member in self._replicas:
            staleness, role = member.host.staleness, member.host.role
            if role is None or not role.in_step:
                continue
            if (max_staleness is None) if staleness is None else staleness <= allowed:
                yield member

    def _may_be_primary(self, member: Member) -> bool:
        # A standby that misses a probe is none the less one: it would refuse the write, and not be passed over.
        role = member.host.role or member.host.last_role
        return role is None or role.writable or not self._rules.writes


def _in_order(members: Sequence[Member]) -> Sequence[Member]:
    return sorted(members, key=lambda member: (*_condition(member), -_led(member)))  # those alike stay in their order


def _led(member: Member) -> int:
    """A primary that comes back when another was promoted must not take its calls: it lacks what they wrote."""
    role = member.host.role
    return 0 if role is None or role.shared else member.host.led


def _condition(member: Member) -> tuple[bool, bool, bool, bool]:
    """What speaks against it, the worst first: it can't be reached, is not known, not in step, or was just away."""
    host, role = member.host, member.host.role
    return (
        not member.pool.breaker.closed,
        role is None,
        role is not None and not role.in_step,
        not host.settled,
    )


def _load(member: Member) -> tuple[int, int]:
    """How busy it is; of those that are as busy, the one that was asked longest ago comes first."""
    numbers = member.pool.numbers()
    return numbers.in_use + numbers.waiting, member.host.turn
