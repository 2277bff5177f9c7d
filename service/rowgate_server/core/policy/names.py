"""Sets of names, of which some are all names but a few; and patterns of names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

from rowgate_server.engines.dialects import Dialect

ANY = "*"
_SYSTEM_SCHEMAS = frozenset({"information_schema", "mysql", "performance_schema", "sys", "pg_catalog", "pg_toast"})
_SYSTEM_TABLES = {
    Dialect.SQLITE: re.compile(r"sqlite_|pragma_|dbstat|bytecode|tables_used|json_|fts\d", re.IGNORECASE),
    Dialect.POSTGRESQL: re.compile("pg_", re.IGNORECASE),
    Dialect.MYSQL: re.compile(r"(?!)"),
}
"""What an engine has in every schema besides the tables that people make: it tells of all others."""


@dataclass(frozen=True, slots=True)
class Names:
    """Some names; or with `inverted` all but these."""

    names: frozenset[str] = frozenset()
    inverted: bool = False

    @classmethod
    def of(cls, names: Iterable[str], without: Iterable[str] = ()) -> Names:
        """These names, where `*` is all, and without some."""
        wanted, left_out = frozenset(names), frozenset(without)
        return cls(left_out, inverted=True) if ANY in wanted else cls(wanted - left_out)

    @property
    def everything(self) -> bool:
        """No name is missing."""
        return self.inverted and not self.names

    def __contains__(self, name: object) -> bool:
        return (name in self.names) is not self.inverted

    def union(self, other: Names) -> Names:
        """The names of both."""
        if self.inverted and other.inverted:
            return Names(self.names & other.names, inverted=True)
        if self.inverted or other.inverted:
            whole, few = (self, other) if self.inverted else (other, self)
            return Names(whole.names - few.names, inverted=True)
        return Names(self.names | other.names)

    def intersection(self, other: Names) -> Names:
        """The names that both have."""
        complement = self.complement().union(other.complement())
        return complement.complement()

    def complement(self) -> Names:
        """All the others."""
        return Names(self.names, not self.inverted)

    def among(self, names: Iterable[str]) -> Iterator[str]:
        """Those of some names that are in it."""
        return (name for name in names if name in self)


ALL = Names(inverted=True)


@lru_cache(1024)
def _expression(pattern: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(piece) for piece in pattern.split(ANY)), re.DOTALL)


def matches(pattern: str, name: str) -> bool:
    """Whether a name is meant: `*` stands for any run of characters, all others for themselves."""
    return pattern == name or (ANY in pattern and _expression(pattern).fullmatch(name) is not None)


def folded(column: str, dialect: Dialect) -> str:
    """The same for every way to write a column's name: only PostgreSQL tells names apart by their case.

    SQLite does not know that any but ASCII's letters have two.
    """
    if dialect is Dialect.POSTGRESQL:
        return column
    if dialect is Dialect.SQLITE:
        return "".join(letter.lower() if letter.isascii() else letter for letter in column)
    return column.lower()


def meets_schema(pattern: str, schema: str, default: str) -> bool:
    """Whether a rule's schema is that one. Without one it is the default schema; `*` is none of the system's."""
    if not pattern:
        return schema == default
    if ANY in pattern and (schema in _SYSTEM_SCHEMAS or schema.startswith("pg_")):
        return False
    return matches(pattern, schema)


def meets_table(pattern: str, table: str, dialect: Dialect) -> bool:
    """Whether a rule's table is that one; `*` is none of the system's, which tell of all others."""
    if ANY in pattern and _SYSTEM_TABLES[dialect].match(table):
        return False
    return matches(pattern, table)
