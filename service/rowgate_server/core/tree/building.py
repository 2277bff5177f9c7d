"""A tree put together from rows as they come, on the event loop, in pieces of a few milliseconds.

In a thread it was no sooner done, and the event loop was late by 50 ms instead of 5, with a hundred callers by 250
instead of 20: a busy thread gives the interpreter away once in 5 ms, and the loop asks for it several times in a round.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable, Sequence
from sys import intern
from typing import Any

from rowgate_server.core.tables import TableKind
from rowgate_server.core.tree.queries import PROCEDURES, VIEWS, is_system
from rowgate_server.core.tree.records import (
    Routine,
    RoutineKind,
    SchemaName,
    Sealing,
    Tree,
    TreeColumn,
    TreeTable,
)
from rowgate_server.core.tree.types import value_type
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

_KIND, _COMMENT = 8, 9
_STEP = 100
"""Tables: some 4 ms of work."""


class TreeBuilder:
    """Takes rows as `Queries` describes them.

    Args:
        dialect: whose they are.
        max_columns: more than these are refused.
    """

    def __init__(self, dialect: Dialect, max_columns: int) -> None:
        self._dialect = dialect
        self._max_columns = max_columns
        self._schemas: list[SchemaName] = []
        self._tables: dict[tuple[str, str], tuple[TableKind, str]] = {}
        self._broken: set[tuple[str, str]] = set()
        self._columns: dict[tuple[str, str], list[TreeColumn]] = {}
        self._routines: dict[str, set[Routine]] = {}
        self._alike: dict[TreeColumn, TreeColumn] = {}
        self.columns = 0

    def take_schemas(self, rows: Iterable[Sequence[Any]]) -> None:
        """Names, and which is the default one."""
        for name, is_default in rows:
            self._schemas.append(SchemaName(name, bool(is_default), is_system(self._dialect, name)))

    def take_tables(self, rows: Iterable[Sequence[Any]]) -> None:
        """Tables and views."""
        for schema, name, kind, comment in rows:
            # MySQL has VIEW as the comment on each.
            self._tables[schema, name] = (_kind(kind), "" if kind in VIEWS else comment or "")

    def take_broken(self, schema: str, name: str) -> None:
        """The database can't use this one."""
        self._broken.add((schema, name))

    def take_columns(self, rows: Sequence[Sequence[Any]]) -> None:
        """Columns; the rows of an engine with one query name the tables too.

        Raises:
            RowgateError: RESULT_TOO_LARGE.
        """
        self.columns += len(rows)
        if self.columns > self._max_columns:
            raise RowgateError(
                Reason.RESULT_TOO_LARGE,
                "the database has more columns than the gateway keeps of one",
                limit=f"catalog.max_columns {self._max_columns}",
                hint="use ListTables and GetTable, or raise catalog.max_columns",
                outcome=Outcome.NOT_RUN,
            )
        dialect, alike = self._dialect, self._alike
        for row in rows:
            schema, table, name, database_type, told, nullable, key, comment = row[:_KIND]
            place = (schema, table)
            members = self._columns.get(place)
            if members is None:
                members = self._columns[place] = []
                if dialect is Dialect.POSTGRESQL:
                    self._tables[place] = (_kind(row[_KIND]), row[_COMMENT])
            if name is None:  # a table without columns
                continue
            kind = value_type(dialect, database_type, told)
            column = TreeColumn(name, kind, intern(database_type), bool(nullable), bool(key), comment)
            members.append(alike.setdefault(column, column))

    def forget_columns(self) -> None:
        """Begin again with the columns."""
        self._columns.clear()
        self.columns = 0

    def places(self) -> list[tuple[str, str]]:
        """Schema and name of each table that was taken."""
        return list(self._tables)

    def take_routines(self, rows: Iterable[Sequence[Any]]) -> None:
        """Functions and procedures."""
        for schema, name, kind in rows:
            routine = RoutineKind.PROCEDURE if kind in PROCEDURES else RoutineKind.FUNCTION
            self._routines.setdefault(schema, set()).add(Routine(name, routine))

    def finish(self, read_at: float) -> Generator[None, None, Tree]:
        """The tree, in steps: nothing may be taken afterwards."""
        sealing = {name.name: Sealing(name) for name in self._schemas if not name.is_system}
        for number, ((schema, name), (kind, comment)) in enumerate(self._tables.items(), 1):
            columns = tuple(self._columns.pop((schema, name), ()))
            empty_view = not columns and kind is TableKind.VIEW and self._dialect is Dialect.MYSQL
            broken = empty_view or (schema, name) in self._broken
            # A table without columns was dropped between two queries: none is told by half.
            whole = columns or broken or kind is TableKind.VIEW or self._dialect is Dialect.POSTGRESQL
            if schema in sealing and whole:
                sealing[schema].add(TreeTable(name, kind, columns, comment, broken))
            if number % _STEP == 0:
                yield
        return Tree(tuple(each.sealed(self._sorted_routines(name)) for name, each in sealing.items()), read_at)

    def _sorted_routines(self, schema: str) -> tuple[Routine, ...]:
        return tuple(sorted(self._routines.get(schema, ()), key=lambda routine: (routine.name, routine.kind.value)))


def _kind(word: str) -> TableKind:
    return TableKind.VIEW if word in VIEWS else TableKind.TABLE
