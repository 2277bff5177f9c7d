"""Commits: PostgreSQL answers one of a transaction in which a statement has failed with ROLLBACK, and with no error."""

from __future__ import annotations

from typing import Any

from rowgate_server.engines.refusals import rolled_back_instead

COMMIT = "COMMIT"


async def make_last(connection: Any) -> None:
    """Commit the transaction that an asyncpg connection is in.

    Raises:
        RowgateError: it was rolled back instead.
    """
    if await connection.execute(COMMIT) != COMMIT:
        raise rolled_back_instead()
