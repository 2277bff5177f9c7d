"""The composition root: builds everything from the settings, starts it, and stops it in the opposite order."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import Callable
from dataclasses import dataclass

import grpc.aio
from sqlalchemy.exc import SAWarning

from rowgate_server import config
from rowgate_server.configured import configured_tables, make_missing
from rowgate_server.core.administration import Administration, Alone, OtherWorkers
from rowgate_server.core.batches import BatchRunner
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.tokens import Tokens
from rowgate_server.core.ddl import TableMaker
from rowgate_server.core.explain import Explainer
from rowgate_server.core.query import QueryRunner
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.core.table_cache import TableCache, TableRules
from rowgate_server.core.transactions.beginning import TransactionRules
from rowgate_server.core.transactions.opening import Transactions
from rowgate_server.core.transactions.tables import TableWork
from rowgate_server.core.tree import TreeRules, TreeStore
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.listening import ListenError, start_admin
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.merging import Collects
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_databases, open_tracing
from rowgate_server.transport import server as grpc_server
from rowgate_server.transport.admin import AdminServer
from rowgate_server.transport.admin_servicer import AdminServicer
from rowgate_server.transport.draining import Draining, DrainTimes
from rowgate_server.transport.health import Health
from rowgate_server.transport.interceptors.underway import CallsUnderWay
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
    """Where the gateway listens, ports as they really are; `admin` is "off" when there is no admin port."""

    grpc: str
    admin: str


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
        self._databases = open_databases(settings, self.metrics, self._tracing)
        self._wanted = configured_tables(settings)
        self.administration = Administration(
            self._databases, others or Alone(), text=settings.admin.statement_text, worker=worker
        )
        self.health = Health(self._databases)
        catalogs = {name: database.catalog for name, database in settings.databases.items()}
        self._trees = TreeStore(self._databases, {name: _tree_rules(each) for name, each in catalogs.items()})
        self._calls = CallsUnderWay()
        self._port: int | None = None
        self._started = False
        self._grpc = self._build_grpc()
        self._admin = AdminServer(self._collect, self.health.state)
        self.metrics.watch_pools(
            {database.name: database.pool_numbers for database in self._databases},
            lambda name: bool(self._databases.get(name).availability.up),
        )

    async def start(self) -> Addresses:
        """Listen, and be ready: every database has been asked once.

        Raises:
            ListenError: an address cannot be had.
            TableNotMadeError: a configured table is missing, and stays so.
        """
        grpc_address = self._bind()
        admin_address = await start_admin(self._admin, self._settings.admin_listen)
        await asyncio.gather(*(database.availability.probe() for database in self._databases))
        await make_missing(self._maker, self._wanted)
        self.metrics.loop_lag.start()
        await self._grpc.start()
        for database in self._databases:
            database.availability.start()
        self._started = True
        return Addresses(grpc_address, admin_address)

    async def stop(self, hurry: asyncio.Event | None = None, *, pause: bool = True) -> None:
        """Take no new calls, let those under way finish until the grace ends, then close everything.

        Args:
            hurry: set when calls under way are to be cut short.
            pause: whether load balancers may still send new calls, which are served for a while.
        """
        if self._started:
            server = self._settings.server
            stopping = Draining(
                self._grpc, self._port, self.health, self._calls, self._transacting, self._stop_statements
            )
            times = DrainTimes(server.drain_grace, server.drain_pause if pause else 0.0)
            await stopping.drain(times, hurry or asyncio.Event())
        else:
            await self._grpc.stop(None)
        self.metrics.loop_lag.stop()
        closing = asyncio.ensure_future(self._close())
        await asyncio.wait({closing}, timeout=_CLOSING)
        if not closing.done():
            _log.error("connections given up", databases=[database.name for database in self._databases])

    def most_connections(self) -> dict[str, int]:
        """How many connections each database takes, where it tells."""
        told = {database.name: database.availability.facts.max_connections for database in self._databases}
        return {name: most for name, most in told.items() if most is not None}

    async def _collect(self) -> Collects:
        return self.metrics.registry

    async def _close(self) -> None:
        await self._trees.close()
        await asyncio.gather(self._admin.stop(), *(database.close() for database in self._databases))
        if self._tracing is not None:
            await self._tracing.close()

    def forget_tables(self, database: str) -> None:
        """Look at the tables of a database anew: another process has altered some."""
        self._tables.forget(database)
        self._trees.forget(database)

    def _altered(self, database: str) -> None:
        self.forget_tables(database)
        self._tell_altered(database)

    def _stop_statements(self) -> int:
        """Stop what runs on any database; each caller is told so."""
        running = [statement for database in self._databases for statement in database.under_way]
        for statement in running:
            statement.stop(RowgateError(Reason.SHUTTING_DOWN, "the gateway stopped the statement", retry_after=1.0))
        return len(running)

    def _build_grpc(self) -> grpc.aio.Server:
        server = self._settings.server
        options = grpc_server.ServerOptions(
            max_message_bytes=server.max_message_bytes,
            max_concurrent_streams=server.max_concurrent_streams,
            keepalive_time=server.keepalive_time,
            keepalive_timeout=server.keepalive_timeout,
            max_connection_age=server.max_connection_age,
            max_connection_age_grace=server.max_connection_age_grace,
            reflection=server.reflection,
            reuse_port=server.reuse_port,
        )
        catalog = Catalog(self._databases)
        work = self._table_work(catalog)
        self._tables = work.tables
        queries = QueryRunner(self._databases, self._altered)
        self._maker = TableMaker(self._databases, catalog, self._makes_tables(), self._altered)
        self._transacting = self._build_transacting(queries, work)
        servicers = grpc_server.Servicers(
            query=QueryServicer(
                queries,
                Explainer(self._databases),
                BatchRunner(self._databases, self._altered),
                self._transacting,
                server.request_timeout,
                server.max_message_bytes,
            ),
            schema=SchemaServicer(
                self._databases,
                catalog,
                self._trees,
                work.tables,
                self._maker,
                server.request_timeout,
            ),
            tables=TableServicer(
                work.reader,
                work.pager,
                work.inserter,
                work.changer,
                server.request_timeout,
                server.max_message_bytes,
            ),
            admin=AdminServicer(self.administration, all_queries=self._settings.admin.all_queries),
            health=self.health,
        )
        return grpc_server.build(servicers, options, self.metrics, self._calls, self._tracing)

    def _makes_tables(self) -> dict[str, bool]:
        return {name: database.catalog.ddl for name, database in self._settings.databases.items()}

    def _table_work(self, catalog: Catalog) -> TableWork:
        server = self._settings.server
        rules = {name: _table_rules(database.tables) for name, database in self._settings.databases.items()}
        return TableWork(
            TableCache(self._databases, catalog, rules),
            Compiler(),
            WriteCompiler(),
            Tokens(server.page_token_secret.get_secret_value()),
        )

    def _build_transacting(self, queries: QueryRunner, work: TableWork) -> Transacting:
        server, databases = self._settings.server, self._settings.databases
        transactions = Transactions(
            self._databases,
            queries,
            {name: _transaction_rules(database) for name, database in databases.items()},
            {name: self.metrics.transactions(name) for name in databases},
        )
        return Transacting(transactions, TransactAnswers(work, server.max_message_bytes), server.request_timeout)

    def _bind(self) -> str:
        listen = self._settings.listen
        try:
            port = self._grpc.add_insecure_port(str(listen))
        except RuntimeError:
            raise ListenError(f"listen: {listen} cannot be listened on; is something else there?") from None
        if listen.path:
            return str(listen)
        self._port = port
        return f"{_bracketed(listen.host)}:{port}"


def _transaction_rules(database: config.Database) -> TransactionRules:
    pool, transactions = database.pool, database.transactions
    most = max(1, (pool.size + pool.max_overflow) * transactions.pool_share // 100)
    return TransactionRules(most, transactions.idle_timeout, transactions.timeout)


def _table_rules(tables: config.Tables) -> TableRules:
    return TableRules(tables.max_age, SoftDeletes(tables.soft_delete, tables.soft_delete_tables.by_table()))


def _tree_rules(catalog: config.Catalog) -> TreeRules:
    return TreeRules(catalog.max_age, catalog.load_timeout, catalog.max_columns)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
