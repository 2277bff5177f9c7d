"""The parts of a statement that each see other tables, and the clauses of each.

`insert into a (x) select y from b on conflict (x) do update set x = 1` has three: only the second one sees b.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rowgate_server.core.completion.groups import Group, Member, is_keyword, word

_SET_OPERATIONS = frozenset({"UNION", "INTERSECT", "EXCEPT"})
_CHANGING = frozenset({"INSERT", "UPDATE", "DELETE"})
_OTHERS = frozenset({
    *("CREATE", "ALTER", "DROP", "TRUNCATE", "GRANT", "REVOKE", "COMMENT", "ANALYZE", "VACUUM", "CALL", "SET"),
    *("DESCRIBE", "DESC", "LOCK", "OPTIMIZE", "REINDEX", "REFRESH"),
})  # fmt: skip
_CLAUSES = frozenset({
    *("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "WINDOW", "FETCH", "FOR", "SET", "VALUES", "RETURNING"),
    "SELECT",
})  # fmt: skip

TABLES = frozenset({"FROM", "INTO", "UPDATE", "USING", "TABLE", "ON"})
"""The clauses that list tables. ON is that of CREATE INDEX."""


@dataclass(slots=True)
class Part:
    """A part of a group.

    Attributes:
        verb: what begins it: SELECT, VALUES, INSERT, UPDATE, DELETE, MERGE, CREATE, ALTER and so on; CONFLICT for what
            an INSERT does about one, RETURNING for what it returns; empty for anything else.
        opens: the member from which on one is in it; -1 for the first one.
        start: its first member.
        stop: the first one behind it.
        clauses: each clause and the member that begins it.
    """

    verb: str
    opens: int
    start: int
    stop: int = 0
    clauses: list[tuple[int, str]] = field(default_factory=list)

    def clause_before(self, at: int) -> str:
        """The clause that is going on before a member; the verb where none has begun."""
        return next((clause for index, clause in reversed(self.clauses) if index < at), self.verb)

    def begins_clause(self, at: int) -> bool:
        """Whether that member begins a clause."""
        return any(index == at for index, _ in self.clauses)


def parts_of(group: Group, *, outermost: bool) -> list[Part]:
    """The parts of a group, in order; there is at least one."""
    found: list[Part] | None = group.made.get("parts")
    if found is None:
        found = list(_cut(group.members))
        for part, following in zip(found, [*found[1:], None], strict=True):
            part.stop = len(group.members) if following is None else max(following.opens, 0)
            part.clauses = list(_clauses(group.members, part, outermost=outermost))
        group.made["parts"] = found
    return found


def part_at(parts: list[Part], before: int) -> Part:
    """The part in which one is behind so many members."""
    return next((part for part in reversed(parts) if part.opens < before), parts[0])


def inserting(parts: list[Part]) -> Part | None:
    """The part that names what an INSERT inserts into."""
    return next((part for part in parts if part.verb == "INSERT"), None)


def _cut(members: list[Member]) -> Iterator[Part]:
    part, inserts = Part("", -1, 0), False
    for at, member in enumerate(members):
        told = word(member)
        if not told:
            continue
        following = word(members[at + 1]) if at + 1 < len(members) else ""
        if is_keyword(member) and told in _SET_OPERATIONS:
            yield part
            part = Part("", at, at + 1)
            continue
        verb = _verb(told, following, part.verb, inserts=inserts)
        if not verb or (verb in _OTHERS and at != part.start):
            continue
        if part.verb:
            yield part
            part = Part(verb, at, at)
        else:
            part.verb = verb
        inserts = inserts or verb == "INSERT"
    yield part


def _verb(told: str, following: str, current: str, *, inserts: bool) -> str:
    """The verb of the part that a word begins; empty if it begins none."""
    if current in ("GRANT", "REVOKE"):
        return ""
    if inserts and told == "ON" and following in ("CONFLICT", "DUPLICATE"):
        return "CONFLICT"
    if told == "SELECT" or (told == "VALUES" and current in ("", "INSERT")) or (told == "RETURNING" and inserts):
        return told
    if not current and following == "INTO" and told in ("REPLACE", "MERGE"):
        return "INSERT" if told == "REPLACE" else told
    return told if not current and (told in _CHANGING or told in _OTHERS) else ""


def _clauses(members: list[Member], part: Part, *, outermost: bool) -> Iterator[tuple[int, str]]:
    updated = False
    for at in range(part.start, part.stop):
        member = members[at]
        if not is_keyword(member):
            continue
        told = word(member)
        if told in _CLAUSES:
            # SET of a session, and VALUES(a) behind ON DUPLICATE KEY UPDATE
            if (told, part.verb) not in (("SET", "SET"), ("VALUES", "CONFLICT")):
                yield at, told
        elif told == "UPDATE" and part.verb == told and not updated:
            updated = True
            yield at, told
        elif told == "FROM":
            # `a is not distinct from b`; and `extract(day from a)`, which is no query.
            before = tuple(map(word, members[max(0, at - 2) : at]))
            if before not in (("IS", "DISTINCT"), ("NOT", "DISTINCT")) and (part.verb or outermost):
                yield at, told
        elif (
            (told == "INTO" and part.verb in ("INSERT", "MERGE"))
            or (told == "USING" and part.verb in ("DELETE", "MERGE"))
            or (told == "TABLE" and part.verb in ("", "ALTER", "TRUNCATE", "LOCK"))
            or (told == "ON" and part.verb == "CREATE")
        ):
            yield at, told
