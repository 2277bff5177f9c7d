"""A tree as somebody sees it: what is hidden is not there, and does not count in its etag either."""

from __future__ import annotations

import asyncio
from collections import OrderedDict

from rowgate_server.core.tree.records import Sealing, Tree, TreeSchema
from rowgate_server.core.tree.sight import Sight

_MADE = "seen"
_MOST = 8
"""Kinds of callers for whom a schema is kept as they see it: the tables that show whole are the same objects."""
_A_TURN = 4_000
"""Columns that are looked at in one turn of the event loop: a few milliseconds of work."""


async def seen(tree: Tree, sight: Sight) -> Tree:
    """The tree, as far as it shows."""
    if sight.everything:
        return tree
    schemas = [await _seen(schema, sight) for schema in tree.schemas if sight.schema(schema.name.name)]
    return Tree(tuple(schemas), tree.read_at)


async def _seen(schema: TreeSchema, sight: Sight) -> TreeSchema:
    kept: OrderedDict[str, TreeSchema] = schema.made.setdefault(_MADE, OrderedDict())
    found = kept.get(sight.key)
    if found is None:
        found = kept[sight.key] = await _sealed(schema, sight)
        if len(kept) > _MOST:
            kept.popitem(last=False)
    else:
        kept.move_to_end(sight.key)
    return found


async def _sealed(schema: TreeSchema, sight: Sight) -> TreeSchema:
    name = schema.name.name
    sealing, columns = Sealing(schema.name), 0
    for table in schema.tables.values():
        shown = sight.table(name, table)
        if shown is not None:
            sealing.add(shown)
        columns += len(table.columns) + 1
        if columns >= _A_TURN:
            columns = 0
            await asyncio.sleep(0)
    return sealing.sealed(tuple(routine for routine in schema.routines if sight.routine(name, routine)))
