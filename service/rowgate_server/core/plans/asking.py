"""How each engine is asked for a plan, and who reads the answer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError

from . import mariadb, mysql, postgresql, sqlite
from .records import Plan


class Engine(StrEnum):
    """The databases by how they tell a plan: unlike their SQL, that of MySQL and MariaDB differs."""

    MARIADB = "MariaDB"
    MYSQL = "MySQL"
    POSTGRESQL = "PostgreSQL"
    SQLITE = "SQLite"


@dataclass(frozen=True, slots=True)
class _Manner:
    """What goes before a statement; None where there is no such thing. Which statements it goes before; who reads."""

    plan: str
    profile: str | None
    keywords: frozenset[str]
    parse: Callable[[Sequence[Sequence[Any]]], Plan]


_EVERYWHERE = frozenset({"SELECT", "VALUES", "WITH", "INSERT", "UPDATE", "DELETE"})


def _in_one_cell(parse: Callable[[str], Plan]) -> Callable[[Sequence[Sequence[Any]]], Plan]:
    def read_cell(rows: Sequence[Sequence[Any]]) -> Plan:
        text = "\n".join(str(row[0]) for row in rows)
        try:
            return parse(text)
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            # A version that the parser has not met, or a plan deeper than Python's stack: still better than nothing.
            return Plan(nodes=(), text=text)

    return read_cell


_MANNERS = {
    Engine.MARIADB: _Manner(
        mariadb.PLAN, mariadb.PROFILE, _EVERYWHERE | {"REPLACE", "TABLE"}, _in_one_cell(mariadb.parse)
    ),
    Engine.MYSQL: _Manner(mysql.PLAN, mysql.PROFILE, _EVERYWHERE | {"REPLACE", "TABLE"}, _in_one_cell(mysql.parse)),
    Engine.POSTGRESQL: _Manner(
        postgresql.PLAN, postgresql.PROFILE, _EVERYWHERE | {"MERGE", "TABLE"}, _in_one_cell(postgresql.parse)
    ),
    Engine.SQLITE: _Manner(sqlite.PLAN, None, _EVERYWHERE | {"REPLACE"}, sqlite.parse),
}


def ask(engine: Engine, keyword: str, statement: BoundStatement, *, profile: bool) -> BoundStatement:
    """The statement that asks for the plan of another one, with the same values.

    Args:
        engine: whose.
        keyword: the first one of the other statement. What goes before it must not become part of something else:
            `EXPLAIN` and `QUERY PLAN SELECT ...` make a statement as well.
        statement: the other statement.
        profile: run it, and tell what was measured.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    manner = _MANNERS[engine]
    before = manner.profile if profile else manner.plan
    if before is None:
        raise _not_supported(f"{engine} does not measure statements", "options.mode", "ask for the plan")
    if keyword not in manner.keywords:
        known = ", ".join(sorted(manner.keywords))
        raise _not_supported(f"there is no plan of {keyword}", "sql", f"{engine} has plans of {known}")
    first, *others = statement.fragments
    return BoundStatement((f"{before}{first}", *others), statement.values)


def read(engine: Engine, rows: Sequence[Sequence[Any]]) -> Plan:
    """The plan in the answer."""
    return _MANNERS[engine].parse(rows)


def _not_supported(message: str, field: str, hint: str) -> RowgateError:
    return RowgateError(Reason.NOT_SUPPORTED, message, field=field, hint=hint, outcome=Outcome.NOT_RUN)
