"""What is told of answers that come as text, where that would round their numbers."""

from __future__ import annotations

from rowgate_server.errors import Outcome, Reason, RowgateError


def types_have_changed() -> RowgateError:
    """The statement has been run, and is not run again."""
    return RowgateError(
        Reason.SERIALIZATION_FAILURE,
        "the types of the statement's columns have changed since it was last run",
        hint="it has been run, and may write, so it was not run again; the next time its numbers are exact",
        outcome=Outcome.UNKNOWN,
    )


def not_exact() -> RowgateError:
    """For what can't be prepared, or not now, and returned FLOATs: they are not handed on rounded."""
    return RowgateError(
        Reason.NOT_SUPPORTED,
        "the answer has numbers that the database tells exactly only of a prepared statement, which this can't be now",
        hint="cast a FLOAT, or a DOUBLE with fixed decimals, to DOUBLE",
        outcome=Outcome.UNKNOWN,
    )
