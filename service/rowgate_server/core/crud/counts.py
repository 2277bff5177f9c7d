"""How many rows meet a condition: counted, or as the database guesses it from its statistics."""

from __future__ import annotations

import math

from rowgate_server.core import plans as explained
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.crud.plans import Condition, SelectPlan, Values
from rowgate_server.core.crud.requests import CountMode
from rowgate_server.core.crud.row_checks import filtered
from rowgate_server.core.crud.running import run
from rowgate_server.core.explain import engine_of
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.plans import Engine, Plan
from rowgate_server.core.policy.needs import Operation
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.results import Stats


async def count(
    compiler: Compiler,
    database: Database,
    table: KnownTable,
    where: Condition,
    values: Values,
    mode: CountMode,
    deadline: Deadline,
) -> tuple[int, bool, Stats]:
    """The number, whether it is a guess, and the figures of the statement. SQLite makes no guess, so it counts.

    Raises:
        RowgateError: what the database has against it.
    """
    # A guess under a row filter would be one from the statistics of the whole table, and tell its size.
    guessed = mode is CountMode.ESTIMATED and not filtered(table, (Operation.READ,))
    if guessed and database.dialect is not Dialect.SQLITE:
        statement = compiler.select(table, SelectPlan(table.readable, where), values.taken)
        engine = engine_of(database)
        result = await run(database, explained.ask(engine, "SELECT", statement, profile=False), deadline)
        return _guess(engine, explained.read(engine, result.rows)), True, result.stats
    statement = compiler.select(table, SelectPlan((), where, counted=True), values.taken)
    result = await run(database, statement, deadline)
    return result.rows[0][0], False, result.stats


def _guess(engine: Engine, plan: Plan) -> int:
    """The rows that a plan expects; none of its steps has any where the condition can't be met.

    MariaDB tells for each table of a join how many rows it expects for each row of those before, and how many of a
    hundred it expects to keep; the others tell at the root what comes out.
    """
    expected = [
        (node.estimated_rows, float(node.details.get("filtered", 100)) / 100)
        for root in plan.nodes
        for node in root.walk()
        if node.estimated_rows is not None
    ]
    if not expected:
        return 0
    return round(math.prod(rows * kept for rows, kept in expected) if engine is Engine.MARIADB else expected[0][0])
