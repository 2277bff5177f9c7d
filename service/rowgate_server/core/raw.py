"""What a caller's own SQL may not do, whatever the database would say to it.

Each call is a transaction of its own, on a connection that is somebody else's a moment later. A BEGIN that is answered
with OK and leads nowhere makes its caller believe in a ROLLBACK; so it is refused.
"""

from __future__ import annotations

from rowgate_server.core.instead import instead_of
from rowgate_server.core.sqltext import ParsedStatement
from rowgate_server.core.sqltext.copying import copies_over_the_wire
from rowgate_server.core.sqltext.effects import READING, Effect, effect_of
from rowgate_server.errors import Outcome, Reason, RowgateError


def check(statement: ParsedStatement, *, read_only: bool) -> None:
    """Refuse transaction control, COPY's streams, and under `read_only` all that does not begin like one that reads.

    A session that refuses writes can be told to take them again, from within a statement: on MariaDB by SET STATEMENT
    and BEGIN NOT ATOMIC.

    Raises:
        RowgateError: NOT_SUPPORTED or READ_ONLY.
    """
    if not read_only and statement.keyword in READING:
        return
    effect = effect_of(statement)
    if effect is Effect.CONTROLS:
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "transactions are not begun, set up, locked or ended in SQL",
            field="sql",
            hint=instead_of(statement),
            outcome=Outcome.NOT_RUN,
        )
    if read_only and effect is not Effect.READS:
        raise RowgateError(
            Reason.READ_ONLY,
            _WHY.get(effect, "only reading is allowed here, and this statement is not known to read"),
            hint=f"what reads begins with {', '.join(sorted(READING))}",
            outcome=Outcome.NOT_RUN,
        )
    if copies_over_the_wire(statement):
        # The driver would wait for data that never comes, or throw away what does.
        raise RowgateError(
            Reason.NOT_SUPPORTED,
            "COPY from STDIN or to STDOUT needs the database's own protocol",
            field="sql",
            hint="use INSERT, or StreamQuery of a SELECT",
            outcome=Outcome.NOT_RUN,
        )


_WHY = {
    Effect.WRITES: "only reading is allowed here, and this statement writes",
    Effect.COMMITS: "only reading is allowed here, and this statement writes",
    Effect.HIDES: "only reading is allowed here, and this statement runs another one, which may write",
}
