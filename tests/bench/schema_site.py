"""Databases of very many tables, each on a server of its own, for `bench.schemas`."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from support.mariadb import MariaDB
from support.postgresql import PostgreSQL
from support.throwaway import USER, ThrowawayServer

_AT_A_TIME = 250
_COLUMNS = (
    "id {bigint} primary key, code varchar(40) not null, name varchar(200), price decimal(12,2) not null default 0,"
    " quantity integer not null default 1, made timestamp null, changed timestamp null, note text, flag boolean,"
    " extra_{n} varchar(20)"
)
_START: dict[str, Callable[[], ThrowawayServer]] = {
    # One file for all tables, and few of their descriptions kept: as a large schema meets a small server.
    "mariadb": lambda: MariaDB.start("--innodb-file-per-table=0", "--innodb-flush-log-at-trx-commit=0"),
    "postgresql": lambda: PostgreSQL.start("-c", "synchronous_commit=off"),
}
ENGINES = tuple(_START)


def table_name(number: int) -> str:
    """The name of a table, counted from 0."""
    return f"table_{number:06d}"


@contextlib.contextmanager
def filled(engine: str, tables: int) -> Iterator[ThrowawayServer]:
    """A server with so many tables of ten columns."""
    with _START[engine]() as server:
        before = f"set role {USER};" if engine == "postgresql" else ""
        for start in range(0, tables, _AT_A_TIME):
            numbers = range(start, min(tables, start + _AT_A_TIME))
            server.script(before + ";".join(map(_create, numbers)))
        yield server


def _create(number: int) -> str:
    return f"create table {table_name(number)} ({_COLUMNS.format(n=number, bigint='bigint')})"
