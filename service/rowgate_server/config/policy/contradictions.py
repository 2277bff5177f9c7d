"""Rules of one role that contradict each other: one gives whole what another gives only in part.

Rules add to one another, so the one that gives less would have no effect, and whoever wrote it would believe in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rowgate_server.core.policy.names import ANY, matches
from rowgate_server.core.policy.records import Rule


def contradictions(rules: Sequence[Rule]) -> Iterator[tuple[int, int, str]]:
    """The one that has no effect, the one that gives more, and what it gives."""
    for less, narrow in enumerate(rules):
        for more, wide in enumerate(rules):
            if less != more and narrow.tables and wide.tables and _covers(wide, narrow):
                if narrow.rows is not None and wide.rows is None and _same_columns(wide, narrow):
                    yield less, more, "every row"
                elif narrow.masks and wide.rows is None and not set(narrow.masks) <= set(wide.masks):
                    yield less, more, "masked columns as they are"


def _covers(wide: Rule, narrow: Rule) -> bool:
    """Whether one is about everything that another is about."""
    return (
        narrow.operations <= wide.operations
        and _within(narrow.databases, wide.databases)
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
