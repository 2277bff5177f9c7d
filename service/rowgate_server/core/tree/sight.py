"""What a caller may see of a tree: the place where policies come in (`core/policy/sights.py`)."""

from __future__ import annotations

from typing import Protocol

from rowgate_server.core.tree.records import Routine, TreeTable


class Sight(Protocol):
    """What one caller, or one kind of caller, may see of a database."""

    @property
    def key(self) -> str:
        """The same for all who see the same, and another for everybody else."""

    @property
    def everything(self) -> bool:
        """Nothing is hidden, so nothing need be looked at."""

    def table(self, schema: str, table: TreeTable) -> TreeTable | None:
        """The table without the columns that are hidden; None for one that is hidden whole."""

    def routine(self, schema: str, routine: Routine) -> bool:
        """Whether a routine shows."""

    def schema(self, schema: str) -> bool:
        """Whether a schema shows."""

    def shows(self, schema: str, table: str) -> bool:
        """Whether a table or view shows, all or some of it."""


class _Everything:
    key = ""
    everything = True

    def table(self, schema: str, table: TreeTable) -> TreeTable:
        del schema
        return table

    def routine(self, schema: str, routine: Routine) -> bool:
        del schema, routine
        return True

    def schema(self, schema: str) -> bool:
        del schema
        return True

    def shows(self, schema: str, table: str) -> bool:
        del schema, table
        return True


EVERYTHING: Sight = _Everything()
