"""What is served: the databases, and what callers may do with them; exchanged as a whole while calls go on."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import zip_longest

from rowgate_server import config, security
from rowgate_server.configured import TableNotMadeError, configured_tables, make_missing
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.ddl.maker import TableMaker
from rowgate_server.core.slow_log import watch_statements
from rowgate_server.engines.capacity import CapacityCheck
from rowgate_server.engines.database import Database, Databases
from rowgate_server.identity.authenticator import Authenticator
from rowgate_server.marks import Marks, marks
from rowgate_server.observability.causes import in_a_line
from rowgate_server.observability.host_metrics import HostNumbers
from rowgate_server.observability.metrics import Metrics, PoolNumbers
from rowgate_server.observability.tracing import Tracing
from rowgate_server.opening import bounds_of, open_databases, open_logins
from rowgate_server.policing import Logins, Policing, ReadPolicy, policy_mark
from rowgate_server.rules import Rules
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors.chain import RpcCall
from rowgate_server.transport.interceptors.facts import QUIET
from rowgate_server.transport.interceptors.underway import CallsUnderWay

_STREAMS_BEGIN_WITHIN = 10.0
"""Seconds after which a stream that had begun has its connection, whatever it waited for."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """Another configuration and what was built for it, beside what is served; to be taken as a whole, or discarded.

    Attributes:
        settings: the configuration.
        databases: all of it; those whose connections stay are the ones that are served.
        logins: the same with other logins.
        policy: who may do what.
        known_by: who knows the callers.
        authorities: the marks of the files of certificates that the databases are verified by.
        made: the databases, whatever their login, that are new.
        started: whether `known_by` is new.
    """

    settings: config.Settings
    databases: Databases
    logins: Logins
    policy: ReadPolicy
    known_by: Authenticator | None
    authorities: Mapping[str, Marks]
    made: Sequence[Database] = field(default_factory=tuple)
    started: bool = False

    async def discard(self) -> None:
        """Close what was built for it."""
        await asyncio.gather(*(database.close() for database in self.made))
        if self.started and self.known_by is not None:
            await self.known_by.stop()


class Served:
    """Holds it, and exchanges it.

    Args:
        settings: what to begin with.
        metrics: of the gateway.
        tracing: its traces, if there are any.
        worker: which of its processes this is; 0 for the only one.
        forget: drops what is known of the tables of a name, once no database is used that had it.

    Attributes:
        settings: what holds now.
        databases: with the gateway's own logins.
        policing: what callers may do, and `databases` as far as they may go.
        rules: what the configuration says of each.
        health: of all.
        authentication: who calls.

    Raises:
        ConfigError: it cannot be built.
    """

    def __init__(
        self,
        settings: config.Settings,
        metrics: Metrics,
        tracing: Tracing | None,
        worker: int,
        forget: Callable[[str], None],
    ) -> None:
        self.settings = settings
        self._metrics = metrics
        self._tracing = tracing
        self._worker = worker
        self._forget = forget
        self.databases = open_databases(settings, metrics, tracing)
        self._logins = open_logins(settings, self.databases, metrics, tracing)
        self.policing = Policing(settings, self.databases, self._logins, metrics)
        self.rules = Rules(settings, metrics)
        self.health = Health(self.databases)
        self._known_by = security.authenticator(settings.auth, metrics)
        self.authentication = security.authentication(settings.auth, self._known_by, self.policing.admits_anonymous)
        self._wanted = configured_tables(settings)
        self._authorities: Mapping[str, Marks] = {
            name: _authorities(database) for name, database in settings.databases.items()
        }
        self._capacity = self._capacity_checks(self.databases)
        self._watch_statements()
        self._retired: list[Database] = []
        self._retiring: set[asyncio.Task[None]] = set()
        metrics.watch_pools(self._pool_numbers, self._up)
        metrics.watch_hosts(self._host_numbers)

    async def start(self, altered: Callable[[str], None]) -> None:
        """Ask every database once, and make the tables that the configuration asks for.

        Raises:
            TableNotMadeError: one is missing, and stays so.
        """
        await asyncio.gather(*(database.availability.probe() for database in self.databases))
        # It is the gateway that makes them: no policy is asked.
        await make_missing(self.table_maker(self.databases, altered), self._wanted)
        if self._known_by is not None:
            await self._known_by.start()

    def watch(self) -> None:
        """Probe the databases, and look for new policies, from now on."""
        for database in self.databases:
            database.availability.start()
        self.policing.start()

    def look_now(self) -> None:
        """Look at the files of the policy, and read the keys of issuers, at once: a signal has come."""
        self.policing.look_now()
        if self._known_by is not None:
            self._known_by.look_now()

    def table_maker(self, databases: Databases, altered: Callable[[str], None]) -> TableMaker:
        """Makes tables in these databases, and drops them, where that is allowed."""
        return TableMaker(databases, Catalog(databases), self.rules.makes_tables, altered)

    def pools(self) -> Sequence[Database]:
        """Each database with each of its logins; those that are served no more, but used, too."""
        return (*self.databases, *self._logins.values(), *self._retired)

    async def prepare(self, settings: config.Settings) -> Candidate:
        """Build another configuration and try it out; what is served stays as it is.

        Raises:
            ConfigError: it cannot be taken.
        """
        if fixed := config.fixed(self.settings, settings):
            raise config.ConfigError([f"{name}: is read at the start only; restart the server" for name in fixed])
        candidate = self._build(settings)
        try:
            await self._try_out(candidate)
        except TableNotMadeError as error:
            await candidate.discard()
            raise config.ConfigError([str(error)]) from None
        except BaseException:
            await candidate.discard()
            raise
        return candidate

    def take(self, candidate: Candidate, calls: CallsUnderWay) -> set[str]:
        """Serve it from now on; calls under way go on with what they have. Nothing is waited for.

        Returns:
            The databases that are other ones than before, or are gone.
        """
        before, known_by, pools = self.settings, self._known_by, (*self.databases, *self._logins.values())
        settings = self.settings = candidate.settings
        self.databases.exchange({each.name: each for each in candidate.databases}, candidate.databases.default)
        self._logins, self._known_by = candidate.logins, candidate.known_by
        self._authorities = candidate.authorities
        self.rules.take(settings)
        for database in (*self.databases, *self._logins.values()):
            database.bounds = bounds_of(settings.databases[database.name])
        self._watch_statements()
        self.policing.exchange(settings, candidate.policy, self.databases, self._logins)
        self.authentication.exchange(self._known_by, security.exempt(settings.auth))
        gone = [database for database in pools if database not in self.pools()]
        for database in (*gone, *candidate.made):
            database.show_breaker(shown=database in candidate.made)
        fresh = [database for database in self.databases if database in candidate.made]
        self.health.follow(fresh)
        checks = self._capacity_checks(fresh)
        for database, check in zip_longest(fresh, checks):
            database.availability.start()
            if check is not None:
                check.start()
        past = [check for check in self._capacity if check.database in gone]
        self._capacity = [*(check for check in self._capacity if check not in past), *checks]
        self._retire(gone, past, known_by if candidate.started else None, calls)
        return {name for name in before.databases if before.databases[name] != settings.databases.get(name)}

    async def close(self) -> None:
        """Look no more, and close every connection."""
        await asyncio.gather(*(check.stop() for check in self._capacity), self.policing.stop())
        await asyncio.gather(*(database.close() for database in self.pools()))
        for task in self._retiring:
            task.cancel()
        if self._known_by is not None:
            await self._known_by.stop()

    def _build(self, settings: config.Settings) -> Candidate:
        authorities = {name: _authorities(database) for name, database in settings.databases.items()}
        stay = {
            name
            for name, database in settings.databases.items()
            if config.same_connections(self.settings.databases.get(name), database)
            and self._authorities.get(name) == authorities[name]
        }
        kept = {each.name: each for each in self.databases if each.name in stay}
        kept_logins = {place: each for place, each in self._logins.items() if place[0] in stay}
        databases = open_databases(settings, self._metrics, self._tracing, kept)
        logins = open_logins(settings, databases, self._metrics, self._tracing, kept_logins)
        known_by, started = self._known_by, settings.auth != self.settings.auth
        if started:
            known_by = security.authenticator(settings.auth, self._metrics)
        built = [each for each in (*databases, *logins.values()) if each.name not in stay]
        for database in built:
            # It may be refused; until it is taken, its name tells of the one that is served.
            database.show_breaker(shown=False)
        mark = policy_mark(settings)
        policy = ReadPolicy(config.read_policy(settings), mark)
        return Candidate(settings, databases, logins, policy, known_by, authorities, built, started)

    async def _try_out(self, candidate: Candidate) -> None:
        fresh = [database for database in candidate.databases if database in candidate.made]
        await asyncio.gather(*(database.availability.probe() for database in fresh))
        reached = {database.name for database in self.databases if database.availability.up}
        # One that is new may be down, as at the start; one that is changed must not be worse than the one before.
        errors = {each.name: each.availability.error for each in fresh if each.name in reached}
        if lost := [
            f"databases.{name}.url: cannot be reached: {in_a_line(error)}"
            for name, error in errors.items()
            if error is not None
        ]:
            raise config.ConfigError(lost)
        if candidate.started and candidate.known_by is not None:
            await candidate.known_by.start()
        before, after = self.settings.databases, candidate.settings.databases
        others = {name for name in after if after[name] != before.get(name)}
        orders = [order for order in configured_tables(candidate.settings) if order.database in others]
        await make_missing(self.table_maker(candidate.databases, lambda _: None), orders)

    def _retire(
        self,
        gone: Sequence[Database],
        checks: Sequence[CapacityCheck],
        known_by: Authenticator | None,
        calls: CallsUnderWay,
    ) -> None:
        self._retired += gone
        # A Watch of the health service has no end, and touches none of them.
        begun = [call for call in calls if call.labels.grpc_service not in QUIET]
        for work in (self._end(gone, checks, calls, begun), self._end_of(known_by, calls, begun)):
            task = asyncio.create_task(work, name="rowgate-retiring")
            self._retiring.add(task)
            task.add_done_callback(self._retiring.discard)

    async def _end(
        self,
        gone: Sequence[Database],
        checks: Sequence[CapacityCheck],
        calls: CallsUnderWay,
        begun: Sequence[RpcCall],
    ) -> None:
        """Close what is served no more, once nobody uses it or can come back to it.

        A stream that has begun has its connection, or will have soon; a call of one answer may ask for several, one
        after the other.
        """
        await asyncio.gather(*(check.stop() for check in checks))
        retiring = asyncio.gather(*(database.retire() for database in gone))
        await calls.over(call for call in begun if call.labels.grpc_type == "unary")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STREAMS_BEGIN_WITHIN):
                await calls.over(begun)
        await retiring
        await asyncio.gather(*(database.retire() for database in gone))
        await asyncio.gather(*(database.close() for database in gone))
        self._retired = [database for database in self._retired if database not in gone]
        names = {database.name for database in gone}
        for name in names:
            self._forget(name)
        for name in _pools_of(gone).keys() - _pools_of(self.pools()).keys():
            self._metrics.forget(name)
            self.rules.transaction_metrics.pop(name, None)

    @staticmethod
    async def _end_of(known_by: Authenticator | None, calls: CallsUnderWay, begun: Sequence[RpcCall]) -> None:
        """Let go of what proved who called, once nobody waits for that."""
        if known_by is not None:
            await calls.over(begun)
            await known_by.stop()

    def _watch_statements(self) -> None:
        for database in (*self.databases, *self._logins.values()):
            watch_statements(database, self.settings.log.slow_statements)

    def _capacity_checks(self, databases: Iterable[Database]) -> list[CapacityCheck]:
        if self._worker > 1:
            return []  # one process looks for all that are like it: the only one, or the first worker
        processes = self.settings.server.replicas * self.settings.server.workers
        return [
            CapacityCheck(each, [other for (name, _), other in self._logins.items() if name == each.name], processes)
            for each in databases
        ]

    def _pool_numbers(self) -> dict[str, PoolNumbers]:
        """What is used of one that is gone counts, too."""
        return {
            name: PoolNumbers(
                sum(numbers.in_use for numbers in pools),
                sum(numbers.idle for numbers in pools),
                sum(numbers.waiting for numbers in pools),
                pools[0].maximum,
            )
            for name, pools in _pools_of(self.pools()).items()
        }

    def _host_numbers(self) -> dict[str, Sequence[HostNumbers]]:
        served = (*self.databases, *self._logins.values())
        return {_pool_name(database): database.host_numbers() for database in served if database.hosts}

    def _up(self, name: str) -> bool | None:
        name, _, replica = name.partition("@")
        if replica:
            return None  # the metrics of hosts tell that
        up = {database.name: bool(database.availability.up) for database in self.databases}
        return up.get(name.partition("/")[0])


def _authorities(database: config.Database) -> Marks:
    """The marks of the files of certificates that a database is verified by."""
    logins = [login.url for login in database.logins.values()]
    urls = (database.url, *logins, *(replica.url for replica in database.replicas.values()))
    return marks([url.ssl_root_cert for url in urls if url.ssl_root_cert])


def _pools_of(databases: Iterable[Database]) -> dict[str, list[PoolNumbers]]:
    """By the name of the database, its login's behind a slash, and its replica's behind an at sign; the first first."""
    found: dict[str, list[PoolNumbers]] = {}
    for database in databases:
        name = _pool_name(database)
        found.setdefault(name, []).append(database.pool_numbers())
        for replica, numbers in database.replica_numbers().items():
            found.setdefault(f"{name}@{replica}", []).append(numbers)
    return found


def _pool_name(database: Database) -> str:
    """As metrics call it."""
    return f"{database.name}/{database.login}" if database.login else database.name
