"""Which server is asked: in order, spread, replicas that are fresh enough, the nearest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import cast

import pytest

from rowgate_server.engines import clock
from rowgate_server.engines.connections import Member, Several
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import Driver, ServerFacts
from rowgate_server.engines.hosts import Host, Positions
from rowgate_server.engines.lease import Lease
from rowgate_server.engines.pool import Pool
from rowgate_server.engines.roles import Role
from rowgate_server.engines.routing import Reading, Route, Router, RoutingRules
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.metrics import PoolNumbers

STANDBY = Role(writable=False)
IN_ORDER = RoutingRules(spread=False, max_staleness=60.0, writes=True)
DOWN = RowgateError(Reason.DATABASE_UNAVAILABLE, "down", outcome=Outcome.NOT_RUN)
FULL = RowgateError(Reason.POOL_EXHAUSTED, "full", outcome=Outcome.NOT_RUN)
DEADLINE = Deadline.soonest((60.0, "the test's"))


@dataclass
class Breaker:
    closed: bool = True


@dataclass
class Scripted:
    """A server and its pool, as far as routes are concerned."""

    name: str
    role: Role = field(default_factory=Role)
    distance: float = 0.001
    in_use: int = 0
    refusal: RowgateError | None = None
    breaker: Breaker = field(default_factory=Breaker)

    async def probe(self) -> ServerFacts:
        return ServerFacts(self.name)

    def numbers(self) -> PoolNumbers:
        return PoolNumbers(self.in_use, 0, 0, 5)

    def take(self, *, reads: bool = False) -> Lease | None:
        assert not reads
        return None

    async def checkout(self, deadline: Deadline, *, reads: bool = False) -> Lease:
        assert deadline is DEADLINE
        assert not reads
        if self.refusal is not None:
            raise self.refusal
        return cast("Lease", self)

    def member(self, *, replica: bool = False) -> Member:
        host = Host("main", self.name, cast("Driver", self), 1.0, 1.0, replica=replica)
        host.role = host.last_role = self.role
        host._round_trips.append(self.distance)
        return Member(host, cast("Pool", self))


def router(
    *hosts: Scripted, replicas: tuple[Scripted, ...] = (), rules: RoutingRules = IN_ORDER, applied: float | None = 0.0
) -> Router:
    """With replicas that have what the primary had so many seconds ago; None: that can't be told."""
    made = Router([host.member() for host in hosts], [replica.member(replica=True) for replica in replicas], rules)
    for member in made.members:
        if member.host.replica and applied is not None:
            member.host._fresh_at = clock.now() - applied
    return made


async def chosen(connections: Several) -> str:
    return cast("Scripted", await connections.checkout(DEADLINE)).name


async def test_first_server_that_takes_writes_is_asked() -> None:
    a, b, c = Scripted("a", STANDBY), Scripted("b"), Scripted("c")
    assert await chosen(router(a, b, c).primary) == "b"


async def test_server_that_cannot_be_reached_is_passed_over() -> None:
    a, b = Scripted("a", refusal=DOWN), Scripted("b")
    assert await chosen(router(a, b).primary) == "b"


async def test_full_pool_is_no_reason_to_ask_another() -> None:
    a, b = Scripted("a", refusal=FULL), Scripted("b")
    with pytest.raises(RowgateError) as caught:
        await chosen(router(a, b).primary)
    assert caught.value.reason is Reason.POOL_EXHAUSTED


async def test_open_breaker_and_a_node_out_of_step_come_last() -> None:
    a, b, c = Scripted("a", breaker=Breaker(closed=False)), Scripted("b", Role(in_step=False)), Scripted("c")
    assert await chosen(router(a, b, c).primary) == "c"
    c.refusal = DOWN
    assert await chosen(router(a, b, c).primary) == "b"
    b.refusal = DOWN
    assert await chosen(router(a, b, c).primary) == "a", "where nothing better is left"


async def test_server_that_has_just_come_back_comes_after_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    made = router(Scripted("a"), Scripted("b"))
    first = made.members[0].host
    first._heard(False)
    first._heard(True)
    first.role = Role()
    assert await chosen(made.primary) == "b"
    later = clock.now() + 11
    monkeypatch.setattr(clock, "now", lambda: later)
    assert await chosen(made.primary) == "a"


async def test_where_nobody_takes_writes_there_is_an_error_that_may_be_retried() -> None:
    with pytest.raises(RowgateError) as caught:
        await chosen(router(Scripted("a", STANDBY), Scripted("b", STANDBY)).primary)
    assert (caught.value.reason, caught.value.outcome) == (Reason.DATABASE_UNAVAILABLE, Outcome.NOT_RUN)
    assert caught.value.retry_after is not None


async def test_standby_that_misses_a_probe_is_still_not_asked_for_writes() -> None:
    made = router(Scripted("a", refusal=DOWN), Scripted("b", STANDBY))
    made.members[1].host._heard(False)
    with pytest.raises(RowgateError) as caught:
        await chosen(made.primary)
    assert caught.value.reason is Reason.DATABASE_UNAVAILABLE


async def test_database_that_only_reads_needs_nobody_who_takes_writes() -> None:
    assert await chosen(router(Scripted("a", STANDBY), rules=IN_ORDER._replace(writes=False)).primary) == "a"


async def test_spread_calls_take_turns_and_go_where_less_is_done() -> None:
    hosts = [Scripted(name) for name in "abc"]
    spread = router(*hosts, rules=IN_ORDER._replace(spread=True))
    assert sorted([await chosen(spread.primary) for _ in range(6)]) == [*"aabbcc"]
    hosts[0].in_use = hosts[1].in_use = 1
    assert [await chosen(spread.primary) for _ in range(3)] == ["c"] * 3


async def test_replica_is_asked_and_behind_it_the_primary() -> None:
    a, copy = Scripted("a"), Scripted("copy", STANDBY)
    reading = Reading(Route.REPLICA)
    assert await chosen(router(a, replicas=(copy,)).connections(reading)) == "copy"
    copy.refusal = DOWN
    assert await chosen(router(a, replicas=(copy,)).connections(reading)) == "a"
    assert await chosen(router(a).connections(reading)) == "a"


@pytest.mark.parametrize(
    ("behind", "bound", "expected"),
    [
        (5.0, None, "copy"),
        (5.0, 10.0, "copy"),
        (5.0, 4.0, "a"),
        (61.0, None, "a"),  # over the configuration's own bound
        (61.0, 100.0, "a"),
        (float("inf"), None, "a"),
        (None, None, "copy"),
        (None, 10.0, "a"),
    ],
)
async def test_stale_replica_is_passed_over(behind: float | None, bound: float | None, expected: str) -> None:
    made = router(Scripted("a"), replicas=(Scripted("copy", STANDBY),), applied=behind)
    assert await chosen(made.connections(Reading(Route.REPLICA, bound))) == expected


async def test_replica_that_is_down_is_passed_over() -> None:
    made = router(Scripted("a"), replicas=(Scripted("copy", STANDBY),))
    made.members[1].host._heard(False)
    assert await chosen(made.connections(Reading(Route.REPLICA))) == "a"


async def test_nearest_is_whichever_answers_soonest_and_close_ones_take_turns() -> None:
    reading = Reading(Route.NEAREST)
    a, near, far = Scripted("a", distance=0.010), Scripted("near", STANDBY), Scripted("far", STANDBY, distance=0.05)
    made = router(a, replicas=(far, near))
    assert [await chosen(made.connections(reading)) for _ in range(3)] == ["near"] * 3
    near.refusal = DOWN
    assert await chosen(made.connections(reading)) == "a"
    close = router(Scripted("a", distance=0.0011), replicas=(Scripted("b", STANDBY),))
    assert sorted([await chosen(close.connections(reading)) for _ in range(4)]) == [*"aabb"]


def test_pools_add_up_only_where_calls_are_spread() -> None:
    hosts = [Scripted("a", in_use=1), Scripted("b", in_use=2)]
    assert router(*hosts).primary.numbers() == PoolNumbers(3, 0, 0, 5)
    assert router(*hosts, rules=IN_ORDER._replace(spread=True)).primary.numbers() == PoolNumbers(3, 0, 0, 10)


def test_what_a_replica_had_once_it_keeps() -> None:
    replica = router(Scripted("a"), replicas=(Scripted("copy", STANDBY),), applied=None).members[1].host
    positions = Positions()
    positions.note(100.0, ({"": 1},))
    replica.role = Role(writable=False, applied=({"": 1},))
    replica.compare(positions)
    for at in range(200, 200 + 300):  # more than are kept
        positions.note(float(at), ({"": 5},))
    replica.compare(positions)
    assert replica._fresh_at == 100.0


def test_replica_that_was_made_anew_from_a_backup_is_as_old_as_that() -> None:
    replica = router(Scripted("a"), replicas=(Scripted("copy", STANDBY),), applied=None).members[1].host
    positions = Positions()
    for at, number in ((100.0, 1), (200.0, 5)):
        positions.note(at, ({"": number},))
    replica.role = Role(writable=False, applied=({"": 5},))
    replica.compare(positions)
    assert replica._fresh_at == 200.0
    replica.role = Role(writable=False, applied=({"": 2},))
    replica.compare(positions)
    assert replica._fresh_at == 100.0
