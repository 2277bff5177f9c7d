"""What has columns: tables, subqueries, functions, what a WITH names; read from FROM and its like.

Nothing here parses SQL: it looks for what it knows at each level of parentheses, so that what is half written elsewhere
does no harm. Each group is looked at once, so it takes time in proportion to the text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from rowgate_server.core.completion.groups import Group, Member, is_keyword, is_name, is_operator, word
from rowgate_server.core.completion.outputs import items_of, name_of, named_in, starred
from rowgate_server.core.completion.parts import TABLES, Part, inserting, parts_of
from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.engines.dialects import Dialect

_BETWEEN = frozenset({"INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL", "LATERAL", "ONLY", "TABLE"})
_JOINS = frozenset({"JOIN", "STRAIGHT_JOIN"})
_NO_ALIAS = frozenset({"USE", "FORCE", "IGNORE", "PARTITION", "TABLESAMPLE", "INDEXED", "SET", "ADD", "RENAME"})


@dataclass(frozen=True, slots=True)
class Source:
    """Something that has columns.

    Attributes:
        name: how the statement calls it.
        path: the table's name, with its schema before it if it is written; empty for what is no table.
        columns: those of a subquery or CTE, as far as they are told.
        stars: the sources whose columns a `*` of it takes.
        renamed: what its first columns are called instead.
        ends: the member of its group that it ends before.
    """

    name: str
    path: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    stars: tuple[Source, ...] = ()
    renamed: tuple[str, ...] = ()
    ends: int = 0


Ctes = Mapping[str, Source]
"""By their names, whatever their case."""


class Reader:
    """Reads the sources of one statement.

    Args:
        dialect: whose it is.
        cursor: what a WITH names from there on is not seen yet.
        root: the statement.
    """

    def __init__(self, dialect: Dialect, cursor: int, root: Group) -> None:
        self._dialect = dialect
        self._cursor = cursor
        self._root = root

    def parts(self, group: Group) -> list[Part]:
        """The parts of a group."""
        return parts_of(group, outermost=group is self._root)

    def ctes(self, group: Group, known: Ctes) -> dict[str, Source]:
        """What is known and what a WITH of this group names; only that before the one that the cursor is in."""
        found = dict(known)
        for at, member in enumerate(group.members):
            if is_keyword(member) and word(member) == "WITH":
                self._read_ctes(group.members, at + 1, found)
        return found

    def sources(self, group: Group, part: Part, ctes: Ctes) -> tuple[Source, ...]:
        """What a part of a group takes rows from, or writes to."""
        key = f"sources {part.start}"
        if key not in group.made:
            group.made[key] = ()  # in case it is asked for within itself
            group.made[key] = tuple(self._sources(group.members, part, ctes))
        found: tuple[Source, ...] = group.made[key]
        return found

    def joined(self, group: Group, ctes: Ctes) -> Sequence[Source]:
        """Those of joins in parentheses: as if a FROM stood before them."""
        if "joined" not in group.made:
            members: list[Member] = [Token(Kind.KEYWORD, group.start, group.start, "FROM"), *group.members]
            part = Part("SELECT", -1, 0, len(members), [(0, "FROM")])
            found = self._sources(members, part, ctes)
            group.made["joined"] = tuple(replace(source, ends=source.ends - 1) for source in found)
        told: tuple[Source, ...] = group.made["joined"]
        return told

    def target(self, group: Group, ctes: Ctes) -> Source | None:
        """What an INSERT of this group inserts into."""
        part = inserting(self.parts(group))
        return next(iter(self.sources(group, part, ctes)), None) if part is not None else None

    def _read_ctes(self, members: Sequence[Member], at: int, found: dict[str, Source]) -> None:
        recursive = at < len(members) and word(members[at]) == "RECURSIVE"
        at += recursive
        while at < len(members) and is_name(name := members[at]) and isinstance(name, Token):
            at += 1
            renamed: tuple[str, ...] = ()
            if at < len(members) and isinstance(listed := members[at], Group):
                renamed, at = named_in(listed), at + 1
            while at < len(members) and word(members[at]) in ("AS", "NOT", "MATERIALIZED"):
                at += 1
            if at >= len(members) or not isinstance(body := members[at], Group):
                return
            within = body.start <= self._cursor <= body.end
            body.made["apart"] = True
            if not within or recursive:
                found[name.text.casefold()] = self._derived(name.text, body, found, renamed)
            at += 1
            if within or at >= len(members) or not is_operator(members[at], ","):
                return
            at += 1

    def _derived(self, name: str, body: Group, ctes: Ctes, renamed: tuple[str, ...] = ()) -> Source:
        """A query as a source."""
        if "derived" not in body.made:
            body.made["derived"] = Source("")  # in case it is asked for within itself
            body.made["derived"] = self._outputs(body, ctes)
        found: Source = body.made["derived"]
        return replace(found, name=name, renamed=renamed)

    def _outputs(self, body: Group, ctes: Ctes) -> Source:
        if body.members and isinstance(first := body.members[0], Group):
            return self._derived("", first, ctes)
        inner = self.ctes(body, ctes)
        parts = self.parts(body)
        returning = next((part for part in reversed(parts) if part.verb == "RETURNING"), None)
        part = returning or next((part for part in parts if part.verb), parts[0])
        if part.verb == "VALUES":
            return Source("", columns=self._of_values(body.members[part.start : part.stop]))
        sources = self.sources(body, part, inner)
        if part.verb == "INSERT":
            return Source("")
        if part.verb == "RETURNING":
            target = self.target(body, inner)
            sources = () if target is None else (target,)
        if part.verb == "" and self._is_table(body):
            return Source("", stars=tuple(sources))
        columns: list[str] = []
        starred_names: dict[str, None] = {}
        for item in items_of(body.members, part):
            qualifier = starred(item)
            if qualifier is not None:
                starred_names[qualifier] = None
            elif (output := name_of(item, self._dialect)) is not None:
                columns.append(output)
        stars = [each for each in sources if "" in starred_names or each.name.casefold() in starred_names]
        return Source("", columns=tuple(columns), stars=tuple(stars))

    @staticmethod
    def _is_table(body: Group) -> bool:
        return bool(body.members) and word(body.members[0]) == "TABLE"

    def _of_values(self, members: Sequence[Member]) -> tuple[str, ...]:
        row = next((member for member in members if isinstance(member, Group)), None)
        if row is None or self._dialect is Dialect.MYSQL:
            return ()
        return tuple(f"column{n + 1}" for n in range(1 + sum(is_operator(each, ",") for each in row.members)))

    def _sources(self, members: Sequence[Member], part: Part, ctes: Ctes) -> list[Source]:
        begins = dict(part.clauses)
        clause, expecting = part.verb, False
        found: list[Source] = []
        at = part.start
        while at < part.stop:
            member = members[at]
            if at in begins:
                clause = begins[at]
                expecting = clause in TABLES
                at += 1
            elif expecting and word(member) == "IF" and at + 1 < part.stop and is_keyword(members[at + 1]):
                at += 2  # IF EXISTS
            elif is_keyword(member):
                told = word(member)
                expecting = clause in TABLES and (told in _JOINS or (expecting and told in _BETWEEN))
                at += 1
            elif is_operator(member, ","):
                expecting = clause in TABLES
                at += 1
            elif expecting:
                new, at = self._factor(members, at, ctes, is_target=clause in ("INTO", "ON", "TABLE"))
                found += [replace(source, ends=at) for source in new]
                expecting = False
            else:
                at += 1
        return found

    def _factor(
        self, members: Sequence[Member], at: int, ctes: Ctes, *, is_target: bool
    ) -> tuple[Sequence[Source], int]:
        """What stands at one place of FROM, and where it ends."""
        member = members[at]
        if isinstance(member, Group):
            return self._group(members, at, member, ctes)
        if not is_name(member):
            return (), at + 1
        path, at = _path(members, at)
        if not path:
            return (), at
        if at < len(members) and isinstance(members[at], Group) and not is_target:
            return self._called(members, at + 1, path[-1].text)
        names = tuple(token.text for token in path)
        alias, renamed, at = self._alias(members, at, is_target=is_target)
        cte = ctes.get(names[0].casefold()) if len(names) == 1 else None
        found = Source(names[-1], names) if cte is None else cte
        return (replace(found, name=alias or found.name, renamed=renamed or found.renamed),), at

    def _called(self, members: Sequence[Member], at: int, name: str) -> tuple[Sequence[Source], int]:
        """A function of rows; PostgreSQL calls its only column like the function, or by the alias."""
        if at + 1 < len(members) and word(members[at]) == "WITH" and word(members[at + 1]) == "ORDINALITY":
            at += 2
        alias, renamed, at = self._alias(members, at, is_target=False)
        return (Source(alias or name, columns=renamed or (alias or name,)),), at

    def _group(self, members: Sequence[Member], at: int, group: Group, ctes: Ctes) -> tuple[Sequence[Source], int]:
        alias, renamed, after = self._alias(members, at + 1, is_target=False)
        if group.is_query:
            group.made["apart"] = at == 0 or word(members[at - 1]) != "LATERAL"
            return ((self._derived(alias, group, ctes, renamed),) if alias else ()), after
        inner = self.joined(group, ctes)
        return ((Source(alias, stars=tuple(inner), renamed=renamed),) if alias else inner), after

    def _alias(self, members: Sequence[Member], at: int, *, is_target: bool) -> tuple[str, tuple[str, ...], int]:
        """An alias, what it calls the columns, and where it ends."""
        told = at < len(members) and word(members[at]) == "AS" and is_keyword(members[at])
        at += told
        name = members[at] if at < len(members) else None
        if not isinstance(name, Token) or not is_name(name):
            # PostgreSQL's `as (a int, b text)` of a function
            if told and isinstance(name, Group):
                return "", named_in(name), at + 1
            return "", (), at
        if not told and (word(name) in _NO_ALIAS or (is_target and not self._may_alias(members, at))):
            return "", (), at
        at += 1
        listed = members[at] if at < len(members) else None
        if isinstance(listed, Group) and not is_target:
            return name.text, named_in(listed), at + 1
        return name.text, (), at

    @staticmethod
    def _may_alias(members: Sequence[Member], at: int) -> bool:
        """`insert into orders o (`, `merge into orders o using`: what follows a target's alias."""
        following = members[at + 1] if at + 1 < len(members) else None
        return isinstance(following, Group) or is_keyword(following)


def _path(members: Sequence[Member], at: int) -> tuple[list[Token], int]:
    """The names with points between them; none if the last one is still to come."""
    first = members[at]
    path = [first] if isinstance(first, Token) else []
    at += 1
    while at < len(members) and is_operator(members[at], "."):
        following = members[at + 1] if at + 1 < len(members) else None
        if not isinstance(following, Token) or not is_name(following):
            return [], at + 1
        path.append(following)
        at += 2
    return path, at
