"""What the server's counts of a session tell: how a transaction has ended, and whether what reads has written.

A procedure may end the transaction that it is called in, and the answer to the CALL says only that there is none any
more: after a COMMIT, after a ROLLBACK (the usual thing to do in a handler), and after a deadlock that a handler has
taken note of, as that rolls back everything. The server counts what a session does since its reset.
"""

from __future__ import annotations

from rowgate_server.engines.dialects.mysql.link import Link

_COUNTED = "SHOW SESSION STATUS WHERE Variable_name IN ('Com_begin','Com_rollback','Handler_rollback')"
_WRITTEN = (
    "SHOW SESSION STATUS WHERE Variable_name IN ('Com_insert','Com_insert_select','Com_replace','Com_replace_select',"
    "'Com_update','Com_update_multi','Com_delete','Com_delete_multi') AND Value<>'0'"
)
_BEGUN, _ROLLED_BACK = "com_begin", {"com_rollback", "handler_rollback"}


async def was_committed(link: Link) -> bool:
    """Whether the transaction that is over was surely committed: nothing at all was rolled back since the reset.

    A statement that failed, in the procedure or before it, counts as a rollback too; then nobody knows. FLUSH STATUS
    forgets what was counted, and that a transaction was begun.
    """
    await link.connection.query(_COUNTED)
    counted = {str(name).lower(): str(count) for name, count in link.connection._result.rows}
    rolled_back = {counted.get(name) for name in _ROLLED_BACK}
    return rolled_back == {"0"} and counted.get(_BEGUN, "0") != "0"


async def has_written(link: Link) -> bool:
    """Whether what was run since the reset, and begins like what reads, has written all the same.

    A function may, and a table without transactions keeps it; where no other table takes part, no rollback is tried
    that would warn of it.
    """
    await link.connection.query(_WRITTEN)
    return bool(link.connection._result.rows)
