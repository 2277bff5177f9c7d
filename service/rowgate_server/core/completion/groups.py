"""A statement as a tree of parentheses, finished or not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from rowgate_server.core.completion.records import Kind, Token

_MOST_DEPTH = 50
_BEGIN_QUERIES = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "INSERT", "UPDATE", "DELETE"})
_END_ARGUMENTS = frozenset({
    *("FROM", "WHERE", "GROUP", "ORDER", "HAVING", "LIMIT", "UNION", "INTERSECT", "EXCEPT"),
    *("SET", "VALUES", "RETURNING", "SELECT"),
})  # fmt: skip
_WITH_A_FROM = frozenset({"EXTRACT", "SUBSTRING", "TRIM", "OVERLAY"})
"""Functions with a FROM among their arguments."""


@dataclass(slots=True, eq=False)
class Group:
    """What stands between two parentheses, or the whole statement: tokens, and groups where those stand.

    `made` is for whoever makes something of it: it is made once, however often it is looked at.
    """

    start: int
    end: int
    members: list[Member] = field(default_factory=list)
    function: str = ""
    closed: bool = True
    made: dict[str, Any] = field(default_factory=dict)

    @property
    def is_query(self) -> bool:
        """Whether it begins like one, in whatever parentheses."""
        first = self.members[0] if self.members else None
        return first.is_query if isinstance(first, Group) else is_keyword(first) and word(first) in _BEGIN_QUERIES


Member: TypeAlias = Token | Group


def word(member: Member | None) -> str:
    """A word in capitals, be it one of SQL's or a name without quotes; empty for all else."""
    if not isinstance(member, Token) or member.quoted or member.kind not in (Kind.NAME, Kind.KEYWORD):
        return ""
    return member.text.upper()


def is_keyword(member: Member | None) -> bool:
    """Whether it is one of the words that tell where one is."""
    return isinstance(member, Token) and member.kind is Kind.KEYWORD


def is_name(member: Member | None) -> bool:
    """Whether it is a name."""
    return isinstance(member, Token) and member.kind is Kind.NAME


def is_operator(member: Member | None, text: str) -> bool:
    """Whether it is this operator."""
    return isinstance(member, Token) and member.kind is Kind.OPERATOR and member.text == text


def begins_before(member: Member, cursor: int) -> bool:
    """Whether it begins before the cursor."""
    return (member.start if isinstance(member, Token) else member.start - 1) < cursor


def grouped(tokens: Sequence[Token], end: int) -> Group:
    """The tree. Parentheses that are not closed run to the end, or to what can't be an argument any more."""
    root = Group(tokens[0].start if tokens else 0, end)
    stack, open_ones = [root], _unclosed(tokens)
    for at, token in enumerate(tokens):
        while len(stack) > 1 and _ends(stack[-1], token):
            stack.pop().end = token.start
        if is_operator(token, "(") and len(stack) < _MOST_DEPTH:
            before = tokens[at - 1] if at else None
            function = word(before) if is_name(before) else ""
            group = Group(token.end, end, function=function, closed=at not in open_ones)
            stack[-1].members.append(group)
            stack.append(group)
        elif is_operator(token, ")") and len(stack) > 1 and stack[-1].closed:
            stack.pop().end = token.start
        else:
            stack[-1].members.append(token)
    return root


def path_to(root: Group, cursor: int) -> list[tuple[Group, int]]:
    """The groups around a place, the outermost first, each with how many of its members begin before that.

    Of those around others, the member that the next one is counts as being there.
    """
    path: list[tuple[Group, int]] = []
    group: Group | None = root
    while group is not None:
        before = sum(begins_before(member, cursor) for member in group.members)
        path.append((group, before))
        last = group.members[before - 1] if before else None
        group = last if isinstance(last, Group) and last.start <= cursor <= last.end else None
    return path


def _unclosed(tokens: Sequence[Token]) -> set[int]:
    found: list[int] = []
    for at, token in enumerate(tokens):
        if is_operator(token, "("):
            found.append(at)
        elif is_operator(token, ")") and found:
            found.pop()
    return set(found)


def _ends(group: Group, token: Token) -> bool:
    """Whether a group that nobody has closed ends before this: `select count( from orders`."""
    if group.closed or group.is_query or token.kind is not Kind.KEYWORD or token.text not in _END_ARGUMENTS:
        return False
    if token.text == "FROM" and group.function in _WITH_A_FROM:
        return any(is_keyword(member) and word(member) == "FROM" for member in group.members)
    return bool(group.members) or token.text not in _BEGIN_QUERIES
