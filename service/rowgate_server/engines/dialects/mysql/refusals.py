"""What is told of statements that have run, and are not taken for done."""

from __future__ import annotations

from rowgate_server.errors import Outcome, Reason, RowgateError

_MOST_COLUMNS = 65_535
NONE_LEFT = "1461"
"""max_prepared_stmt_count is reached."""


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


def none_left() -> RowgateError:
    """For what the server has no room to prepare."""
    return RowgateError(
        Reason.DATABASE_UNAVAILABLE,
        "the database has no room for another prepared statement, which this needs for its numbers to be exact",
        retry_after=1.0,
        hint="raise max_prepared_stmt_count, or look who keeps so many: Prepared_stmt_count",
        outcome=Outcome.NOT_RUN,
        vendor_code=NONE_LEFT,
    )


def too_many_columns() -> RowgateError:
    """For what was prepared; the connection is of no use any more."""
    return RowgateError(
        Reason.INVALID_SQL,
        f"the statement returns more than {_MOST_COLUMNS} columns",
        field="sql",
        limit=f"{_MOST_COLUMNS} columns",
        outcome=Outcome.NOT_RUN,
    )


def left_open(outcome: Outcome) -> RowgateError:
    """For a statement by itself; unknown: tables without transactions keep what they were given."""
    undone = outcome is Outcome.ROLLED_BACK
    return RowgateError(
        Reason.INVALID_REQUEST,
        "the statement began a transaction and left it open, so what it changed there was rolled back"
        + ("" if undone else ", but for tables whose storage engine has no transactions"),
        outcome=outcome,
        hint="commit where it is begun, or call it by Transact",
    )
