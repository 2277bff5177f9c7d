"""Running a statement that reads, within the server's limits."""

from __future__ import annotations

from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.executor import Call
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Completion, Result
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.ids import new_id

TOO_LARGE_HINT = "ask for fewer columns, or for fewer rows on a page"
_MIX_OF_COLLATIONS = "1267"
"""The only mix that a statement of the gateway's own can have: of a column and a value that it could not hold."""


async def run(
    database: Database, statement: BoundStatement, deadline: Deadline, limits: ResultLimits | None = None
) -> Result:
    """Run a statement that reads.

    Raises:
        RowgateError: what the database has against it.
    """
    bounds = database.bounds
    call = Call(
        statement=statement,
        deadline=deadline,
        limits=limits or bounds.unary(),
        query_id=new_id(),
        reads=True,
        read_only=bounds.read_only,
        operation=database.statements.of("SELECT"),
    )
    try:
        result = await database.executor.run(call)
    except RowgateError as error:
        if database.dialect is Dialect.MYSQL and error.metadata.get("vendor_code") == _MIX_OF_COLLATIONS:
            error = _not_of_the_character_set(error)
        if error.reason is Reason.RESULT_TOO_LARGE:
            error.metadata["hint"] = TOO_LARGE_HINT
        raise error.with_defaults(query_id=call.query_id) from error.__cause__
    completion = Completion(warnings=result.stats.completion.warnings)
    return result._replace(stats=result.stats._replace(completion=completion))


def _not_of_the_character_set(error: RowgateError) -> RowgateError:
    return RowgateError(
        Reason.INVALID_PARAMETER,
        "a value has characters that the character set of its column does not have",
        outcome=Outcome.NOT_RUN,
        sqlstate=error.metadata.get("sqlstate"),
        vendor_code=_MIX_OF_COLLATIONS,
    )
