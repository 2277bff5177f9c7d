"""The settings of one database: where it is, its pool, its timeouts and its limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import AfterValidator, Field, StringConstraints, WrapSerializer

from rowgate_server.config.fields import MEBIBYTE, SECRET, VISIBLE, Duration, MessageSize, Section, Url
from rowgate_server.config.marks import ColumnsOfTables, TableColumns
from rowgate_server.config.url import DatabaseUrl
from rowgate_server.config.values import FrozenMapping


class Pool(Section):
    """Connections that are kept open to one database."""

    size: Annotated[int, VISIBLE, Field(ge=1, le=1000, description="Connections that are kept open.")] = 5
    max_overflow: Annotated[
        int, VISIBLE, Field(ge=0, le=1000, description="Connections beyond `size` that are opened under load.")
    ] = 5
    recycle: Annotated[
        Duration, VISIBLE, Field(ge=1, description="Age at which a connection is replaced before its next use.")
    ] = 1800.0
    pre_ping: Annotated[
        bool,
        VISIBLE,
        Field(
            description="Whether a connection is tested before its next use when nobody has used it for a second, and "
            "about once a minute when it is busy. Else it is taken as it is, unless its link is known to be down."
        ),
    ] = True
    wait_timeout: Annotated[
        Duration, VISIBLE, Field(description="The longest a call waits for a connection; then `POOL_EXHAUSTED`.")
    ] = 5.0
    busy_wait: Annotated[
        Duration,
        VISIBLE,
        Field(
            description="The same where a line of calls does not get empty: one is served within half of this, or "
            "within three times as long as a connection is usually used; or, while more is asked for than the "
            "database can do, within once as long, or refused; and never after longer than this. A burst may wait for "
            "as long as this."
        ),
    ] = 0.5


class LoginPool(Pool):
    """Connections that are kept open with this login."""


class Login(Section):
    """Another login to the same database, with a pool of its own, for roles whose rights the database enforces."""

    url: Annotated[
        Url,
        SECRET,
        Field(description="The same database with another user and password; of SQLite, the same file with `mode=ro`."),
    ]
    pool: Annotated[LoginPool, VISIBLE, Field(description="Connections that are kept open with this login.")] = (
        LoginPool()
    )


class ReplicaPool(Pool):
    """Connections that are kept open to this replica."""


class Replica(Section):
    """A server with a copy of the database, for calls that read and ask for it."""

    url: Annotated[
        Url,
        SECRET,
        Field(description="Where it is and who logs in. Other logins use the same host with their own names."),
    ]
    pool: Annotated[ReplicaPool, VISIBLE, Field(description="Connections that are kept open to this replica.")] = (
        ReplicaPool()
    )


class Routing(Section):
    """How calls are sent to the servers of one database, where there are several."""

    spread: Annotated[
        bool,
        VISIBLE,
        Field(
            description="Whether calls are spread over all hosts of `url`, as suits a Galera cluster; otherwise they "
            "go to the first that is well. With it, a caller may not see at once what it has written itself."
        ),
    ] = False
    max_staleness: Annotated[
        Duration,
        VISIBLE,
        Field(description="The most that a replica may be behind to be asked at all, where that can be told."),
    ] = 60.0
    read_share: Annotated[
        float,
        VISIBLE,
        Field(
            ge=0,
            le=0.9,
            description="The part of the connections to each of several hosts that is left to calls that read. Writes "
            "may stand still for seconds while a cluster agrees which of its nodes are gone, and would hold them all.",
        ),
    ] = 0.2


_Login = Annotated[str, StringConstraints(pattern="^[a-z0-9][a-z0-9_-]{0,62}$")]


class Timeouts(Section):
    """How long things may take with one database."""

    connect: Annotated[
        Duration,
        VISIBLE,
        Field(
            description="The longest a new connection may take: TCP, TLS and login together, leaving out what the "
            "gateway is late."
        ),
    ] = 5.0
    statement: Annotated[
        Duration, VISIBLE, Field(description="The longest a statement of a unary call may run; then it is killed.")
    ] = 30.0
    stream: Annotated[Duration, VISIBLE, Field(description="The longest a streaming call may run.")] = 3600.0
    probe: Annotated[
        Duration,
        VISIBLE,
        Field(description="The longest a health probe may take, leaving out what the gateway is late."),
    ] = 1.0


class Limits(Section):
    """What one call may ask of one database."""

    unary_rows: Annotated[
        int,
        VISIBLE,
        Field(ge=1, le=1_000_000_000, description="Rows of a unary result; more is `RESULT_TOO_LARGE`."),
    ] = 100_000
    unary_bytes: Annotated[
        MessageSize,
        VISIBLE,
        Field(description="Bytes of a unary result; more is `RESULT_TOO_LARGE`. Below `server.max_message_bytes`."),
    ] = 32 * MEBIBYTE
    sql_bytes: Annotated[
        MessageSize, VISIBLE, Field(description="Bytes of one SQL text. Below `server.max_request_bytes`.")
    ] = MEBIBYTE
    read_only: Annotated[bool, VISIBLE, Field(description="Whether every session of this database refuses writes.")] = (
        False
    )
    raw_sql: Annotated[
        bool,
        VISIBLE,
        Field(description="Whether callers may send SQL of their own; otherwise there is TableService for them."),
    ] = True


class Transactions(Section):
    """Transactions that callers hold (Transact)."""

    pool_share: Annotated[
        int,
        VISIBLE,
        Field(
            ge=1,
            le=100,
            description="Percent of the pool's connections, `pool.size` and `pool.max_overflow` together, that they "
            "may take, at least one; a further one is refused (`POOL_EXHAUSTED`).",
        ),
    ] = 50
    idle_timeout: Annotated[
        Duration,
        VISIBLE,
        Field(description="The longest one may wait for its caller; then it is rolled back (`TRANSACTION_EXPIRED`)."),
    ] = 30.0
    timeout: Annotated[
        Duration,
        VISIBLE,
        Field(description="The longest one may take; then it is rolled back (`TRANSACTION_EXPIRED`)."),
    ] = 300.0


class Tables(Section):
    """What TableService makes of the tables."""

    max_age: Annotated[
        Duration,
        VISIBLE,
        Field(
            description="Age at which the description of a table is read anew. A table or column that is not known is "
            "looked for at once, whatever the age; and so is every table of a database after a statement through "
            "ExecuteQuery or StreamQuery that may have altered one."
        ),
    ] = 60.0
    soft_delete: Annotated[
        str,
        VISIBLE,
        Field(
            description="The column that marks deleted rows, in every table that has one of this name: with the time "
            "they were deleted, or where it holds numbers or booleans with 1 or true. Empty: none."
        ),
    ] = ""
    soft_delete_tables: Annotated[
        ColumnsOfTables,
        VISIBLE,
        Field(
            description="The same for single tables: `orders=removed_at, audit.entries=`; an empty column is none, "
            "whatever `soft_delete` says."
        ),
    ] = TableColumns()


class Catalog(Section):
    """What SchemaService makes of the schema."""

    max_age: Annotated[
        Duration,
        VISIBLE,
        Field(ge=1, description="Age at which the tree of schemas, tables and columns is read anew."),
    ] = 300.0
    load_timeout: Annotated[
        Duration, VISIBLE, Field(description="The longest it may take to read the tree; that of one statement is none.")
    ] = 120.0
    max_columns: Annotated[
        int,
        VISIBLE,
        Field(
            ge=1,
            le=100_000_000,
            description="Columns of all tables together; a tree with more is `RESULT_TOO_LARGE`.",
        ),
    ] = 1_000_000
    ddl: Annotated[
        bool, VISIBLE, Field(description="Whether callers may make and drop tables with CreateTable and DropTable.")
    ] = False
    tables_from: Annotated[
        str,
        VISIBLE,
        Field(
            description="A JSON file with a list of tables, each as GetTable answers it: those that are missing are "
            "made at the start, whatever `ddl` says, or the gateway does not start."
        ),
    ] = ""


class Database(Section):
    """One database that is served."""

    url: Annotated[
        Url,
        SECRET,
        Field(
            description="Where it is and who logs in: `postgresql://user:password@host:5432/database`. "
            "Several hosts are separated by commas, `host1:5432,host2:5432`: calls go to the first that takes writes. "
            "Its password is never shown."
        ),
    ]
    pool: Annotated[Pool, VISIBLE, Field(description="Connections that are kept open.")] = Pool()
    logins: Annotated[
        Mapping[_Login, Login],
        AfterValidator(FrozenMapping),
        WrapSerializer(lambda logins, dump: dump(dict(logins))),
        VISIBLE,
        Field(description="Other logins to the same database, by name; roles of the policy name them."),
    ] = Field(default_factory=lambda: FrozenMapping({}))
    replicas: Annotated[
        Mapping[_Login, Replica],
        AfterValidator(FrozenMapping),
        WrapSerializer(lambda replicas, dump: dump(dict(replicas))),
        VISIBLE,
        Field(description="Servers with a copy of the database, by name, for calls that ask for them."),
    ] = Field(default_factory=lambda: FrozenMapping({}))
    routing: Annotated[Routing, VISIBLE, Field(description="How calls are sent to several servers.")] = Routing()
    timeouts: Annotated[Timeouts, VISIBLE, Field(description="How long things may take.")] = Timeouts()
    limits: Annotated[Limits, VISIBLE, Field(description="What one call may ask.")] = Limits()
    transactions: Annotated[Transactions, VISIBLE, Field(description="Transactions that callers hold.")] = (
        Transactions()
    )
    tables: Annotated[Tables, VISIBLE, Field(description="What TableService makes of the tables.")] = Tables()
    catalog: Annotated[Catalog, VISIBLE, Field(description="What SchemaService makes of the schema.")] = Catalog()

    @property
    def urls(self) -> Mapping[tuple[str, ...], DatabaseUrl]:
        """All of them, by their places in these settings."""
        urls: dict[tuple[str, ...], DatabaseUrl] = {("url",): self.url}
        urls |= {("logins", name, "url"): each.url for name, each in self.logins.items()}
        urls |= {("replicas", name, "url"): each.url for name, each in self.replicas.items()}
        return urls

    @property
    def authorities(self) -> Sequence[str]:
        """The files of certificates that its servers are verified by."""
        return [url.ssl_root_cert for url in self.urls.values() if url.ssl_root_cert]

    @property
    def longest_statement(self) -> float:
        """The most that any limit gives a statement, in seconds: the server's own must not decide before that."""
        timeouts = self.timeouts
        return max(timeouts.statement, timeouts.stream, self.transactions.timeout, self.catalog.load_timeout)

    @property
    def longest_idle(self) -> float:
        """The most that any limit gives a transaction in which nothing runs: its caller thinks, or a reader is slow."""
        return max(self.timeouts.statement, self.timeouts.stream, self.transactions.idle_timeout)

    @property
    def several(self) -> bool:
        """Whether it has several servers."""
        return bool(self.url.others or self.replicas)
