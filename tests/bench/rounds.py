"""The rounds: every contender at every work in turn, each round in another order."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from time import monotonic
from typing import TypeVar

from bench import lag, usage
from bench.commands import Calls, Scan, Timed
from bench.entrants import Entrant, Starters
from bench.figures import Lane, Sample
from bench.generator import CallFailedError
from bench.work import Encoding, Kind, Work

T = TypeVar("T")

_PING_EVERY = 0.04
"""Often enough for a 99th percentile, seldom enough to cost under 2 percent of a core."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How much is measured.

    Attributes:
        rounds: of everything.
        seconds: that each contender is called for at each work; a scan takes what it takes.
        rows: of the table that is scanned.
        warm_up: seconds of calls of each kind, before the first round.
        time_limit: seconds after which no further round is begun that would go beyond.
    """

    rounds: int
    seconds: float
    rows: int
    warm_up: float
    time_limit: float


FULL = Pace(rounds=5, seconds=2.5, rows=1_000_000, warm_up=1.0, time_limit=720)
QUICK = Pace(rounds=3, seconds=0.4, rows=200_000, warm_up=0.2, time_limit=90)


def rotated(items: Sequence[T], turns: int) -> list[T]:
    """The items from another one on: over as many turns as there are items, each stands in every place once."""
    start = turns % len(items) if items else 0
    return [*items[start:], *items[:start]]


def run(
    starters: Starters, works: Sequence[Work], pace: Pace, began: float, say: Callable[[str], None]
) -> list[Sample]:
    """Measures, round by round.

    Args:
        starters: who takes part.
        works: what they do.
        pace: how much of it.
        began: when the clock of the time limit began, as `monotonic()` tells it.
        say: is told how far it has come.
    """
    samples: list[Sample] = []
    longest = 0.0
    for number in range(1, pace.rounds + 1):
        started = monotonic()
        if started + longest - began > pace.time_limit:
            say(f"round {number} would go over the limit of {pace.time_limit:g} s: the rounds end here")
            break
        for work in works:
            lanes = [lane for entrant in starters.entrants.values() for lane in entrant.lanes(work)]
            samples += [measure(starters, work, lane, number, pace) for lane in rotated(lanes, number - 1)]
            if work.kind in (Kind.INSERT, Kind.MANY):
                starters.clear_orders()
        took = monotonic() - started
        longest = max(longest, took)
        say(f"round {number} of {pace.rounds} took {took:.0f} s")
    return samples


def measure(starters: Starters, work: Work, lane: Lane, number: int, pace: Pace) -> Sample:
    """One lane at one work."""
    entrant = starters.entrants[lane.contender]
    pids = (entrant.pid, entrant.generator.pid, starters.database.child.pid)
    usage.forget_peak(entrant.pid)
    memory = usage.resident(entrant.pid)
    late = lag.read(entrant.admin) if entrant.admin else {}
    before = [usage.cpu_seconds(pid) for pid in pids]
    timed, pings = _timed(entrant, work, lane, pace)
    server, client, database = (usage.cpu_seconds(pid) - start for pid, start in zip(pids, before, strict=True))
    if not timed.count:
        raise CallFailedError(f"{lane.label}: no call of {work.name} was over in time")
    return Sample(
        work=work.name,
        lane=lane,
        round=number,
        count=timed.count,
        elapsed=timed.elapsed,
        p50=timed.p50,
        p99=timed.p99,
        server_cpu=server,
        client_cpu=client if entrant.pid != entrant.generator.pid else None,
        database_cpu=database,
        memory_before=memory,
        memory_peak=usage.peak_resident(entrant.pid),
        pings=pings,
        lag_p99=lag.percentile(late, lag.read(entrant.admin), 99) if entrant.admin else None,
    )


def _timed(entrant: Entrant, work: Work, lane: Lane, pace: Pace) -> tuple[Timed, tuple[float, ...]]:
    if work.kind is not Kind.SCAN:
        return entrant.generator.calls(Calls(work.kind, work.concurrency, pace.seconds, pace.rows)), ()
    encoding = Encoding(lane.encoding) if lane.encoding else None
    pings: list[float] = []
    with ExitStack() as meanwhile:
        if entrant.pinger:
            pings = meanwhile.enter_context(entrant.pinger.pinging(_PING_EVERY))
        timed = entrant.generator.scan(Scan(pace.rows, encoding))
    if not timed or timed.count != pace.rows:
        raise CallFailedError(f"{lane.label}: the scan has {timed and timed.count} rows, not {pace.rows}")
    return timed, tuple(pings)
