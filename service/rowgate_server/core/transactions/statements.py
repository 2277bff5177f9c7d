"""Which statements may not run in a transaction that is held, besides those that run nowhere (`raw.check`)."""

from __future__ import annotations

from rowgate_server.core.instead import instead_of
from rowgate_server.core.sqltext import ParsedStatement, parse
from rowgate_server.core.sqltext.effects import Effect, effect_of
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError


def check_held(statement: ParsedStatement) -> None:
    """Refuse what would end the transaction.

    PostgreSQL lets no procedure and no DO end the transaction that it was called in. Of a CALL in MySQL or MariaDB it
    is the server's own word that tells afterwards.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    effect = effect_of(statement)
    if effect is Effect.CONTROLS:
        raise _refused("a transaction is not begun, set up, locked or ended in SQL", instead_of(statement))
    if effect is Effect.COMMITS:
        words = f"a statement such as {statement.keyword} commits the transaction that it is run in"
        raise _refused(words, instead_of(statement))
    if effect is Effect.HIDES and statement.dialect is Dialect.MYSQL and statement.keyword != "CALL":
        words = f"what {statement.keyword} runs may commit the transaction that it is run in"
        raise _refused(words, instead_of(statement))


def may_end(sql: str, dialect: Dialect) -> bool:
    """Whether a statement that `check_held` lets through may end the transaction all the same: MySQL's CALL."""
    if dialect is not Dialect.MYSQL:
        return False
    try:
        return effect_of(parse(sql, dialect)) is Effect.HIDES
    except RowgateError:
        return False


def check_undoable(statement: ParsedStatement) -> None:
    """Refuse a CALL where all is done or nothing: if the procedure commits, what was before it lasts.

    Raises:
        RowgateError: NOT_SUPPORTED.
    """
    if statement.dialect is Dialect.MYSQL and effect_of(statement) is Effect.HIDES:
        raise _refused(
            "what a procedure commits can not be undone with the other steps",
            "call it by Transact, which tells what became of the transaction, or in a batch that is INDEPENDENT",
        )


def _refused(message: str, hint: str) -> RowgateError:
    return RowgateError(
        Reason.NOT_SUPPORTED,
        message,
        field="sql",
        outcome=Outcome.NOT_RUN,
        hint=hint,
    )
