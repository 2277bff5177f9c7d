"""The tables that are kept for the next request: of each database so many, the ones used last.

A column of a table that is ready to be planned against takes 2.5 to 3 kB, so tables are counted, and their columns.
"""

from __future__ import annotations

from collections import OrderedDict, defaultdict
from dataclasses import dataclass

from rowgate_server.core.known_table import KnownTable

Place = tuple[str, str, str]
"""The database's key; schema and table, as requests name them."""

MOST_TABLES, MOST_COLUMNS = 1000, 20_000
"""Of one database: 60 MB at the most, unless a single table has more columns."""

_MOST_HELD, _MOST_HELD_COLUMNS = 50, 1000
"""Of one transaction."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A table, when it was read, and the schema's version before that; None where it has none."""

    table: KnownTable
    read_at: float
    version: int | None


class KeptTables:
    """What is kept of all databases.

    Args:
        most_tables: of one database.
        most_columns: of these together.
    """

    def __init__(self, most_tables: int = MOST_TABLES, most_columns: int = MOST_COLUMNS) -> None:
        self._most_tables = most_tables
        self._most_columns = most_columns
        self._kept: defaultdict[str, OrderedDict[Place, Kept]] = defaultdict(OrderedDict)
        self._columns: defaultdict[str, int] = defaultdict(int)

    def get(self, place: Place) -> Kept | None:
        """What is kept of a table, which is now the one used last."""
        of_database = self._kept[place[0]]
        found = of_database.get(place)
        if found is not None:
            of_database.move_to_end(place)
        return found

    def put(self, place: Place, kept: Kept) -> None:
        """Keep a table instead of what was kept of it; those used longest ago make room."""
        of_database = self._kept[place[0]]
        self._take_out(place)
        of_database[place] = kept
        self._columns[place[0]] += len(kept.table.columns)
        while len(of_database) > 1 and (
            len(of_database) > self._most_tables or self._columns[place[0]] > self._most_columns
        ):
            self._take_out(next(iter(of_database)))

    def drop(self, place: Place, kept: Kept) -> None:
        """Keep it no longer, unless another has been put in its place since."""
        if self._kept[place[0]].get(place) is kept:
            self._take_out(place)

    def forget(self, database: str) -> None:
        """Keep nothing of any database that is, or was, served under that name."""
        for key in [key for key in self._kept if of_name(key, database)]:
            del self._kept[key]
            self._columns.pop(key, None)

    def _take_out(self, place: Place) -> None:
        gone = self._kept[place[0]].pop(place, None)
        if gone is not None:
            self._columns[place[0]] -= len(gone.table.columns)


class HeldTables:
    """What one transaction knows of tables by itself, and nobody else: it may have made them what they are.

    Attributes:
        altered: it has changed tables, as far as is known, so that only what it sees itself holds for it.
        kept: what it has seen, as long as that holds.
    """

    def __init__(self) -> None:
        self.altered = False
        self.forget()

    def alter(self) -> None:
        """It changes tables."""
        self.altered = True
        self.forget()

    def forget(self) -> None:
        """What it has seen holds no longer."""
        self.kept = KeptTables(_MOST_HELD, _MOST_HELD_COLUMNS)


def of_name(key: str, name: str) -> bool:
    """Whether a database's key is one of that name."""
    return key.partition("#")[0] == name
