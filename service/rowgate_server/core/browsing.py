"""Trees for those who browse a database: as the caller sees it, and with the schemas that it asks for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rowgate_server.core.catalog import unknown_schema
from rowgate_server.core.policy.access import denied
from rowgate_server.core.policy.guard import enter
from rowgate_server.core.policy.sights import sight_of
from rowgate_server.core.tree import Sight, Tree, TreeStore, seen
from rowgate_server.core.tree.reading import read_schemas
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.errors import Outcome, Reason, RowgateError

_MOST_TOLD = 1000


@dataclass(frozen=True, slots=True)
class Refreshed:
    """The tree that was read, and whether it is another one than such a caller was told last."""

    tree: Tree
    changed: bool


class Browser:
    """Has trees for callers.

    Args:
        databases: every one that is served, as far as the caller may go.
        trees: what there is in each.
        forget: what else is known of a database's tables, here and in other processes, is to be forgotten.
    """

    def __init__(self, databases: Databases, trees: TreeStore, forget: Callable[[str], None]) -> None:
        self._databases = databases
        self._trees = trees
        self._forget = forget
        self._told: OrderedDict[tuple[str, str, str], str] = OrderedDict()

    async def tree(self, database_name: str, call_timeout: float | None, schemas: Iterable[str] = ()) -> Tree:
        """The tree, of these schemas only if there are any; an empty one is the default one.

        Raises:
            RowgateError: PERMISSION_DENIED, be there such a schema or not; UNKNOWN_DATABASE, UNKNOWN_TABLE for a schema
                that is not there, NOT_SUPPORTED for one of the server's own, and what the database has against it.
        """
        database, sight = self._enter(database_name)
        named = set(schemas)
        tree = await seen(await self._read(database, sight, named, "schemas", call_timeout), sight)
        self._tell(database, sight, tree)
        if not named:
            return tree
        default = next((each.name.name for each in tree.schemas if each.name.is_default), "")
        chosen = tree.chosen(name or default for name in named)
        if not chosen:
            raise unknown_schema(database, "", (), "schemas")
        return Tree(chosen, tree.read_at)

    async def tree_for(self, database_name: str, schema: str, call_timeout: float | None) -> Tree:
        """The whole tree for one who works in a schema, which is looked for; empty: the default one, if there is any.

        Raises:
            RowgateError: as `tree`.
        """
        database, sight = self._enter(database_name)
        return await seen(await self._read(database, sight, {schema}, "schema", call_timeout), sight)

    async def refresh(self, database_name: str, call_timeout: float | None) -> Refreshed:
        """The whole tree, read from now on; whatever is known of the tables is forgotten.

        Raises:
            RowgateError: as `tree`.
        """
        database, sight = self._enter(database_name)
        self._forget(database.name)
        tree = await seen(await self._trees.refresh(database_name, call_timeout), sight)
        return Refreshed(tree, changed=self._tell(database, sight, tree))

    def _enter(self, database_name: str) -> tuple[Database, Sight]:
        access, database = enter(self._databases, database_name)
        return database, sight_of(access, database)

    async def _read(
        self, database: Database, sight: Sight, named: set[str], field: str, call_timeout: float | None
    ) -> Tree:
        """The whole tree, in which these schemas are."""
        names = named - {""}
        if not all(map(sight.schema, names)):
            raise denied("see this schema")
        tree = await self._trees.get(database.name, call_timeout)
        missing = names - {each.name.name for each in tree.schemas}
        if missing:
            await self._check_there(database, sorted(missing), sight, field, call_timeout)
            tree = await self._trees.refresh(database.name, call_timeout)  # they are newer than the tree
        return tree

    def _tell(self, database: Database, sight: Sight, tree: Tree) -> bool:
        """Note what a caller is told; whether it is new to such a caller.

        It is not compared with the tree that was kept: that one is let go of for changes to hidden tables too.
        """
        key, etag = (database.name, database.login, sight.key), tree.etag
        before = self._told.pop(key, None)
        self._told[key] = etag
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return before != etag

    async def _check_there(
        self, database: Database, names: list[str], sight: Sight, field: str, call_timeout: float | None
    ) -> None:
        """Whether the database has such schemas by now: a question as small as this costs it little."""
        limit = (database.bounds.statement_timeout, database.statement_limit)
        try:
            there = await read_schemas(database, Deadline.soonest(of_call(call_timeout), limit))
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__
        system = {each.name: each.is_system for each in there}
        for name in names:
            if name not in system:
                visible = [each.name for each in there if sight.schema(each.name)]
                raise unknown_schema(database, name, visible, field)
            if system[name]:
                raise RowgateError(
                    Reason.NOT_SUPPORTED,
                    "this schema is the database server's own, and not in the tree",
                    field=field,
                    outcome=Outcome.NOT_RUN,
                    database=database.name,
                    schema=name,
                    hint="ListTables and GetTable tell of it",
                )
