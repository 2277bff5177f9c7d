"""Rules name columns before anybody knows whether there are such columns: here they are held against a table's own.

A name that is not there must not pass for a column that is hidden: it may be mistyped, or the column renamed, and then
what was to be hidden would show.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from types import MappingProxyType

from rowgate_server.core.policy.access import Grant, TableAccess
from rowgate_server.core.policy.names import Names, folded
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.logging import get_logger

_log = get_logger("rowgate.policy")


class MisfitError(RowgateError):
    """The rules do not fit the table as it was read: nothing is shown of it."""


def fitted(access: TableAccess, columns: Iterable[str], database: str, table: str) -> TableAccess:
    """What may be done with a table, in the names that its columns have.

    A column that a rule about this very table names must be there. A rule about several tables, by `*`, may name what
    only some of them have, but nothing that differs from a column by its case alone.

    Raises:
        MisfitError: PERMISSION_DENIED, and the log says why.
    """
    if access.unlimited:
        return access
    spelt: dict[str, set[str]] = {}
    alike = set()
    for column in columns:
        spelt.setdefault(folded(column, access.dialect), set()).add(column)
        alike.add(column.lower())
    wrong = {name for name in access.named if name not in spelt}
    wrong |= {name for name in access.mentioned if name not in spelt and name.lower() in alike}
    if wrong:
        _log.error(
            "policy names columns that are not there", database=database, table=table, columns=", ".join(sorted(wrong))
        )
        raise MisfitError(
            Reason.PERMISSION_DENIED, "the policy does not let the caller do this", outcome=Outcome.NOT_RUN
        )

    def own(names: Names) -> Names:
        return Names(frozenset(column for name in names.names for column in spelt.get(name, ())), names.inverted)

    grants = {
        operation: Grant(
            own(grant.columns),
            grant.rows,
            {column: mask for name, mask in grant.masks.items() for column in spelt.get(name, ())},
        )
        for operation, grant in access.grants.items()
    }
    return replace(access, grants=MappingProxyType(grants), shown=own(access.shown))
