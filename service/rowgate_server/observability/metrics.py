"""Prometheus metrics: the standard `grpc_server_*` names, and the gateway's own under `rowgate_`.

The gRPC names and labels are those of go-grpc-middleware's prometheus provider
(https://github.com/grpc-ecosystem/go-grpc-middleware/tree/main/providers/prometheus), so its dashboards fit. Labels
are methods, codes and configured database names: never SQL, and nothing that a caller can choose.
"""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from rowgate_server.observability.breaker_log import BreakerLog
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.connections import Connections
from rowgate_server.observability.distribution import Distribution, Distributions
from rowgate_server.observability.failures import Failures
from rowgate_server.observability.host_metrics import HostNumbers, Hosts
from rowgate_server.observability.lag import LoopLag
from rowgate_server.observability.log_metrics import LogMetrics
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.statements import DatabaseStatements, Statements
from rowgate_server.observability.tls_metrics import TlsFamilies, TlsMetrics

_log = get_logger("rowgate.pool")

TRANSACTION_ENDS = ("committed", "rolled_back", "abandoned", "expired", "unknown")
"""Abandoned: rolled back because its stream ended."""

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class MethodLabels(NamedTuple):
    """One RPC, in the labels that the standard metrics have."""

    grpc_type: str
    grpc_service: str
    grpc_method: str


class PoolNumbers(NamedTuple):
    """What one pool holds at this moment."""

    in_use: int
    idle: int
    waiting: int
    maximum: int


class CallMetrics:
    """What the standard metrics tell of one method.

    Plain numbers, that one event loop adds to: prometheus_client's own counters take a lock each, and would cost a
    call 8 µs.
    """

    __slots__ = ("handled", "received", "seconds", "sent", "started")

    def __init__(self, codes: Sequence[str]) -> None:
        self.started = 0
        self.received = 0
        self.sent = 0
        self.handled = dict.fromkeys(codes, 0)
        self.seconds = Distribution(_SECONDS)


class DatabaseMetrics:
    """What happens to the connections of one database; `name` is what the metrics call it."""

    def __init__(self, metrics: Metrics, database: str) -> None:
        self.name = database
        self._timeouts = metrics.pool_timeouts.labels(database)
        self._refused = metrics.pool_refused.labels(database)
        self._breaker = metrics.breaker_state.labels(database)
        self._state = 0
        self._breaker_log = BreakerLog(database=database)
        self.shown = True
        self._failures = metrics.connect_failures.labels(database)
        self._cleanups = {kind: metrics.cleanup_failures.labels(database, kind) for kind in ("reset", "kill")}
        self.connections = metrics.connections.database(database)
        self._statements = metrics.statements

    @property
    def statements(self) -> DatabaseStatements:
        """Its statements; those that a replica answers are the database's, and it has none of its own."""
        return self._statements.database(self.name)

    def pool_timeout(self) -> None:
        """A caller waited for a connection in vain."""
        self._timeouts.inc()

    def pool_refused(self) -> None:
        """A caller was refused at once, as too many waited already."""
        self._refused.inc()

    def breaker(self, state: str, number: int) -> None:
        """The circuit breaker is closed (0), half-open (1) or open (2)."""
        self.take_state(number)
        self._breaker_log.state(state, closed=number == 0)

    def take_state(self, number: int) -> None:
        """The same, not worth a line in the log."""
        self._state = number
        if self.shown:
            self._breaker.set(number)

    def show(self, *, shown: bool) -> None:
        """Whether this one is the one that is told of: another one may be served under the same name."""
        self.shown = shown
        self._breaker_log.show(shown=shown)
        if shown:
            self._breaker.set(self._state)

    def connect_failed(self, error: BaseException) -> None:
        """A connection could not be made."""
        self._failures.inc()
        log = _log.warning if self.shown else _log.debug
        log("connect failed", database=self.name, cause=in_a_line(error))

    def cleanup_failed(self, error: BaseException, *, kill: bool) -> None:
        """A connection could not be reset, or its statement not be killed; it was dropped."""
        kind = "kill" if kill else "reset"
        self._cleanups[kind].inc()
        _log.warning("connection dropped", database=self.name, cause=f"{kind} failed", error=repr(error))

    def killed_late(self, seconds: float) -> None:
        """What could not be killed at first has ended, so long after its connection was dropped."""
        _log.info("killed statement ended late", database=self.name, seconds=round(seconds, 3))


class HostMetrics(DatabaseMetrics):
    """What happens to the connections of one of a database's servers: it is counted together with the others.

    Args:
        metrics: of the process.
        database: the database's name.
        host: the server's.
        together: the database's own.
        breakers: the state of the breaker of each of the servers; the database's is the best of them.
    """

    def __init__(
        self, metrics: Metrics, database: str, host: str, together: DatabaseMetrics, breakers: dict[str, int]
    ) -> None:
        super().__init__(metrics, database)
        self._host = host
        self._breaker_log = BreakerLog(database=database, host=host)
        self._together = together
        self._breakers = breakers
        breakers[host] = 0

    def breaker(self, state: str, number: int) -> None:
        """As the database's own."""
        self._breakers[self._host] = number
        self._together.take_state(min(self._breakers.values()))
        self._breaker_log.state(state, closed=number == 0)

    def show(self, *, shown: bool) -> None:
        """As the database's own."""
        self.shown = shown
        self._breaker_log.show(shown=shown)
        self._together.show(shown=shown)


class TransactionMetrics:
    """What happens to the transactions that callers hold on one database."""

    def __init__(self, metrics: Metrics, database: str) -> None:
        self._open = metrics.transactions_open.labels(database)
        self._ended = {end: metrics.transactions_ended.labels(database, end) for end in TRANSACTION_ENDS}
        self._refused = metrics.transactions_refused.labels(database)

    def open(self, number: int) -> None:
        """So many are open now."""
        self._open.set(number)

    def ended(self, end: str) -> None:
        """One has ended, in one of `TRANSACTION_ENDS`."""
        self._ended[end].inc()

    def refused(self) -> None:
        """One was refused: as many were open as may be."""
        self._refused.inc()


class Metrics:
    """All metrics of the process, in a registry of their own."""

    def __init__(self) -> None:
        # A `_created` series beside every other doubles the scrape and tells nothing.
        disable_created_metrics()
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.registry.register(LogMetrics())
        self._calls = _Calls()
        self.registry.register(self._calls)
        self.loop_lag = LoopLag()
        self.registry.register(self.loop_lag)
        self.connections = Connections()
        self.registry.register(self.connections)
        self.statements = Statements()
        self.registry.register(self.statements)
        self.failures = Failures()
        self.registry.register(self.failures)
        self.pool_timeouts = self._counter(
            "rowgate_pool_timeouts", "Calls that waited for a connection in vain.", "database"
        )
        self.pool_refused = self._counter(
            "rowgate_pool_refused", "Calls refused at once, as too many waited already.", "database"
        )
        self.breaker_state = Gauge(
            "rowgate_breaker_state",
            "The circuit breaker: closed (0), half-open (1), open (2).",
            ["database"],
            registry=self.registry,
        )
        self.connect_failures = self._counter(
            "rowgate_pool_connect_failures", "Connections that could not be made.", "database"
        )
        self.cleanup_failures = self._counter(
            "rowgate_pool_cleanup_failures",
            "Connections dropped because a reset, or a kill, failed.",
            "database",
            "kind",
        )

        self.transactions_open = Gauge(
            "rowgate_transactions_open", "Transactions that callers hold.", ["database"], registry=self.registry
        )
        self.transactions_ended = self._counter(
            "rowgate_transactions_ended", "Transactions that have ended, by how.", "database", "end"
        )
        self.transactions_refused = self._counter(
            "rowgate_transactions_refused", "Transactions refused because as many were open as may be.", "database"
        )

        self.denials = self._counter("rowgate_policy_denials", "Calls that the policy did not let through.")
        self.quota_refusals = self._counter(
            "rowgate_quota_refusals", "Calls refused as their caller had made enough of them for now."
        )
        self.readers_cut = self._counter(
            "rowgate_readers_cut", "Connections cut that did not read their answers, and held up others."
        )
        self.policy_reloads = self._counter(
            "rowgate_policy_reloads", "New policies, and whether they were taken or refused.", "outcome"
        )
        self.policy_current = Gauge(
            "rowgate_policy_current",
            "Whether the policy that holds is the one that its file has.",
            registry=self.registry,
        )
        self.policy_current.set(1)
        for outcome in ("taken", "refused"):
            self.policy_reloads.labels(outcome)
        self.auth_failures = self._counter("rowgate_auth_failures", "Calls whose credentials were refused.", "reason")
        self.jwks_failures = self._counter(
            "rowgate_auth_jwks_failures", "Times that the keys of an issuer of tokens could not be read.", "issuer"
        )
        self.audit_failures = self._counter("rowgate_audit_failures", "Lines of the audit log that were lost.")
        self._tls = TlsFamilies(self.registry)

    def build(self, version: str) -> None:
        """Tell what runs."""
        python = platform.python_version()
        build = Gauge("rowgate_build_info", "What runs.", ["version", "python"], registry=self.registry)
        build.labels(version, python).set(1)

    def call(self, labels: MethodLabels, codes: Sequence[str]) -> CallMetrics:
        """The metrics of one method, with every code at zero from the start."""
        return self._calls.add(labels, codes)

    def database(self, name: str) -> DatabaseMetrics:
        """The metrics of one database."""
        return DatabaseMetrics(self, name)

    def hosts_of(self, name: str) -> Callable[[str], DatabaseMetrics]:
        """The metrics of one database's servers, each by its name."""
        together, breakers = DatabaseMetrics(self, name), dict[str, int]()
        return lambda host: HostMetrics(self, name, host, together, breakers)

    def forget(self, name: str) -> None:
        """Tell no more of a database that is gone; `name/login` is one of its pools."""
        for family in (
            self.pool_timeouts,
            self.pool_refused,
            self.breaker_state,
            self.connect_failures,
            self.cleanup_failures,
            self.transactions_open,
            self.transactions_ended,
            self.transactions_refused,
        ):
            family.remove_by_labels({"database": name})
        self.connections.forget(name)
        self.statements.forget(name)
        self.failures.forget(name)

    def transactions(self, name: str) -> TransactionMetrics:
        """The metrics of one database's transactions."""
        return TransactionMetrics(self, name)

    def tls(self, port: str) -> TlsMetrics:
        """The metrics of one port's certificate."""
        return self._tls.port(port)

    def watch_pools(self, pools: Callable[[], Mapping[str, PoolNumbers]], up: Callable[[str], bool | None]) -> None:
        """Read the pools, by their databases' names, and the databases' health, at every scrape; None: it is gone."""
        self.registry.register(_Pools(pools, up))

    def watch_hosts(self, hosts: Callable[[], Mapping[str, Sequence[HostNumbers]]]) -> None:
        """Read the servers of databases that have several, by the databases' names, at every scrape."""
        self.registry.register(Hosts(hosts))

    def _counter(self, name: str, documentation: str, *labels: str) -> Counter:
        return Counter(name, documentation, labels, registry=self.registry)


class _Calls(Collector):
    def __init__(self) -> None:
        self._methods: dict[MethodLabels, CallMetrics] = {}

    def add(self, labels: MethodLabels, codes: Sequence[str]) -> CallMetrics:
        return self._methods.setdefault(labels, CallMetrics(codes))

    def collect(self) -> Iterable[Metric]:
        names = MethodLabels._fields
        started = CounterMetricFamily("grpc_server_started", "RPCs started on the server.", labels=names)
        handled = CounterMetricFamily(
            "grpc_server_handled", "RPCs completed on the server.", labels=(*names, "grpc_code")
        )
        received = CounterMetricFamily("grpc_server_msg_received", "Messages received from clients.", labels=names)
        sent = CounterMetricFamily("grpc_server_msg_sent", "Messages sent to clients.", labels=names)
        seconds = Distributions("grpc_server_handling_seconds", "Seconds that RPCs took on the server.", labels=names)
        for labels, calls in self._methods.items():
            started.add_metric(labels, calls.started)
            received.add_metric(labels, calls.received)
            sent.add_metric(labels, calls.sent)
            seconds.add(labels, calls.seconds)
            for code, count in calls.handled.items():
                handled.add_metric((*labels, code), count)
        return started, handled, received, sent, seconds


class _Pools(Collector):
    def __init__(self, pools: Callable[[], Mapping[str, PoolNumbers]], up: Callable[[str], bool | None]) -> None:
        self._pools = pools
        self._up = up

    def collect(self) -> Iterable[Metric]:
        gauges = {
            "in_use": GaugeMetricFamily("rowgate_pool_in_use", "Connections in use.", labels=["database"]),
            "idle": GaugeMetricFamily("rowgate_pool_idle", "Connections open and free.", labels=["database"]),
            "waiting": GaugeMetricFamily("rowgate_pool_waiting", "Calls waiting for one.", labels=["database"]),
            "maximum": GaugeMetricFamily("rowgate_pool_max", "The most there can be.", labels=["database"]),
        }
        up = GaugeMetricFamily("rowgate_database_up", "Whether the last probe reached it.", labels=["database"])
        for database, numbers in self._pools().items():
            for name, number in numbers._asdict().items():
                gauges[name].add_metric([database], number)
            is_up = self._up(database)
            if is_up is not None:
                up.add_metric([database], float(is_up))
        return [*gauges.values(), up]
