"""The composition root: builds everything from the settings, starts it, and stops it in the opposite order."""

from __future__ import annotations

import asyncio
import warnings
from dataclasses import dataclass

import grpc.aio
from sqlalchemy.exc import SAWarning

from rowgate_server import config, security
from rowgate_server.core.access import Switches
from rowgate_server.core.batches import BatchRunner
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.compiler.writes import WriteCompiler
from rowgate_server.core.crud.tokens import Tokens
from rowgate_server.core.explain import Explainer
from rowgate_server.core.query import QueryRunner
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.core.table_cache import TableCache, TableRules
from rowgate_server.core.transactions.beginning import TransactionRules
from rowgate_server.core.transactions.opening import Transactions
from rowgate_server.core.transactions.tables import TableWork
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.metrics import Metrics
from rowgate_server.opening import open_databases, open_logins
from rowgate_server.policing import Policing
from rowgate_server.transport import server as grpc_server
from rowgate_server.transport.admin import AdminServer
from rowgate_server.transport.health import Health
from rowgate_server.transport.query_servicer import QueryServicer
from rowgate_server.transport.schema_servicer import SchemaServicer
from rowgate_server.transport.table_servicer import TableServicer
from rowgate_server.transport.tls import Reloading, ServedCertificates
from rowgate_server.transport.transact_answers import TransactAnswers
from rowgate_server.transport.transacting import Transacting

_log = get_logger("rowgate.app")

_LETTING_GO = 5.0
"""Seconds: how long the streams of transactions may take to let go of their connections once they are cut."""


class ListenError(Exception):
    """An address cannot be listened on; the text says which setting, and why."""


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where the gateway listens, ports as they really are; `admin` and `health` are "off" without such a port."""

    grpc: str
    admin: str
    health: str


class Gateway:
    """The whole gateway, in one process and on one event loop."""

    def __init__(self, settings: config.Settings) -> None:
        # A column type or index that SQLAlchemy does not know is told of in the answer, not in a warning.
        warnings.filterwarnings("ignore", category=SAWarning)
        self._settings = settings
        self._metrics = Metrics()
        self._databases = open_databases(settings, self._metrics)
        logins = open_logins(settings, self._databases, self._metrics)
        # What callers ask for goes through its databases; the gateway itself asks the others.
        self._policing = Policing(settings, self._databases, logins, self._metrics)
        self._health = Health(self._databases)
        self._known_by = security.authenticator(settings.auth, self._metrics)
        self._tls = security.certificates("grpc", "tls", settings.tls, self._metrics)
        self._admin_tls = security.certificates("admin", "admin_tls", settings.admin_tls, self._metrics)
        served = [each for each in (self._tls, self._admin_tls) if each is not None]
        self._reloading = Reloading(served, settings.tls.reload_interval)
        self._audit_log = security.audit_log(settings.audit, self._metrics)
        self._audit = security.audit(settings.audit, self._audit_log, self._databases)
        self._grpc = self._build_grpc()
        self._health_grpc = grpc_server.build_health(self._health, self._options(), self._metrics, self._audit)
        self._admin = AdminServer(self._metrics.registry, self._databases, lambda: self._health.ready)
        self._metrics.watch_pools(
            {database.name: database.pool_numbers for database in self._databases} | self._policing.pools(),
            lambda name: bool(self._databases.get(name.partition("/")[0]).availability.up),
        )

    async def start(self) -> Addresses:
        """Listen, and be ready: every database has been asked once.

        Raises:
            ListenError: an address cannot be had.
        """
        grpc_address = _bind("listen", self._grpc, self._settings.listen, self._tls)
        health = self._settings.health_listen
        health_address = "off" if health is None else _bind("health_listen", self._health_grpc, health, None)
        admin_address = await self._start_admin()
        await asyncio.gather(*(database.availability.probe() for database in self._databases))
        self._metrics.loop_lag.start()
        if self._known_by is not None:
            await self._known_by.start()
        self._reloading.start()
        if health is not None:
            await self._health_grpc.start()
        await self._grpc.start()
        for database in self._databases:
            database.availability.start()
        self._policing.start()
        return Addresses(grpc_address, admin_address, health_address)

    async def stop(self) -> None:
        """Take no new calls, let those under way finish until the grace ends, then close everything."""
        grace = self._settings.server.drain_grace
        self._health.drain()
        self._transacting.stop(grace)
        await self._grpc.stop(grace)
        await self._transacting.stopped(_LETTING_GO)
        self._metrics.loop_lag.stop()
        await self._health_grpc.stop(None)
        await self._admin.stop()
        await self._policing.stop()
        await self._reloading.stop()
        if self._known_by is not None:
            await self._known_by.stop()
        if self._audit_log is not None:
            self._audit_log.close()
        for database in self._databases:
            await database.close()

    def reload(self) -> None:
        """Look at the certificates' files now."""
        self._reloading.look_now()

    def _options(self) -> grpc_server.ServerOptions:
        server = self._settings.server
        return grpc_server.ServerOptions(
            max_message_bytes=server.max_message_bytes,
            max_concurrent_streams=server.max_concurrent_streams,
            keepalive_time=server.keepalive_time,
            keepalive_timeout=server.keepalive_timeout,
            max_connection_age=server.max_connection_age,
            max_connection_age_grace=server.max_connection_age_grace,
            reflection=server.reflection,
        )

    def _build_grpc(self) -> grpc.aio.Server:
        server = self._settings.server
        access = Switches({name: database.limits.raw_sql for name, database in self._settings.databases.items()})
        work = self._table_work()
        queries = QueryRunner(self._policing.databases, work.tables.forget, access)
        self._transacting = self._build_transacting(queries, work)
        servicers = grpc_server.Servicers(
            query=QueryServicer(
                queries,
                Explainer(self._policing.databases, access),
                BatchRunner(self._policing.databases, work.tables.forget, access),
                self._transacting,
                self._policing.quotas,
                server.request_timeout,
                server.max_message_bytes,
            ),
            schema=SchemaServicer(self._policing.databases, Catalog(self._policing.databases), server.request_timeout),
            tables=TableServicer(
                work.reader,
                work.pager,
                work.inserter,
                work.changer,
                server.request_timeout,
                server.max_message_bytes,
            ),
            health=self._health,
        )
        known_by = security.authentication(self._settings.auth, self._known_by)
        authorization = self._policing.authorization
        return grpc_server.build(servicers, self._options(), self._metrics, self._audit, known_by, authorization)

    def _table_work(self) -> TableWork:
        server = self._settings.server
        rules = {name: _table_rules(database.tables) for name, database in self._settings.databases.items()}
        return TableWork(
            TableCache(self._policing.databases, Catalog(self._databases), rules),
            Compiler(),
            WriteCompiler(),
            Tokens(server.page_token_secret.get_secret_value()),
        )

    def _build_transacting(self, queries: QueryRunner, work: TableWork) -> Transacting:
        server, databases = self._settings.server, self._settings.databases
        transactions = Transactions(
            self._policing.databases,
            queries,
            {name: _transaction_rules(database) for name, database in databases.items()},
            {name: self._metrics.transactions(name) for name in databases},
        )
        answers = TransactAnswers(work, server.max_message_bytes, self._policing.quotas)
        return Transacting(transactions, answers, server.request_timeout)

    async def _start_admin(self) -> str:
        listen = self._settings.admin_listen
        if listen is None:
            return "off"
        context = None if self._admin_tls is None else self._admin_tls.context()
        try:
            if listen.path:
                await self._admin.start_unix(listen.path, context)
                return str(listen)
            port = await self._admin.start(listen.host, listen.port, context)
        except OSError as error:
            raise ListenError(f"admin_listen: {listen} cannot be listened on: {error.strerror or error}") from None
        return f"{_bracketed(listen.host)}:{port}"


def _bind(
    setting: str, server: grpc.aio.Server, listen: config.Address, certificates: ServedCertificates | None
) -> str:
    try:
        if certificates is None:
            port = server.add_insecure_port(str(listen))
        else:
            port = server.add_secure_port(str(listen), certificates.grpc_credentials())
    except RuntimeError:
        raise ListenError(f"{setting}: {listen} cannot be listened on; is something else there?") from None
    return str(listen) if listen.path else f"{_bracketed(listen.host)}:{port}"


def _transaction_rules(database: config.Database) -> TransactionRules:
    transactions = database.transactions

    def most(pool: config.Pool) -> int:
        return max(1, (pool.size + pool.max_overflow) * transactions.pool_share // 100)

    of_logins = {name: most(login.pool) for name, login in database.logins.items()}
    return TransactionRules(most(database.pool), transactions.idle_timeout, transactions.timeout, of_logins)


def _table_rules(tables: config.Tables) -> TableRules:
    return TableRules(tables.max_age, SoftDeletes(tables.soft_delete, tables.soft_delete_tables.by_table()))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
