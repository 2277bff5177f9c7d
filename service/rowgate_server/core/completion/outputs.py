"""What a query calls its columns: the items behind SELECT and RETURNING, and lists of names."""

from __future__ import annotations

from collections.abc import Sequence

from rowgate_server.core.completion.groups import Group, Member, is_keyword, is_name, is_operator, word
from rowgate_server.core.completion.parts import Part
from rowgate_server.core.completion.records import Kind, Token
from rowgate_server.engines.dialects import Dialect

_MODIFIERS = frozenset({"DISTINCT", "ALL", "STRAIGHT_JOIN"})
_LISTS = frozenset({"SELECT", "RETURNING"})


def items_of(members: Sequence[Member], part: Part) -> list[list[Member]]:
    """The items of a part's list, one after the other."""
    begins = dict(part.clauses)
    if part.verb == "RETURNING":
        begins[part.start] = "RETURNING"
    items: list[list[Member]] = []
    listing = False
    for at in range(part.start, part.stop):
        member = members[at]
        if at in begins:
            listing = begins[at] in _LISTS
            if listing:
                items.append([])
        elif listing and is_keyword(member) and word(member) == "INTO":
            listing = False
        elif listing and is_operator(member, ","):
            items.append([])
        elif listing and not (not items[-1] and is_keyword(member) and word(member) in _MODIFIERS):
            items[-1].append(member)
    return items


def starred(item: Sequence[Member]) -> str | None:
    """The qualifier before a `*`, empty where it has none; None where the item is no such thing."""
    match item:
        case [star] if is_operator(star, "*"):
            return ""
        case [*_, Token() as name, dot, star] if is_operator(dot, ".") and is_operator(star, "*"):
            return name.text.casefold()
    return None


def name_of(item: Sequence[Member], dialect: Dialect) -> str | None:
    """What the database calls the item's column, where it takes no guess."""
    item = _uncast(item)
    last = item[-1] if item else None
    before = item[-2] if len(item) > 1 else None
    if isinstance(last, Group):
        # PostgreSQL calls it after the function.
        called = dialect is Dialect.POSTGRESQL and item[:-1] == [before] and is_name(before)
        return before.text.lower() if called and isinstance(before, Token) else None
    if not isinstance(last, Token) or last.kind is not Kind.NAME:
        return None
    return None if isinstance(before, Token) and before.kind is Kind.OPERATOR and before.text != "." else last.text


def _uncast(item: Sequence[Member]) -> Sequence[Member]:
    """What is cast: `a` of `a::int` and `a::numeric(10, 2)`."""
    back = 3 if item and isinstance(item[-1], Group) else 2
    if len(item) <= back or not is_operator(item[-back], "::"):
        return item
    return item[: next(at for at, member in enumerate(item) if is_operator(member, "::"))]


def alias_of(item: Sequence[Member]) -> str | None:
    """The name that an item is given, where it is given one."""
    match item:
        case [*_, before, Token() as name] if is_name(name):
            return None if isinstance(before, Token) and before.kind is Kind.OPERATOR else name.text
    return None


def named_in(group: Group) -> tuple[str, ...]:
    """The first name of each item of a list: `(a, b)`, `(a int, b text)`."""
    names: list[str] = []
    begins = True
    for member in group.members:
        if begins and isinstance(member, Token) and is_name(member):
            names.append(member.text)
        begins = is_operator(member, ",")
    return tuple(names)
