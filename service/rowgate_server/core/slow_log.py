"""One line for each statement that takes long: its shape, and whose it is; never a value."""

from __future__ import annotations

import math
from functools import partial
from hashlib import blake2b

from rowgate_server.core.sqltext import shape
from rowgate_server.engines.database import Database
from rowgate_server.observability.callers import current_caller
from rowgate_server.observability.logging import get_logger
from rowgate_server.observability.statements import Slow

_log = get_logger("rowgate.slow")

_FINGERPRINT = 8  # bytes


def watch_statements(database: Database, slow_after: float) -> None:
    """Log the statements of a database, with its login, that take so many seconds; 0: none, from now on."""
    statements = database.statements
    statements.slow_after = slow_after or math.inf
    statements.slow = partial(_tell, database)


def _tell(database: Database, slow: Slow) -> None:
    caller = current_caller.get()
    statement = shape.fingerprint("?".join(slow.fragments), database.dialect)
    _log.warning(
        "slow statement",
        database=database.name,
        **({"login": database.login} if database.login else {}),
        operation=slow.operation,
        ms=round(slow.seconds * 1000, 2),
        rows=slow.rows,
        fingerprint=blake2b(statement.encode(), digest_size=_FINGERPRINT).hexdigest(),
        statement=statement,
        query_id=slow.query_id,
        **({} if caller is None else _whose(caller.rpc, caller.identity, caller.peer, caller.tag)),
    )


def _whose(rpc: str, identity: str, peer: str, tag: str) -> dict[str, str]:
    told = {"method": rpc, "peer": peer, "principal": identity, "tag": tag[:128]}
    return {name: text for name, text in told.items() if text}
