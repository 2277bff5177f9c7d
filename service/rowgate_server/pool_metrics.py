"""What the metrics tell of the pools, the servers and the health of databases; asked at every scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from rowgate_server.engines.database import Database
from rowgate_server.observability.host_metrics import HostNumbers
from rowgate_server.observability.metrics import Metrics, PoolNumbers


class PoolMetrics:
    """Tells.

    Args:
        metrics: of the gateway.
        served: the databases that are served, with each of their logins.
        retired: those that are served no more, but used.
    """

    def __init__(
        self,
        metrics: Metrics,
        served: Callable[[], Sequence[Database]],
        retired: Callable[[], Sequence[Database]],
    ) -> None:
        self._metrics = metrics
        self._served = served
        self._retired = retired
        metrics.watch_pools(self._pool_numbers, self._up)
        metrics.watch_hosts(self._host_numbers)

    def forget(self, gone: Iterable[Database]) -> None:
        """Tell no more of these, where nothing else has their names."""
        for name in _numbers_of(gone).keys() - _numbers_of((*self._served(), *self._retired())).keys():
            self._metrics.forget(name)

    def _pool_numbers(self) -> dict[str, PoolNumbers]:
        """What is used of one that is gone counts, too."""
        return {
            name: PoolNumbers(
                sum(numbers.in_use for numbers in pools),
                sum(numbers.idle for numbers in pools),
                sum(numbers.waiting for numbers in pools),
                pools[0].maximum,
            )
            for name, pools in _numbers_of((*self._served(), *self._retired())).items()
        }

    def _host_numbers(self) -> dict[str, Sequence[HostNumbers]]:
        return {_name(database): database.host_numbers() for database in self._served() if database.hosts}

    def _up(self, name: str) -> bool | None:
        """Also a login's: whether its database is up, the gateway's own login finds out.

        None before the first probe: a worker that is starting must not make a database look down that the others reach.
        """
        if "@" in name:
            return None  # a replica: the metrics of hosts tell that
        up = {database.name: database.availability.up for database in self._served()}
        return up.get(name.partition("/")[0])


def _numbers_of(databases: Iterable[Database]) -> dict[str, list[PoolNumbers]]:
    """By the name of the database, its login's behind a slash, and its replica's behind an at sign; the first first."""
    found: dict[str, list[PoolNumbers]] = {}
    for database in databases:
        name = _name(database)
        found.setdefault(name, []).append(database.pool_numbers())
        for replica, numbers in database.replica_numbers().items():
            found.setdefault(f"{name}@{replica}", []).append(numbers)
    return found


def _name(database: Database) -> str:
    return f"{database.name}/{database.login}" if database.login else database.name
