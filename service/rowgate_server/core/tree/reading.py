"""Reading a tree: the queries of the engine, streamed, and their rows put together as they come.

What is made of a few hundred rows takes a millisecond or two, and the whole of a large tree a second: so between pieces
everybody else has a turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Sequence
from contextlib import aclosing
from typing import Any

from rowgate_server.core.tree.building import TreeBuilder
from rowgate_server.core.tree.queries import QUERIES, SQLITE_COLUMNS_OF_ONE, Queries, is_system
from rowgate_server.core.tree.records import SchemaName, Tree
from rowgate_server.engines import clock
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Row
from rowgate_server.engines.values import BoundStatement, BoundValue, ValueType
from rowgate_server.errors import Reason, RowgateError
from rowgate_server.observability.ids import new_id

_CELLS = 4_000
"""Of one piece."""
_BROKEN = frozenset({Reason.INVALID_SQL, Reason.UNKNOWN_TABLE, Reason.UNKNOWN_COLUMN})


async def read_tree(database: Database, deadline: Deadline, max_columns: int) -> Tree:
    """The whole tree of a database, as it is from now on.

    Raises:
        RowgateError: RESULT_TOO_LARGE, and what the database has against it.
    """
    read_at, loaded = clock.now(), False
    queries, builder = QUERIES[database.dialect], TreeBuilder(database.dialect, max_columns)
    try:
        await _feed(database, queries.schemas, deadline, builder.take_schemas)
        if queries.tables:
            await _feed(database, queries.tables, deadline, builder.take_tables)
        await _feed_columns(database, queries, deadline, builder)
        if queries.routines:
            await _feed(database, queries.routines, deadline, builder.take_routines)
        loaded = True
    finally:
        database.count_load(ok=loaded)
    return await _in_turns(builder.finish(read_at))


async def read_schemas(database: Database, deadline: Deadline) -> list[SchemaName]:
    """The schemas of a database, its own among them, by name.

    Raises:
        RowgateError: what the database has against it.
    """
    found: list[SchemaName] = []
    async for rows in _rows(database, BoundStatement((QUERIES[database.dialect].schemas,), ()), deadline):
        found += [SchemaName(name, bool(default), is_system(database.dialect, name)) for name, default in rows]
    return found


async def _feed_columns(database: Database, queries: Queries, deadline: Deadline, builder: TreeBuilder) -> None:
    try:
        await _feed(database, queries.columns, deadline, builder.take_columns)
    except RowgateError as error:
        if database.dialect is not Dialect.SQLITE or error.reason not in _BROKEN:
            raise
    else:
        return
    # SQLite fails the query for a view whose table is gone, and for a virtual table whose module is not there.
    builder.forget_columns()
    for schema, name in builder.places():
        statement = BoundStatement(SQLITE_COLUMNS_OF_ONE, (BoundValue(ValueType.STRING, name),))
        try:
            async for rows in _rows(database, statement, deadline):
                builder.take_columns(rows)
        except RowgateError as error:
            if error.reason not in _BROKEN:
                raise
            builder.take_broken(schema, name)


async def _feed(database: Database, sql: str, deadline: Deadline, take: Callable[[Sequence[Row]], Any]) -> None:
    async for rows in _rows(database, BoundStatement((sql,), ()), deadline):
        take(rows)
        await asyncio.sleep(0)


async def _in_turns(work: Generator[None, None, Tree]) -> Tree:
    while True:
        try:
            next(work)
        except StopIteration as done:
            tree: Tree = done.value
            return tree
        await asyncio.sleep(0)


async def _rows(database: Database, statement: BoundStatement, deadline: Deadline) -> AsyncIterator[Sequence[Row]]:
    call = Call(
        statement=statement,
        deadline=deadline,
        limits=ResultLimits(),
        query_id=new_id(),
        reads=True,
        read_only=database.bounds.read_only,
        floats=False,
    )
    async with aclosing(database.executor.stream(call, _CELLS)) as chunks:
        async for chunk in chunks:
            if chunk.rows:
                yield chunk.rows
