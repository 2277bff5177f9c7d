"""What is told of transactions that did not end as anybody has asked."""

from __future__ import annotations

from rowgate_server.errors import Outcome, Reason, RowgateError


def ended_unseen() -> RowgateError:
    """For a statement that has gone well, and ended the transaction that it ran in, nobody knows how."""
    return RowgateError(
        Reason.INVALID_REQUEST,
        "the statement ended the transaction that it was run in: what was done there may last, or be rolled back",
        outcome=Outcome.UNKNOWN,
        hint="look whether it is there; call a procedure that ends transactions by ExecuteQuery",
    )


def rolled_back_instead() -> RowgateError:
    """For a commit that the database has answered with a rollback."""
    return RowgateError(
        Reason.INVALID_REQUEST,
        "a statement of the transaction has failed, and the database rolled it back instead of committing it",
        outcome=Outcome.ROLLED_BACK,
    )
