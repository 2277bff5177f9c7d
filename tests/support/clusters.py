"""Servers that belong together: a primary with a replica, and a Galera cluster."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

from support.available import unavailable
from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.throwaway import ADMIN, ADMIN_PASSWORD, DATABASE, HOST, PASSWORD, USER, ThrowawayServer, free_port

_GALERA_LIBRARIES = ("/usr/lib/galera/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so")


class Pair(NamedTuple):
    """A primary and its replica."""

    primary: ThrowawayServer
    replica: ThrowawayServer

    @property
    def url(self) -> str:
        """The database on both, the primary first."""
        return several(self.primary, self.replica)

    def settings(self, name: str) -> dict[str, str]:
        """For a gateway: the primary, and beside it the replica by the name of `copy`."""
        prefix = f"ROWGATE_DATABASES__{name.upper()}"
        return {f"{prefix}__URL": self.primary.url, f"{prefix}__REPLICAS__COPY__URL": self.replica.url}

    def promote(self) -> None:
        """Make a primary of the replica, as an operator would when the other one is gone."""
        if isinstance(self.replica, MariaDB):
            self.replica.script("STOP SLAVE; RESET SLAVE ALL; SET GLOBAL read_only = OFF")
        else:
            self.replica.execute("SELECT pg_promote()")

    def hold(self) -> None:
        """Let the replica fall behind."""
        mariadb = isinstance(self.replica, MariaDB)
        self.replica.execute("STOP SLAVE SQL_THREAD" if mariadb else "SELECT pg_wal_replay_pause()")

    def go_on(self) -> None:
        """Let it catch up."""
        mariadb = isinstance(self.replica, MariaDB)
        self.replica.execute("START SLAVE SQL_THREAD" if mariadb else "SELECT pg_wal_replay_resume()")


def several(*servers: ThrowawayServer) -> str:
    """One URL for all of them."""
    hosts = ",".join(f"{HOST}:{server.port}" for server in servers)
    return f"{servers[0].scheme}://{USER}:{PASSWORD}@{hosts}/{DATABASE}"


@contextmanager
def pair(engine: str) -> Iterator[Pair]:
    """A primary and a replica, of MariaDB or of PostgreSQL."""
    with _mariadb_pair() if engine == "mariadb" else _postgresql_pair() as both:
        yield both


@contextmanager
def galera(count: int = 3, options: str = "") -> Iterator[list[MariaDB]]:
    """A Galera cluster. A node that has ended is brought back by `restart`, into the cluster as it is then.

    Args:
        count: of nodes.
        options: more of `wsrep_provider_options`.
    """
    library = next((path for path in _GALERA_LIBRARIES if Path(path).exists()), None)
    if library is None:
        unavailable("libgalera_smm.so", "install Debian's galera-4, which comes with mariadb-server")
    ports = [free_port() for _ in range(count)]
    nodes: list[MariaDB] = []
    with ExitStack() as stack:
        for index in range(count):
            node = MariaDB.start(*_wsrep(library, ports, index, ports[:index], options))
            stack.callback(node.kill)
            # From now on it is no longer the one that founds the cluster.
            others = [port for port in ports if port != ports[index]]
            node.settings = _wsrep(library, ports, index, others, options)
            nodes.append(node)
        for node in nodes:
            assert synced(node), node.log
        yield nodes


def synced(node: MariaDB) -> bool:
    """Wait until a node has found its cluster."""
    return node.child.stderr.wait_for("Synchronized with group", within=60) is not None


def _wsrep(library: str, ports: list[int], index: int, others: list[int], options: str) -> tuple[str, ...]:
    own = ports[index]
    provider = (
        f"base_host={HOST};base_port={own};gmcast.listen_addr=tcp://{HOST}:{own};"
        f"ist.recv_addr={HOST}:{free_port()};gcache.size=8M;{options}"
    )
    return (
        *("--wsrep-on=ON", f"--wsrep-provider={library}", f"--wsrep-provider-options={provider}"),
        *("--binlog-format=ROW", "--innodb-autoinc-lock-mode=2", "--wsrep-cluster-name=rowgate"),
        f"--wsrep-cluster-address=gcomm://{','.join(f'{HOST}:{port}' for port in others)}",
        *(f"--wsrep-node-address={HOST}:{own}", f"--wsrep-node-name=node{index + 1}"),
        *("--wsrep-sst-method=rsync", f"--wsrep-sst-receive-address={HOST}:{free_port()}"),
    )


@contextmanager
def _mariadb_pair() -> Iterator[Pair]:
    with (
        MariaDB.start("--log-bin=binlog", "--binlog-format=ROW", "--server-id=1") as primary,
        MariaDB.start("--server-id=2", "--read-only=ON") as replica,
    ):
        replica.script(
            f"CHANGE MASTER TO MASTER_HOST='{HOST}', MASTER_PORT={primary.port}, MASTER_USER='{ADMIN}',"
            f" MASTER_PASSWORD='{ADMIN_PASSWORD}', MASTER_USE_GTID=slave_pos, MASTER_CONNECT_RETRY=1; START SLAVE"
        )
        yield Pair(primary, replica)


class _Standby(PostgreSQL):
    """A PostgreSQL server that follows another: its data come from the same template, and the rest by the stream."""

    ready = "ready to accept read-only connections"

    def __init__(self, settings: tuple[str, ...] = ()) -> None:
        super().__init__(settings)
        signal = self.data / "standby.signal"
        signal.touch()
        if self._account:
            self._account.own(self.data)


@contextmanager
def _postgresql_pair() -> Iterator[Pair]:
    sending = ("-c", "wal_level=replica", "-c", "max_wal_senders=10", "-c", "wal_keep_size=64MB")
    with PostgreSQL.start(*sending) as primary:
        where = f"host={HOST} port={primary.port} user={ADMIN} password={ADMIN_PASSWORD}"
        with _Standby.start(*sending, "-c", f"primary_conninfo={where}") as replica:
            yield Pair(primary, replica)
