"""Raw SQL under a policy: allowed for a database as a whole, or not at all.

What tables a statement uses is not read from its text: no parser knows what a view, a function or a comment does. Its
first words tell reading, writing rows and the rest apart; what reads runs in a session that refuses writes, whatever
its words. The fence against the rest is the database's own: a login that may do no more.
"""

from __future__ import annotations

from rowgate_server.core.policy.access import Access, denied
from rowgate_server.core.policy.guard import check_whole
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.sqltext import ParsedStatement
from rowgate_server.core.sqltext.effects import READING, Effect, effect_of

_OF_ROWS = READING | {"INSERT", "UPDATE", "DELETE", "REPLACE", "MERGE"}

_OF_TABLES = frozenset({"CREATE", "ALTER", "DROP", "RENAME", "TRUNCATE"})


def only_reads(access: Access | None) -> bool:
    """Whether the caller's SQL must run where nothing can be written.

    Raises:
        RowgateError: PERMISSION_DENIED: it may run none.
    """
    if access is None or {Operation.RAW, Operation.DDL} & access.of_database:
        return False
    check_whole(access, Operation.RAW_READ)
    return True


def check_statement(access: Access | None, statement: ParsedStatement) -> None:
    """Refuse what its first words tell to be more than the caller may do; what only reads is not looked at here.

    Raises:
        RowgateError: PERMISSION_DENIED.
    """
    if access is None or {Operation.RAW, Operation.DDL} <= access.of_database:
        return
    rows = statement.keyword in _OF_ROWS and effect_of(statement) in (Effect.READS, Effect.WRITES)
    if statement.keyword in READING and rows:
        return
    if rows or statement.keyword in _OF_TABLES:
        check_whole(access, Operation.RAW if rows else Operation.DDL)
    elif Operation.DDL not in access.of_database:
        raise denied("run SQL here that does more than read and write rows")


def check_within(access: Access | None, *, transaction_reads: bool) -> None:
    """Refuse SQL of a caller's who may only read, in a transaction in which something could be written.

    Raises:
        RowgateError: PERMISSION_DENIED.
    """
    if only_reads(access) and not transaction_reads:
        error = denied("run SQL of its own in a transaction that writes")
        raise error.with_defaults(hint="begin the transaction read_only, where nothing can be written")
