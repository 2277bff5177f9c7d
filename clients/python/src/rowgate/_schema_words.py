"""The words that tables are described with."""

from __future__ import annotations

from enum import StrEnum


class Engine(StrEnum):
    """A kind of database."""

    MYSQL = "MYSQL"
    MARIADB = "MARIADB"
    POSTGRESQL = "POSTGRESQL"
    SQLITE = "SQLITE"


class TableKind(StrEnum):
    """Tables and views."""

    TABLE = "TABLE"
    VIEW = "VIEW"


class ReferentialAction(StrEnum):
    """What happens to the rows that refer to a row that changes."""

    NO_ACTION = "NO_ACTION"
    """Refused when the statement, or the transaction where deferred, ends."""
    RESTRICT = "RESTRICT"
    """Refused at once."""
    CASCADE = "CASCADE"
    """They change with it."""
    SET_NULL = "SET_NULL"
    """They become NULL."""
    SET_DEFAULT = "SET_DEFAULT"
    """They become their default."""


class Deferral(StrEnum):
    """When a constraint must hold, if not with each statement at the latest."""

    IMMEDIATE = "IMMEDIATE"
    """At the end of each statement, unless a transaction defers it."""
    DEFERRED = "DEFERRED"
    """At the end of each transaction."""
