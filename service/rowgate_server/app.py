"""The composition root: builds everything from the settings, starts it, and stops it in the opposite order."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.exc import SAWarning

from rowgate_server import __version__, config, security
from rowgate_server.binding import bind
from rowgate_server.core.access import Switches
from rowgate_server.core.administration import Administration, Alone, OtherWorkers
from rowgate_server.core.batches import BatchRunner
from rowgate_server.core.browsing import Browser
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.tokens import Tokens
from rowgate_server.core.explain import Explainer
from rowgate_server.core.query import QueryRunner
from rowgate_server.core.table_cache import TableCache
from rowgate_server.core.transactions.opening import Transactions
from rowgate_server.core.transactions.tables import TableWork
from rowgate_server.core.tree import TreeStore
from rowgate_server.engines.database import Databases
from rowgate_server.engines.outliving import Outliving
from rowgate_server.engines.underway import Phase
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.listening import certificates, start_admin
from rowgate_server.observability.exposition import Snapshot, snapshot_beside
from rowgate_server.observability.logging import get_logger, set_level
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_tracing
from rowgate_server.served import Candidate, Served
from rowgate_server.sharing import unshared
from rowgate_server.transport import server as grpc_server
from rowgate_server.transport.admin import AdminServer
from rowgate_server.transport.admin_servicer import AdminServicer
from rowgate_server.transport.certificates import Reloading
from rowgate_server.transport.draining import Draining, DrainTimes
from rowgate_server.transport.interceptors.underway import CallsUnderWay
from rowgate_server.transport.interceptors.unread import Unread
from rowgate_server.transport.query_servicer import QueryServicer
from rowgate_server.transport.schema_servicer import SchemaServicer
from rowgate_server.transport.table_servicer import TableServicer
from rowgate_server.transport.transact_answers import TransactAnswers
from rowgate_server.transport.transacting import Transacting

_log = get_logger("rowgate.app")

_CLOSING = 0.7
"""Seconds to close connections in order, once no handler runs; what is left then goes with the process."""


def _ignore(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway listens, ports as they really are; `admin` and `health` are "off" without such a port."""

    grpc: str
    admin: str
    health: str


class Gateway:
    """The whole gateway, in one process and on one event loop.

    Args:
        settings: everything that it is told.
        altered: told the name of a database whose tables a statement may have altered.
        others: the other processes of the same gateway, if there are any.
        worker: which of them this is.
    """

    def __init__(
        self,
        settings: config.Settings,
        *,
        altered: Callable[[str], None] = _ignore,
        others: OtherWorkers | None = None,
        worker: int = 0,
    ) -> None:
        # A column type or index that SQLAlchemy does not know is told of in the answer, not in a warning.
        warnings.filterwarnings("ignore", category=SAWarning)
        self._settings = settings
        self._tell_altered = altered
        self.metrics = Metrics()
        self._tracing = open_tracing(settings.tracing)
        self._served = Served(settings, self.metrics, self._tracing, worker, self.forget_tables)
        # What callers ask for goes through the policy's databases; the gateway itself asks the others.
        self._policing = self._served.policing
        self.health = self._served.health
        admin = settings.admin
        self.administration = Administration(
            self._policing.databases,
            self._served.pools,
            others or Alone(),
            text=admin.statement_text,
            all_queries=admin.all_queries,
            enabled=admin.enabled,
            worker=worker,
        )
        self._tls = certificates("grpc", "tls", settings.tls, self.metrics.tls)
        self._admin_tls = certificates("admin", "admin_tls", settings.admin_tls, self.metrics.tls)
        served = [each for each in (self._tls, self._admin_tls) if each is not None]
        self._reloading = Reloading(served, settings.tls.reload_interval)
        self._audit_log = security.audit_log(settings.audit, self.metrics, worker)
        self._audit = security.audit(settings.audit, self._audit_log, self._served.databases)
        self._trees = TreeStore(self._policing.databases, self._served.rules.trees)
        self._calls = CallsUnderWay()
        self._unread = Unread(settings.server.max_unread_bytes, self.metrics.readers_cut.inc)
        self._port: int | None = None
        self._started = False
        self._work = self._table_work()
        self._switches = Switches(self._served.rules.raw_sql)
        queries = QueryRunner(self._policing.databases, self._altered, self._switches)
        self._transacting = self._build_transacting(queries)
        around = grpc_server.Around(
            self.metrics,
            self._audit,
            self._calls,
            self._unread,
            self._served.authentication,
            self._policing.authorization,
            self._tracing,
        )
        self._grpc = grpc_server.build(self._servicers(queries), self._options(), around)
        self._health_grpc = grpc_server.build_health(self.health, self._options(), self.metrics, self._audit)
        self._admin = AdminServer(self._collect, self.health.state)
        self.metrics.build(__version__)

    async def start(self) -> Addresses:
        """Listen, and be ready: every database has been asked once.

        Raises:
            ListenError: an address cannot be had.
            TableNotMadeError: a configured table is missing, and stays so.
        """
        settings, health, health_address = self._settings, self._settings.health_listen, "off"
        grpc_address, self._port = bind("listen", self._grpc, settings.listen, self._tls)
        self._unread.serve(self._port)
        if health is not None:
            health_address, _ = bind("health_listen", self._health_grpc, health, None)
        admin_address = await start_admin(self._admin, settings.admin_listen, self._admin_tls)
        await self._served.start(self._altered)
        self.metrics.loop_lag.start()
        self._reloading.start()
        if health is not None:
            await self._health_grpc.start()
        await self._grpc.start()
        self._served.watch()
        for line in unshared(settings):
            _log.warning("transactions may take all of a pool", pool=line)
        self._started = True
        return Addresses(grpc_address, admin_address, health_address)

    async def stop(self, hurry: asyncio.Event | None = None, *, pause: bool = True) -> None:
        """Take no new calls, let those under way finish until the grace ends, then close everything.

        Args:
            hurry: set when calls under way are to be cut short.
            pause: whether load balancers may still send new calls, which are served for a while.
        """
        if self._started:
            server = self._settings.server
            stopping = Draining(
                self._grpc,
                self._port or self._settings.listen.path,
                self.health,
                self._calls,
                self._transacting,
                self._stop_statements,
                plain=self._tls is None,
            )
            times = DrainTimes(server.drain_grace, server.drain_pause if pause else 0.0)
            await stopping.drain(times, hurry or asyncio.Event())
        else:
            await self._grpc.stop(None)
        self.metrics.loop_lag.stop()
        if self._audit_log is not None:
            self._audit_log.close()
        closing = asyncio.ensure_future(self._close())
        await asyncio.wait({closing}, timeout=_CLOSING)
        if not closing.done():
            _log.error("connections given up", databases=[database.name for database in self._served.pools()])

    @property
    def databases(self) -> Databases:
        """Those that are served."""
        return self._served.databases

    def outliving(self) -> Sequence[Outliving]:
        """The sessions whose statements would outlive this process, of all databases with whatever login."""
        return [each for database in self._served.pools() for each in database.outliving()]

    def look_at_files(self) -> None:
        """Look at the files of the certificates and of the policy now, and read the keys of issuers."""
        self._reloading.look_now()
        self._served.look_now()

    async def prepare(self, settings: config.Settings) -> Candidate:
        """Another configuration, built and tried out beside the one that holds; to be taken, or discarded.

        Raises:
            ConfigError: it cannot be taken while the gateway runs.
        """
        return await self._served.prepare(settings)

    async def discard(self, candidate: Candidate) -> None:
        """Let it be."""
        await self._served.discard(candidate)

    def take(self, candidate: Candidate) -> None:
        """Have it hold from now on; calls under way go on with what they have."""
        for database in self._served.take(candidate, self._calls):
            self.forget_tables(database)
        settings = self._settings = candidate.settings
        admin = settings.admin
        self.administration.exchange(text=admin.statement_text, all_queries=admin.all_queries, enabled=admin.enabled)
        set_level(settings.log.level)

    def forget_tables(self, database: str) -> None:
        """Look at the tables of a database anew: another process has altered some."""
        self._work.tables.forget(database)
        self._trees.forget(database)

    async def _collect(self) -> Snapshot:
        return await snapshot_beside(self.metrics.registry)

    async def _close(self) -> None:
        await self._trees.close()
        await asyncio.gather(
            self._admin.stop(),
            # It has said until now that the gateway is not ready.
            self._health_grpc.stop(None),
            self._reloading.stop(),
            self._served.close(),
        )
        if self._tracing is not None:
            await self._tracing.close()

    def _forget_descriptions(self, database: str) -> None:
        """Before the tree is read anew, for all who wait for that; other processes have theirs to read."""
        self._work.tables.forget(database)
        self._tell_altered(database)

    def _altered(self, database: str) -> None:
        self.forget_tables(database)
        self._tell_altered(database)

    def _stop_statements(self) -> int:
        """Stop what runs on any database, with whatever login; each is told so. Idle transactions end by themselves."""
        listed = [each for database in self._served.pools() for each in database.under_way]
        running = [each for each in listed if each.phase is not Phase.IDLE]
        for statement in running:
            statement.stop(RowgateError(Reason.SHUTTING_DOWN, "the gateway stopped the statement", retry_after=1.0))
        return len(running)

    def _options(self) -> grpc_server.ServerOptions:
        server = self._settings.server
        return grpc_server.ServerOptions(
            max_message_bytes=server.max_message_bytes,
            max_request_bytes=server.max_request_bytes,
            max_concurrent_streams=server.max_concurrent_streams,
            keepalive_time=server.keepalive_time,
            keepalive_timeout=server.keepalive_timeout,
            max_connection_age=server.max_connection_age,
            max_connection_age_grace=server.max_connection_age_grace,
            reflection=server.reflection,
            reuse_port=server.reuse_port,
        )

    def _servicers(self, queries: QueryRunner) -> grpc_server.Servicers:
        server, databases, work = self._settings.server, self._policing.databases, self._work
        return grpc_server.Servicers(
            query=QueryServicer(
                queries,
                Explainer(databases, self._switches),
                BatchRunner(databases, self._altered, self._switches),
                self._transacting,
                self._policing.quotas,
                server.request_timeout,
                server.max_message_bytes,
            ),
            schema=SchemaServicer(
                databases,
                Catalog(databases),
                Browser(databases, self._trees, self._forget_descriptions),
                self._served.table_maker(databases, self._altered),
                server.request_timeout,
            ),
            tables=TableServicer(
                work.reader,
                work.pager,
                work.inserter,
                work.changer,
                databases.name_of,
                server.request_timeout,
                server.max_message_bytes,
            ),
            admin=AdminServicer(self.administration),
            health=self.health,
        )

    def _table_work(self) -> TableWork:
        server, served = self._settings.server, self._served
        return TableWork(
            TableCache(self._policing.databases, Catalog(served.databases), served.rules.tables),
            Compiler(),
            WriteCompiler(),
            Tokens(server.page_token_secret.get_secret_value()),
        )

    def _build_transacting(self, queries: QueryRunner) -> Transacting:
        server, rules = self._settings.server, self._served.rules
        transactions = Transactions(self._policing.databases, queries, rules.transactions, rules.transaction_metrics)
        answers = TransactAnswers(self._work, server.max_message_bytes, self._policing.quotas)
        return Transacting(transactions, answers, server.request_timeout)
