"""Which tables a place of a statement sees: those of its own query and of the queries around it, and the CTEs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rowgate_server.core.completion.groups import Group, Member, grouped, path_to, word
from rowgate_server.core.completion.outputs import alias_of, items_of
from rowgate_server.core.completion.parts import Part, part_at
from rowgate_server.core.completion.records import Token
from rowgate_server.core.completion.sources import Reader, Source
from rowgate_server.engines.dialects import Dialect

_WITH_A_TARGET = frozenset({"INSERT", "UPDATE", "DELETE", "MERGE", "ALTER", "CREATE"})
_AFTER_THE_LIST = frozenset({"ORDER", "GROUP", "HAVING"})


@dataclass(frozen=True, slots=True)
class Level:
    """One of the parentheses around a place: its part there, and how many of its members stand before that."""

    group: Group
    part: Part
    before: int
    sources: Sequence[Source] = ()
    target: Source | None = None

    @property
    def last(self) -> Member | None:
        """The member before the place."""
        return self.group.members[self.before - 1] if self.before else None

    def word(self, back: int = 1) -> str:
        """The word so far before the place; empty where there is none."""
        return word(self.group.members[self.before - back]) if self.before >= back else ""

    @property
    def lists_tables(self) -> bool:
        """Whether these are parentheses around joins."""
        return "joined" in self.group.made

    @property
    def clause(self) -> str:
        """The clause that the place is in."""
        return "FROM" if self.lists_tables else self.part.clause_before(self.before)


@dataclass(frozen=True, slots=True)
class Scope:
    """What is to be seen.

    Attributes:
        sources: what has columns, the nearest first.
        ctes: what a WITH names.
        target: what is inserted into, updated, altered.
        sides: before USING of a join, what it has on its left, and on its right.
        aliases: what the query's own columns are called, where they may be named.
    """

    sources: Sequence[Source] = ()
    ctes: Mapping[str, Source] = field(default_factory=dict)
    target: Source | None = None
    sides: tuple[Sequence[Source], Sequence[Source]] = ((), ())
    aliases: Sequence[str] = ()


def levels_at(
    tokens: Sequence[Token], end: int, cursor: int, dialect: Dialect
) -> tuple[list[Level], Mapping[str, Source]]:
    """The parentheses around a place, the whole statement first, and the CTEs."""
    root = grouped(tokens, end)
    reader = Reader(dialect, cursor, root)
    ctes: dict[str, Source] = {}
    levels: list[Level] = []
    for group, before in path_to(root, cursor):
        ctes = reader.ctes(group, ctes)
        part = part_at(reader.parts(group), before)
        level = Level(group, part, before)
        sources = reader.joined(group, ctes) if level.lists_tables else reader.sources(group, part, ctes)
        target = sources[0] if sources and part.verb in _WITH_A_TARGET else None
        if part.verb in ("CONFLICT", "RETURNING"):
            target = reader.target(group, ctes)
            sources = _beside(target, part, group.members)
        levels.append(replace(level, sources=sources, target=target))
    return levels, ctes


def scope_of(levels: Sequence[Level], ctes: Mapping[str, Source]) -> Scope:
    """What is to be seen from the last one of them."""
    sources: list[Source] = []
    apart = False
    for level in reversed(levels):
        if not apart:
            sources += level.sources
        # A WITH's query, and one behind FROM, sees nothing of what stands beside it.
        apart = bool(level.group.made.get("apart"))
    inner = levels[-1]
    return Scope(
        sources=sources,
        ctes=ctes,
        target=next((level.target for level in reversed(levels) if level.target is not None), None),
        sides=_sides(levels[-2]) if len(levels) > 1 else ((), ()),
        aliases=_aliases(inner) if inner.clause in _AFTER_THE_LIST else (),
    )


def _beside(target: Source | None, part: Part, members: Sequence[Member]) -> tuple[Source, ...]:
    """What the end of an INSERT sees; behind ON CONFLICT what would have been inserted, too."""
    if target is None:
        return ()
    conflict = part.verb == "CONFLICT" and len(members) > part.start + 1 and word(members[part.start + 1]) == "CONFLICT"
    return (target, replace(target, name="excluded")) if conflict else (target,)


def _sides(level: Level) -> tuple[Sequence[Source], Sequence[Source]]:
    before = [source for source in level.sources if source.ends < level.before]
    return before[:-1], before[-1:]


def _aliases(level: Level) -> list[str]:
    names = map(alias_of, items_of(level.group.members, level.part))
    return [name for name in names if name is not None]
