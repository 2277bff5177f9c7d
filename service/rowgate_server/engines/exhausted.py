"""What is told of a connection that nobody got, though the database is there: all that there may be are in use."""

from __future__ import annotations

from rowgate_server.engines import descriptors
from rowgate_server.errors import Outcome, Reason, RowgateError


def connections(most: int, retry_after: float, limit: str) -> RowgateError:
    """The pool's are: it has so many; in so many seconds it may be otherwise."""
    return RowgateError(
        Reason.POOL_EXHAUSTED,
        f"all {most} connections are in use, and none came free in time",
        retry_after=retry_after,
        limit=limit,
        outcome=Outcome.NOT_RUN,
    )


def file_descriptors(error: Exception) -> RowgateError:
    """The process's are, which is nothing that the database, or its breaker, has to do with."""
    told = RowgateError(
        Reason.POOL_EXHAUSTED,
        "the gateway has no file descriptor left for a connection to the database",
        retry_after=1.0,
        limit=f"{descriptors.limit()} file descriptors",
        outcome=Outcome.NOT_RUN,
    )
    told.__cause__ = error
    return told
