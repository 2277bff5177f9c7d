"""What is served: the databases, and what callers may do with them; exchanged as a whole while calls go on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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
from rowgate_server.observability.metrics import Metrics
from rowgate_server.observability.tracing import Tracing
from rowgate_server.opening import bounds_of, open_databases, open_logins
from rowgate_server.policing import Logins, Policing, ReadPolicy, policy_mark
from rowgate_server.pool_metrics import PoolMetrics
from rowgate_server.retiring import Retiring
from rowgate_server.rules import Rules
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors.underway import CallsUnderWay


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
        security.tell_of_issuers(settings.auth, metrics)
        self.authentication = security.authentication(settings.auth, self._known_by, self.policing.admits_anonymous)
        self._wanted = configured_tables(settings)
        self._authorities: Mapping[str, Marks] = {
            name: marks(database.authorities) for name, database in settings.databases.items()
        }
        self._capacity = self._capacity_checks(self.databases)
        self._watch_statements()
        self._retiring = Retiring(self._ended)
        self._pool_metrics = PoolMetrics(metrics, self._current, lambda: self._retiring.databases)

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
        return (*self._current(), *self._retiring.databases)

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
        except BaseException as error:
            await self.discard(candidate)
            if isinstance(error, TableNotMadeError):
                raise config.ConfigError([str(error)]) from None
            raise
        return candidate

    async def discard(self, candidate: Candidate) -> None:
        """Close what was built for it, and tell of it no more."""
        await asyncio.gather(*(database.close() for database in candidate.made))
        if candidate.started and candidate.known_by is not None:
            await candidate.known_by.stop()
        security.forget_issuers(candidate.settings.auth, self.settings.auth, self._metrics)
        self._pool_metrics.forget(candidate.made)

    def take(self, candidate: Candidate, calls: CallsUnderWay) -> set[str]:
        """Serve it from now on; calls under way go on with what they have. Nothing is waited for.

        Returns:
            The databases that are other ones than before, or are gone.
        """
        before, known_by, pools = self.settings, self._known_by, self._current()
        settings = self.settings = candidate.settings
        self.databases.exchange({each.name: each for each in candidate.databases}, candidate.databases.default)
        self._logins, self._known_by = candidate.logins, candidate.known_by
        self._authorities = candidate.authorities
        self.rules.take(settings)
        for database in self._current():
            database.bounds = bounds_of(settings.databases[database.name])
        self._watch_statements()
        self.policing.exchange(settings, candidate.policy, self.databases, self._logins)
        security.tell_of_issuers(settings.auth, self._metrics)
        self.authentication.exchange(self._known_by, security.exempt(settings.auth))
        self._begin_with(candidate.made)
        gone = [database for database in pools if database not in self._current()]
        for database in gone:
            database.show(shown=False)
        past = [check for check in self._capacity if check.database in gone]
        self._capacity = [check for check in self._capacity if check not in past]
        for check in self._capacity:
            check.recount(self._processes)
        self._retiring.databases_of(gone, past, calls)
        if candidate.started and known_by is not None:
            self._retiring.authenticator(known_by, calls)
        return {name for name in before.databases if before.databases[name] != settings.databases.get(name)}

    async def close(self) -> None:
        """Look no more, and close every connection."""
        await asyncio.gather(*(check.stop() for check in self._capacity), self.policing.stop())
        await self._retiring.stop()
        await asyncio.gather(*(database.close() for database in self.pools()))
        if self._known_by is not None:
            await self._known_by.stop()

    def _current(self) -> Sequence[Database]:
        """Each database that is served with each of its logins."""
        return (*self.databases, *self._logins.values())

    def _begin_with(self, made: Sequence[Database]) -> None:
        """These are served from now on."""
        for database in made:
            database.show(shown=True)
        fresh = [database for database in self.databases if database in made]
        self.health.follow(fresh)
        for database in fresh:
            database.availability.start()
        checks = self._capacity_checks(fresh)
        for check in checks:
            check.start()
        self._capacity += checks

    def _build(self, settings: config.Settings) -> Candidate:
        authorities = {name: marks(database.authorities) for name, database in settings.databases.items()}
        stay = {
            name
            for name, database in settings.databases.items()
            if config.same_connections(self.settings.databases.get(name), database)
            and self._authorities.get(name) == authorities[name]
        }
        # First, since they may be wrong: the metrics tell of databases as soon as they are put together.
        mark = policy_mark(settings)
        policy = ReadPolicy(config.read_policy(settings), mark)
        known_by, started = self._known_by, settings.auth != self.settings.auth
        if started:
            known_by = security.authenticator(settings.auth, self._metrics)
        kept = {each.name: each for each in self.databases if each.name in stay}
        kept_logins = {place: each for place, each in self._logins.items() if place[0] in stay}
        databases = open_databases(settings, self._metrics, self._tracing, kept)
        logins = open_logins(settings, databases, self._metrics, self._tracing, kept_logins)
        built = [each for each in (*databases, *logins.values()) if each.name not in stay]
        for database in built:
            # It may be refused; until it is taken, its name tells of the one that is served.
            database.show(shown=False)
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
            raise config.UnreachedError(lost)
        if candidate.started and candidate.known_by is not None:
            await candidate.known_by.start()
        before, after = self.settings.databases, candidate.settings.databases
        others = {name for name in after if after[name] != before.get(name)}
        orders = [order for order in configured_tables(candidate.settings) if order.database in others]
        await make_missing(self.table_maker(candidate.databases, lambda _: None), orders)

    def _watch_statements(self) -> None:
        for database in self._current():
            watch_statements(database, self.settings.log.slow_statements)

    @property
    def _processes(self) -> int:
        """All that have pools like these."""
        return self.settings.server.replicas * self.settings.server.workers

    def _capacity_checks(self, databases: Iterable[Database]) -> list[CapacityCheck]:
        if self._worker > 1:
            return []  # one process looks for all that are like it: the only one, or the first worker
        return [
            CapacityCheck(
                each, [other for (name, _), other in self._logins.items() if name == each.name], self._processes
            )
            for each in databases
        ]

    def _ended(self, gone: Sequence[Database]) -> None:
        """These are closed."""
        for name in {database.name for database in gone}:
            self._forget(name)
        self._pool_metrics.forget(gone)
        for name in self.rules.transaction_metrics.keys() - {database.name for database in self.pools()}:
            del self.rules.transaction_metrics[name]
