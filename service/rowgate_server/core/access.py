"""The switches of the configuration: what nobody may do, whatever the policy says (`core/policy`).

It is asked with names only, before anything is looked up: whether a database or a table exists is told to nobody who
may not use it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from rowgate_server.core.policy.needs import Operation
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.identity.principal import Principal

RAW_SQL = frozenset({Operation.RAW_READ, Operation.RAW})


class Access(Protocol):
    """Decides."""

    def check(self, principal: Principal, operation: Operation, database: str) -> None:
        """Whether that principal may do that in a database of that name, be there one or not.

        Raises:
            RowgateError: PERMISSION_DENIED.
        """


class Switches:
    """Allows everybody everything but what is switched off.

    Args:
        raw_sql: by database, whether callers may send SQL of their own.
    """

    def __init__(self, raw_sql: Mapping[str, bool]) -> None:
        self._raw_sql = raw_sql

    def check(self, principal: Principal, operation: Operation, database: str) -> None:
        """As `Access` says."""
        del principal
        if operation in RAW_SQL and not self._raw_sql.get(database, True):
            raise RowgateError(
                Reason.PERMISSION_DENIED,
                "SQL of the caller's own is switched off for this database",
                database=database,
                hint="TableService reads and writes its tables without SQL",
                outcome=Outcome.NOT_RUN,
            )
