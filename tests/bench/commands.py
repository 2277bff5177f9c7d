"""What the bench asks of a load generator, and what it hears back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

from bench.work import Encoding, Kind


@dataclass(frozen=True, slots=True)
class Row:
    """Fetch one row. The answer: its cells, each as text."""

    key: int


@dataclass(frozen=True, slots=True)
class Calls:
    """Call for so many seconds, so many at a time; keys go from 1 to `rows`. The answer: `Timed`."""

    kind: Kind
    concurrency: int
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class Scan:
    """Read the first so many rows. The answer: `Timed`, or `NotServed`."""

    rows: int
    encoding: Encoding | None


@dataclass(frozen=True, slots=True)
class Ping:
    """Make a cheap call every so many seconds until `Stop` comes. The answer, then: `Pinged`."""

    every: float


@dataclass(frozen=True, slots=True)
class Stop:
    """End the pings."""


@dataclass(frozen=True, slots=True)
class Timed:
    """What calls or a scan took.

    Attributes:
        count: of calls, or of a scan's rows.
        elapsed: seconds.
        p50: seconds that half of the calls took at most; of a scan, what it took.
        p99: seconds that 99 of 100 calls took at most; of a scan, what it took.
    """

    count: int
    elapsed: float
    p50: float
    p99: float


@dataclass(frozen=True, slots=True)
class Pinged:
    """The seconds of each ping, counted from when it was due: one that could not start in time is late, too."""

    seconds: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class NotServed:
    """The contender has no such thing."""


@dataclass(frozen=True, slots=True)
class Failed:
    """A call failed: the error as text."""

    reason: str


Command: TypeAlias = Row | Calls | Scan | Ping | Stop
Answer: TypeAlias = list[Any] | Timed | Pinged | NotServed | Failed
