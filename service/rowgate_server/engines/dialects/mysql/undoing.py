"""Rolling back what a statement has left open, and seeing what no rollback undoes."""

from __future__ import annotations

from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects.mysql.errors import LeftPreparedError, is_of_xa, is_prepared
from rowgate_server.engines.dialects.mysql.link import COM_QUERY, COM_RESET_CONNECTION, Link
from rowgate_server.engines.dialects.mysql.refusals import left_open
from rowgate_server.errors import Outcome

ROLLBACK = COM_QUERY + b"ROLLBACK"
_NOT_ROLLED_BACK = "1196"
"""Some non-transactional changed tables couldn't be rolled back."""


async def kept(link: Link) -> bool:
    """Whether the last command could not undo everything."""
    await link.connection.query("SHOW WARNINGS")
    return any(str(row[1]) == _NOT_ROLLED_BACK for row in link.connection._result.rows)


async def roll_back(link: Link) -> bool:
    """Roll back the transaction that a statement by itself left open; whether something of it may be kept.

    Raises:
        LeftPreparedError: it is one that only XA COMMIT and XA ROLLBACK end; the connection is of no use.
    """
    link.write(ROLLBACK)
    try:
        return bool(await link.read_ok()) and await kept(link)
    except MySQLError as error:
        await look_for_prepared(link, error)
        if not is_of_xa(error):
            raise
    # Its name is not known, so it is rolled back with all the rest of the session, which gives no warnings.
    link.write(COM_RESET_CONNECTION)
    await link.read_ok()
    return True


async def look_for_prepared(link: Link, error: MySQLError) -> None:
    """Where a command was refused because a distributed transaction is prepared, tell which.

    Raises:
        LeftPreparedError: that was why.
    """
    if is_prepared(error):
        raise LeftPreparedError(await _prepared_name(link)) from error


async def end_left_open(link: Link) -> Exception:
    """End the transaction that a statement by itself left open; the error that tells what became of it."""
    try:
        keeps = await roll_back(link)
    except MySQLError as error:
        return error
    return left_open(Outcome.UNKNOWN if keeps else Outcome.ROLLED_BACK)


async def _prepared_name(link: Link) -> str:
    """What the transaction is called that is prepared here; empty where others are too: whose is not told."""
    try:
        await link.connection.query("XA RECOVER FORMAT='SQL'")
    except MySQLError:  # MySQL has no such format
        return ""
    names = [str(row[3]) for row in link.connection._result.rows]
    return names[0] if len(names) == 1 else ""
