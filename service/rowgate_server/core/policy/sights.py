"""What a caller may see of a tree, by its access."""

from __future__ import annotations

import hashlib
from functools import cached_property

from rowgate_server.core.policy.access import Access, BoundRule
from rowgate_server.core.policy.fitting import MisfitError, fitted
from rowgate_server.core.policy.names import Names
from rowgate_server.core.tree.records import Routine, TreeTable
from rowgate_server.core.tree.sight import EVERYTHING, Sight
from rowgate_server.engines.database import Database


class PolicySight:
    """The tables that a policy gives the caller anything of, with the columns that it may read or write.

    Args:
        access: the caller's, to the database.
        default_schema: of the database.
    """

    everything = False

    def __init__(self, access: Access, default_schema: str) -> None:
        self._access = access
        self._default = default_schema

    @cached_property
    def key(self) -> str:
        """The same in all processes, for all to whom the same rules give the same."""
        told = sorted(repr(_told(each)) for each in self._access.rules)
        return hashlib.blake2b(repr((self._default, told)).encode("utf-8", "surrogatepass")).hexdigest()

    def table(self, schema: str, table: TreeTable) -> TreeTable | None:
        """As `Sight` says; a primary key of which some is hidden is none, and so is a comment."""
        found = self._access.table(schema, table.name, self._default)
        if found is None:
            return None
        names = (column.name for column in table.columns)
        try:
            found = fitted(found, names, self._access.database, table.name)
        except MisfitError:
            return None
        shown = tuple(column for column in table.columns if column.name in found.shown)
        if len(shown) == len(table.columns):
            return table
        if any(column.primary_key and column.name not in found.shown for column in table.columns):
            shown = tuple(column._replace(primary_key=False) for column in shown)
        return table._replace(columns=shown, comment="")

    def routine(self, schema: str, routine: Routine) -> bool:
        """None: they are of use in SQL of the caller's own only, and whoever may run that sees everything."""
        del schema, routine
        return False

    def schema(self, schema: str) -> bool:
        """As `Sight` says."""
        return self._access.sees_schema(schema, self._default)

    def shows(self, schema: str, table: str) -> bool:
        """As `Sight` says."""
        return self._access.sees(schema, table, self._default)


def sight_of(access: Access | None, database: Database) -> Sight:
    """What may be seen of a database with an access; None: there is no policy."""
    if access is None or access.sees_everything:
        return EVERYTHING
    default = database.availability.facts.default_schema
    sight: Sight | None = access.made.get((PolicySight, default))
    if sight is None:
        sight = access.made[PolicySight, default] = PolicySight(access, default)
    return sight


def _told(bound: BoundRule) -> tuple[object, ...]:
    """All of a rule that decides what is seen, sets in order."""
    rule = bound.rule
    operations = sorted(operation.value for operation in rule.operations)
    masks = sorted((name, mask.value) for name, mask in rule.masks.items())
    return rule.schema, sorted(rule.tables), operations, _sorted(rule.read), _sorted(rule.write), bound.rows, masks


def _sorted(names: Names) -> tuple[bool, list[str]]:
    return names.inverted, sorted(names.names)
