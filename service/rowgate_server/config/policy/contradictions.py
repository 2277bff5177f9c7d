"""Rules of one role that contradict each other: one gives whole what another gives only in part.

Rules add to one another, so the one that gives less would have no effect, and whoever wrote it would believe in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from rowgate_server.core.policy.names import ANY, Names, matches
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.records import Rule

_NONE = Names()
_SQL = frozenset({Operation.RAW_READ, Operation.RAW, Operation.DDL})
_READ = frozenset({Operation.READ})
_WRITE = frozenset({Operation.INSERT, Operation.UPDATE})


def contradictions(rules: Sequence[Rule]) -> Iterator[tuple[int, int, str]]:
    """The one that has no effect, the one that gives more, and what it gives."""
    for less, narrow in enumerate(rules):
        for more, wide in enumerate(rules):
            if less == more or (less < more and narrow == wide):
                continue
            given = "all" if narrow == wide else _undone(narrow, wide)
            if given:
                yield less, more, given


def undone_by_sql(
    rules: Sequence[Rule], databases: Iterable[str], logins: Collection[str]
) -> Iterator[tuple[int, int, str]]:
    """The rule whose filter, mask or `except` SQL gets around, the one that allows SQL, and the database.

    A rule that writes too keeps its filter, which holds for that. Where the role has a login, that may do no more.
    """
    for database in databases:
        by_sql = [number for number, rule in enumerate(rules) if rule.operations & _SQL and _is_about(rule, database)]
        for number, rule in enumerate(rules):
            reads = rule.operations == _READ and (rule.rows is not None or bool(rule.read.inverted and rule.read.names))
            if by_sql and database not in logins and _is_about(rule, database) and (reads or rule.masks):
                yield number, by_sql[0], database


def _is_about(rule: Rule, database: str) -> bool:
    return any(matches(pattern, database) for pattern in rule.databases)


def _undone(narrow: Rule, wide: Rule) -> str:
    """What one gives of what the other keeps back; "" for nothing."""
    if not (narrow.tables and wide.tables and _covers(wide, narrow)):
        return ""
    if narrow.operations <= wide.operations and wide.rows is None:
        if narrow.rows is not None and _same_columns(wide, narrow):
            return "every row"
        if narrow.masks and not set(narrow.masks) <= set(wide.masks):
            return "masked columns as they are"
    common = narrow.operations & wide.operations
    for operations, less, more in ((_READ, narrow.read, wide.read), (_WRITE, narrow.write, wide.write)):
        left_out = less.complement().intersection(more) if less.inverted and common & operations else _NONE
        # Of other rows only those columns show that both give.
        all_of_it = wide.rows is None and less.intersection(more.complement()) == _NONE
        if left_out != _NONE and (wide.rows == narrow.rows or all_of_it):
            return "columns that are left out"
    return ""


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether one is about all tables that another is about."""
    return (
        _within(narrow.databases, wide.databases)
        and _within(narrow.tables, wide.tables)
        and (narrow.schema == wide.schema or bool(wide.schema and matches(wide.schema, narrow.schema)))
    )


def _within(few: Sequence[str], many: Sequence[str]) -> bool:
    return all(any(one in (name, ANY) or (ANY not in name and matches(one, name)) for one in many) for name in few)


def _same_columns(wide: Rule, narrow: Rule) -> bool:
    """Whether it gives the columns too: a rule for fewer columns of all rows is no contradiction."""
    return all(
        narrow_names.intersection(wide_names.complement()) == type(narrow_names)()
        for narrow_names, wide_names in ((narrow.read, wide.read), (narrow.write, wide.write))
    )
