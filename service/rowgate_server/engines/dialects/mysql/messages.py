"""Errors whose text came in another character set than the gateway reads.

The server converts an error's text to the session's `character_set_results`, which a statement may have set, and tells
nowhere which one that is. What that one has no letter for comes as a backslash and a number. But the server keeps the
text, and tells it again in the character set that it is asked for.
"""

from __future__ import annotations

from typing import Any

from asyncmy.errors import MySQLError

from rowgate_server.engines.dialects.mysql.errors import is_broken
from rowgate_server.engines.dialects.mysql.link import COM_QUERY, Link

_SHOW = (
    COM_QUERY + b"SET @rowgate_results=@@character_set_results,character_set_results=utf8mb4",
    COM_QUERY + b"SHOW ERRORS",
    COM_QUERY + b"SET character_set_results=@rowgate_results",
)


async def make_whole(link: Link, error: MySQLError) -> None:
    """Give the error of the link's last command the text that the server has of it.

    It keeps its own where the server has none: a statement may have set `max_error_count`, too.
    """
    arguments: tuple[Any, ...] = error.args
    number, text = (*arguments, "")[:2]
    # None comes where the characters are wide.
    if (text and text.isascii() and "\\" not in text) or is_broken(error):
        return
    try:
        kept = await _kept(link, number)
    except MySQLError:
        link.abort()  # its answers may be half read; what is known of the error stays as it is
        return
    if kept:
        error.args = (number, kept[-1])


async def _kept(link: Link, number: int) -> list[str]:
    """The texts that the server has of errors with that number."""
    link.write(*_SHOW)
    await link.read_ok()
    link.next_answer()
    await link.connection._read_query_result()
    kept = [str(message) for _, code, message in link.connection._result.rows if code == number]
    await link.read_ok()
    return kept
