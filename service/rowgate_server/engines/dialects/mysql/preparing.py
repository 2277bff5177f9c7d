"""Statements that run prepared: the server is told of each, runs it once, and lets it go.

It has room for so many in all (`max_prepared_stmt_count`), and keeps each until its session is reset: a long
transaction would take them from everybody. The command that closes one has no answer, so it goes in the same write.
"""

from __future__ import annotations

import struct

from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects.mysql.binary import (
    COM_STMT_PREPARE,
    Answer,
    Prepared,
    TooManyColumnsError,
    execute_payload,
    read_answer,
    read_prepared,
)
from rowgate_server.engines.dialects.mysql.link import Link
from rowgate_server.engines.dialects.mysql.refusals import NONE_LEFT, none_left, too_many_columns

_COM_STMT_CLOSE = b"\x19"
_NOT_PREPARED = (1295,)
"""Not supported by the prepared statement protocol."""


async def prepare(link: Link, before: list[bytes], sql: bytes) -> Prepared | None:
    """What the server says of the statement without running it; None where it can't be prepared.

    Raises:
        RowgateError: DATABASE_UNAVAILABLE where there is no room for another one.
    """
    link.write(*before, COM_STMT_PREPARE + sql)
    await link.read_before(len(before))
    link.next_answer()
    try:
        return await read_prepared(link.connection)
    except TooManyColumnsError:
        link.abort()
        raise too_many_columns() from None
    except MySQLError as error:
        if str(error.args[0]) == NONE_LEFT:
            raise none_left() from error
        if error.args[:1] != _NOT_PREPARED:
            raise
        return None


async def run_once(link: Link, prepared: Prepared) -> Answer:
    """Run it, and let it go behind that; the beginning of the answer."""
    link.write(execute_payload(prepared), _closing(prepared))
    link.next_answer()
    return await read_answer(link.connection)


def let_go(link: Link, prepared: Prepared) -> None:
    """Let go of one that is not run."""
    link.write(_closing(prepared))


def _closing(prepared: Prepared) -> bytes:
    return _COM_STMT_CLOSE + struct.pack("<I", prepared.statement_id)
