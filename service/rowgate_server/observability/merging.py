"""The metrics of several processes as those of one.

Counters and histograms are sums, and go on where a process has ended: what it last told stays counted. Gauges are sums
over the processes that live, where a sum means something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from operator import add
from typing import Any

from rowgate_server.observability.exposition import Snapshot

_LASTING = frozenset({"counter", "histogram", "summary"})

_GAUGES: dict[str, Callable[[float, float], float]] = {
    "rowgate_database_up": min,
    "rowgate_breaker_state": max,
    "rowgate_host_up": min,
    "rowgate_host_writable": min,
    "rowgate_database_primaries": max,
    "rowgate_replica_staleness_seconds": max,
    "rowgate_policy_current": min,
    "rowgate_tls_certificate_expires_seconds": min,
    "process_start_time_seconds": min,
    "process_max_fds": min,
    "python_info": max,
    "rowgate_build_info": max,
}
"""Those of which the sum would mean nothing."""

_OF_A_DATABASE = re.compile(r'[{,]database="([^"/@]+)')


def merged(snapshots: Iterable[Snapshot], ended: Ended) -> Snapshot:
    """Several snapshots as one."""
    families: dict[str, list[Any]] = {}
    for told in (ended.told, *snapshots):
        for name, documentation, kind, samples in told:
            family = families.get(name)
            if family is None:
                families[name] = [name, documentation, kind, dict(samples)]
            else:
                _merge(family[3], samples, add if kind in _LASTING else _GAUGES.get(name, add))
    return list(families.values())


def _merge(into: dict[str, float], samples: Mapping[str, float], merge: Callable[[float, float], float]) -> None:
    for series, value in samples.items():
        before = into.get(series)
        into[series] = value if before is None else merge(before, value)


class Ended:
    """What ended processes have counted."""

    def __init__(self) -> None:
        self.told: Snapshot = []
        self._served: Collection[str] | None = None

    def add(self, last: Snapshot) -> None:
        """One has ended, and this is what it told last."""
        self.told = merged([[family for family in last if family[2] in _LASTING]], self)
        self._forget()

    def serve(self, databases: Collection[str]) -> None:
        """These are served from now on: tell of no others, nor of their logins and replicas, whoever ends when."""
        self._served = databases
        self._forget()

    def _forget(self) -> None:
        for family in self.told:
            family[3] = {series: value for series, value in family[3].items() if self._told(series)}

    def _told(self, series: str) -> bool:
        found = _OF_A_DATABASE.search(series)
        return found is None or self._served is None or found[1] in self._served
