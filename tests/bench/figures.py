"""From measurements to figures: percentiles, medians over rounds, ratios to a baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Lane:
    """One column of every round: a contender, and for a scan the encoding that it is asked for."""

    contender: str
    encoding: str | None = None

    @property
    def label(self) -> str:
        """For the reports."""
        return f"{self.contender} {self.encoding.upper()}" if self.encoding else self.contender


@dataclass(frozen=True, slots=True)
class Sample:
    """What one lane took for one work in one round.

    Attributes:
        work: its name.
        lane: who did it.
        round: counted from 1.
        count: of calls, or of a scan's rows.
        elapsed: seconds.
        p50: the median latency, in seconds.
        p99: the 99th percentile of the latencies, in seconds.
        server_cpu: CPU seconds of the server; of a contender without one, of its only process.
        client_cpu: CPU seconds of the load generator; None where it is the contender itself.
        database_cpu: CPU seconds of the database server.
        memory_before: bytes resident in the server before.
        memory_peak: the most bytes resident in the server meanwhile.
        pings: seconds that each ping took that went on meanwhile.
        lag_p99: the 99th percentile of how late the server's event loop was, in seconds, rounded up to a bucket's
            bound; None where the server does not tell.
    """

    work: str
    lane: Lane
    round: int
    count: int
    elapsed: float
    p50: float
    p99: float
    server_cpu: float
    client_cpu: float | None
    database_cpu: float
    memory_before: int
    memory_peak: int
    pings: tuple[float, ...] = ()
    lag_p99: float | None = None

    @property
    def rate(self) -> float:
        """Calls or rows per second."""
        return self.count / self.elapsed

    @property
    def server_cpu_each(self) -> float:
        """CPU seconds of the server per call or row."""
        return self.server_cpu / self.count


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of one lane at one work; times in seconds, CPU per call or row, memory in bytes.

    Attributes:
        spread: how far apart the rounds were: the largest rate less the smallest, as a part of the median.
        memory_growth: by how much the server's peak was above what it had before.
        ping_p50: of the pings of all rounds together; None where there were none.
        ping_p99: the same.
        ping_max: the same.
        lag_p99: how late the server's event loop was; None where it does not tell.
        rate_ratio: rate over the baseline's, round by round; None where there is no baseline.
        cpu_ratio: the server's CPU per call or row over the baseline's, in the same way.
    """

    lane: Lane
    rounds: int
    rate: float
    spread: float
    elapsed: float
    p50: float
    p99: float
    server_cpu: float
    client_cpu: float | None
    database_cpu: float
    memory_before: float
    memory_growth: float
    ping_p50: float | None
    ping_p99: float | None
    ping_max: float | None
    lag_p99: float | None
    rate_ratio: float | None
    cpu_ratio: float | None


def percentile(ordered: Sequence[float], percent: float) -> float:
    """The least of the ordered values that so many percent of them do not exceed (nearest rank)."""
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def paired_ratio(
    samples: Iterable[Sample], baseline: Iterable[Sample], figure: Callable[[Sample], float]
) -> float | None:
    """The median of the ratios within each round: the machine's slow and fast minutes fall out of it.

    None where no round has both, or a baseline is zero.
    """
    base = {sample.round: figure(sample) for sample in baseline}
    pairs = [(figure(sample), base[sample.round]) for sample in samples if sample.round in base]
    if not pairs or not all(below for _, below in pairs):
        return None
    return median(above / below for above, below in pairs)


def summarise(samples: Sequence[Sample], baseline: str) -> list[Summary]:
    """The figures of each lane at one work, in the order of their first samples.

    Args:
        samples: all of one work.
        baseline: the contender to take ratios to; its first lane counts.
    """
    lanes = dict.fromkeys(sample.lane for sample in samples)
    by_lane = {lane: [sample for sample in samples if sample.lane == lane] for lane in lanes}
    base = next((found for lane, found in by_lane.items() if lane.contender == baseline), [])
    return [_summary(lane, found, base) for lane, found in by_lane.items()]


def _summary(lane: Lane, samples: Sequence[Sample], base: Sequence[Sample]) -> Summary:
    def middle(figure: Callable[[Sample], float]) -> float:
        return median(map(figure, samples))

    rates = [sample.rate for sample in samples]
    pings = sorted(ping for sample in samples for ping in sample.pings)
    lags = [sample.lag_p99 for sample in samples if sample.lag_p99 is not None]
    clients = [sample.client_cpu / sample.count for sample in samples if sample.client_cpu is not None]
    return Summary(
        lane=lane,
        rounds=len(samples),
        rate=median(rates),
        spread=(max(rates) - min(rates)) / median(rates),
        elapsed=middle(lambda sample: sample.elapsed),
        p50=middle(lambda sample: sample.p50),
        p99=middle(lambda sample: sample.p99),
        server_cpu=middle(lambda sample: sample.server_cpu_each),
        client_cpu=median(clients) if clients else None,
        database_cpu=middle(lambda sample: sample.database_cpu / sample.count),
        memory_before=middle(lambda sample: sample.memory_before),
        memory_growth=middle(lambda sample: sample.memory_peak - sample.memory_before),
        ping_p50=percentile(pings, 50) if pings else None,
        ping_p99=percentile(pings, 99) if pings else None,
        ping_max=pings[-1] if pings else None,
        lag_p99=median(lags) if lags else None,
        rate_ratio=paired_ratio(samples, base, lambda sample: sample.rate),
        cpu_ratio=paired_ratio(samples, base, lambda sample: sample.server_cpu_each),
    )
