"""What of a configuration can be exchanged while the server runs, and what is read at its start only."""

from __future__ import annotations

from collections.abc import Iterator

from rowgate_server.config.database import Database
from rowgate_server.config.fields import Path, Section
from rowgate_server.config.settings import Settings

_EXCHANGED: frozenset[Path] = frozenset(
    {
        ("databases",),
        ("default_database",),
        ("auth",),
        ("policy", "path"),
        ("policy", "interval"),
        ("admin",),
        ("log", "level"),
        ("log", "slow_statements"),
        ("server", "replicas"),
    }
)
"""What is taken anew, with all that is below it."""

_OF_STATEMENTS = frozenset({"limits", "tables", "catalog", "transactions"})
"""Sections of a database that its connections know nothing of, but for the limits that their servers are told."""


def fixed(before: Settings, after: Settings) -> list[str]:
    """The settings, by their dotted keys, that differ and cannot while the server runs."""
    return [".".join(path) for path in _different((), before, after)]


def same_connections(before: Database | None, after: Database) -> bool:
    """Whether the connections to a database can stay, whatever else is said of it."""
    if before is None or (after.several and before.limits.read_only != after.limits.read_only):
        return False  # a database that is only read has other servers that it may ask
    if (before.longest_statement, before.longest_idle) != (after.longest_statement, after.longest_idle):
        return False  # every session has limits of the server's own, which stand behind these
    return all(
        getattr(before, name) == getattr(after, name) for name in type(after).model_fields if name not in _OF_STATEMENTS
    )


def _different(path: Path, before: Section, after: Section) -> Iterator[Path]:
    for name in type(after).model_fields:
        inner = (*path, name)
        old, new = getattr(before, name), getattr(after, name)
        if inner in _EXCHANGED or old == new:
            continue
        if isinstance(old, Section) and isinstance(new, Section):
            yield from _different(inner, old, new)
        else:
            yield inner
