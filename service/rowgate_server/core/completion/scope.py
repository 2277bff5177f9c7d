"""Which tables a place of a statement sees: those of its own query and of the queries around it, and the CTEs.

Nothing here parses SQL: it looks for FROM, JOIN, UPDATE, INTO and WITH at each level of parentheses, so that what is
half written elsewhere does no harm.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from rowgate_server.core.completion.records import Kind, Token

_BEGIN_TABLES = frozenset({"FROM", "JOIN", "UPDATE", "INTO", "TABLE", "USING"})
_JOINS = frozenset({"INNER", "LEFT", "RIGHT", "FULL", "OUTER", "CROSS", "NATURAL", "LATERAL", "ONLY", "STRAIGHT_JOIN"})
_BEFORE_BODY = ("AS", "NOT", "MATERIALIZED")
_MOST_DEPTH = 50


@dataclass(frozen=True, slots=True)
class Source:
    """Something that has columns.

    Attributes:
        name: how the statement calls it.
        path: the table's name, with its schema before it if it is written; empty for what is no table.
        columns: those of a subquery or CTE, as far as they are told.
        stars: the sources whose columns a `*` of it takes.
        aliased: it has another name than the table.
    """

    name: str
    path: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    stars: tuple[Source, ...] = ()
    aliased: bool = False


@dataclass(slots=True)
class Scope:
    """What is to be seen: the nearest first."""

    sources: list[Source] = field(default_factory=list)
    ctes: dict[str, Source] = field(default_factory=dict)


@dataclass(slots=True)
class Group:
    """What stands between two parentheses, or the whole statement: tokens, and groups where those stand."""

    start: int
    end: int
    members: list[Token | Group] = field(default_factory=list)


def grouped(tokens: Sequence[Token], end: int) -> Group:
    """The statement as a tree of parentheses; those that are not closed run to its end."""
    root = Group(tokens[0].start if tokens else 0, end)
    stack = [root]
    for token in tokens:
        if token.kind is Kind.OPERATOR and token.text == "(" and len(stack) < _MOST_DEPTH:
            group = Group(token.end, end)
            stack[-1].members.append(group)
            stack.append(group)
        elif token.kind is Kind.OPERATOR and token.text == ")" and len(stack) > 1:
            stack.pop().end = token.start
        else:
            stack[-1].members.append(token)
    return root


def scope_at(root: Group, cursor: int) -> tuple[Scope, Group]:
    """What is seen at a place, and the innermost group that it is in."""
    path = [root]
    while inner := next(
        (each for each in path[-1].members if isinstance(each, Group) and each.start <= cursor <= each.end), None
    ):
        path.append(inner)
    scope = Scope()
    for group in path:
        scope.ctes |= _ctes(group, scope.ctes, cursor)
    for group in reversed(path):
        scope.sources += _sources(group, scope.ctes, cursor)
    return scope, path[-1]


def _ctes(group: Group, known: dict[str, Source], cursor: int) -> dict[str, Source]:
    members = group.members
    if not members or not _is(members[0], "WITH"):
        return {}
    found: dict[str, Source] = {}
    at = 1
    while at < len(members):
        name = members[at]
        at += 1
        if not isinstance(name, Token) or name.kind is not Kind.NAME:
            if isinstance(name, Token) and name.text in ("RECURSIVE", ","):
                continue
            break
        columns: tuple[str, ...] = ()
        if at < len(members) and isinstance(listed := members[at], Group):
            columns = tuple(each.text for each in listed.members if isinstance(each, Token) and each.kind is Kind.NAME)
            at += 1
        while (
            at < len(members) and isinstance(word := members[at], Token) and word.text in ("AS", "NOT", "MATERIALIZED")
        ):
            at += 1
        if at < len(members) and isinstance(body := members[at], Group):
            at += 1
            within = body.start <= cursor <= body.end
            found[name.text.casefold()] = _derived(name.text, body, known | found, columns, cursor if within else -1)
    return found


def _derived(name: str, body: Group, ctes: dict[str, Source], columns: tuple[str, ...], cursor: int) -> Source:
    """A subquery as a source: the columns of its first SELECT."""
    inner = _ctes(body, ctes, cursor) | {}
    sources = tuple(_sources(body, ctes | inner, cursor))
    if columns:
        return Source(name, columns=columns)
    found: list[str] = []
    stars: list[Source] = []
    for item in _select_items(body):
        last = item[-1] if item else None
        if isinstance(last, Token) and last.text == "*":
            before = item[0] if len(item) > 1 and isinstance(item[0], Token) else None
            stars += [each for each in sources if before is None or each.name.casefold() == before.text.casefold()]
        elif isinstance(last, Token) and last.kind is Kind.NAME:
            found.append(last.text)
    return Source(name, columns=tuple(found), stars=tuple(stars))


def _select_items(body: Group) -> list[list[Token | Group]]:
    items: list[list[Token | Group]] = []
    for member in body.members:
        if _is(member, "SELECT") and not items:
            items.append([])
        elif items and isinstance(member, Token) and member.kind is Kind.KEYWORD and member.text in ("FROM", "UNION"):
            break
        elif items and isinstance(member, Token) and member.text == ",":
            items.append([])
        elif items and not _is(member, "DISTINCT"):
            items[-1].append(member)
    return items


def _sources(group: Group, ctes: dict[str, Source], cursor: int) -> list[Source]:
    """The tables of the query at this level. One that is just being written is none."""
    found: list[Source] = []
    members = group.members
    at, taking, word = 0, False, ""
    while at < len(members):
        member = members[at]
        at += 1
        if isinstance(member, Token) and member.kind is Kind.KEYWORD:
            taking = member.text in _BEGIN_TABLES or (taking and member.text in _JOINS)
            word = word if member.text == "AS" else member.text
        elif isinstance(member, Token) and member.text == ",":
            # It separates tables if the last keyword before it begins a list of them.
            taking = taking or word in ("FROM", "UPDATE")
        elif taking:
            source, at = _source(members, at - 1, ctes, cursor)
            taking = False
            if source is not None:
                found.append(source)
    return found


def _source(
    members: Sequence[Token | Group], at: int, ctes: dict[str, Source], cursor: int
) -> tuple[Source | None, int]:
    member = members[at]
    at += 1
    if isinstance(member, Group):
        alias, at = _alias(members, at)
        return (_derived(alias, member, ctes, (), cursor) if alias else None), at
    if member.kind is not Kind.NAME:
        return None, at
    path = [member]
    while at < len(members) and _is_text(members[at], ".") and (following := _name_at(members, at + 1)) is not None:
        path.append(following)
        at += 2
    if at < len(members) and _is_text(members[at], "."):
        return None, at + 1  # its last name is still to come
    last = path[-1]
    alias, at = _alias(members, at)
    if not alias and last.start < cursor <= last.end:
        return None, at
    names = tuple(token.text for token in path)
    cte = ctes.get(names[0].casefold()) if len(names) == 1 else None
    if cte is not None:
        return Source(alias or cte.name, (), cte.columns, cte.stars, bool(alias)), at
    return Source(alias or names[-1], names, aliased=bool(alias)), at


def _alias(members: Sequence[Token | Group], at: int) -> tuple[str, int]:
    if at < len(members) and _is(members[at], "AS"):
        at += 1
    name = _name_at(members, at)
    return ("", at) if name is None else (name.text, at + 1)


def _is(member: Token | Group, keyword: str) -> bool:
    return isinstance(member, Token) and member.kind is Kind.KEYWORD and member.text == keyword


def _is_text(member: Token | Group, text: str) -> bool:
    return isinstance(member, Token) and member.kind is Kind.OPERATOR and member.text == text


def _name_at(members: Sequence[Token | Group], at: int) -> Token | None:
    member = members[at] if at < len(members) else None
    return member if isinstance(member, Token) and member.kind is Kind.NAME else None
