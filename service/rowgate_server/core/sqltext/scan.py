"""One pass over SQL text: where its one statement ends, and where its placeholders are."""

from __future__ import annotations

import re
from typing import NamedTuple

from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Reason, RowgateError

from .lexer import Lexer, Matcher

MAX_PLACEHOLDERS = 65_535
"""The most that any of the databases takes."""

_COMMENT_EDGE = re.compile(r"(/\*)|\*/")
_MARKS = frozenset({"named", "question", "doubled"})
_LISTS = frozenset({"list", "group"})
_UNCLOSED = {
    "'": "string literal",
    "E": "string literal",
    "e": "string literal",
    "$": "dollar-quoted string",
    '"': "double-quoted text",
    "`": "quoted name",
    "[": "quoted name",
    "/": "comment",
}


class Mark(NamedTuple):
    """A placeholder (`named`, `question`), or `??` for the operator `?` (`doubled`)."""

    kind: str
    start: int
    stop: int
    behind: str = ""  # `list` behind IN, `group` behind IN and a parenthesis


class Scan(NamedTuple):
    """What a pass found."""

    keyword: str
    end: int  # of the statement, where semicolons and more came after it
    marks: list[Mark]


def scan(sql: str, lexer: Lexer) -> Scan:
    """Find the end of the one statement in the text, and its placeholders.

    Raises:
        RowgateError: INVALID_SQL for text that holds no statement, something not closed or an executable comment;
            MULTIPLE_STATEMENTS; INVALID_PARAMETER for a placeholder of the database's own.
    """
    start, keyword = _beginning(sql, lexer)
    # A routine's body has semicolons of its own. What comes after BEGIN is taken for one statement, whatever it
    # is: no driver is allowed to run several, so the database refuses what is more than that.
    if keyword in {"CREATE", "ALTER"} and (head := lexer.routine_head.match(sql, start)):
        end, marks = _walk(sql, head.end(), lexer.body if head["package"] else lexer.routine, lexer)
    elif block := lexer.block_head.match(sql, start):
        end, marks = _walk(sql, block.end(), lexer.body, lexer)
    else:
        end, marks = _walk(sql, start, lexer.statement, lexer)
    return Scan(keyword, end, marks)


def position(sql: str, index: int) -> str:
    """`line:column` of a character, both from 1."""
    return f"{sql.count(chr(10), 0, index) + 1}:{index - sql.rfind(chr(10), 0, index)}"


def span_end(sql: str, start: int, stop: int) -> int | None:
    """Where a dollar quote or nested comment ends whose opening is at start..stop; None: nowhere."""
    if sql[start] == "$":
        closing = sql.find(sql[start:stop], stop)
        return None if closing < 0 else closing + stop - start
    depth = 0
    for edge in _COMMENT_EDGE.finditer(sql, start):
        depth += 1 if edge.lastindex else -1
        if depth == 0:
            return edge.end()
    return None


def _walk(sql: str, at: int, match: Matcher, lexer: Lexer) -> tuple[int, list[Mark]]:
    """Go on from event to event; returns the end of the statement and its marks."""
    marks: list[Mark] = []
    behind, behind_at = "", -1
    routine = match is not lexer.statement
    while len(marks) <= MAX_PLACEHOLDERS:
        found = match(sql, at)
        kind, at = found.lastgroup, found.end()
        if kind is None:
            _check_stop(sql, at, lexer)
            return at, marks
        start = found.start(kind)
        if kind in _MARKS:
            marks.append(Mark(kind, start, at, behind if start == behind_at else ""))
        elif kind in _LISTS:
            behind, behind_at = kind, at
        elif kind == "end":
            _check_rest(sql, at, lexer)
            return start, marks
        elif kind == "span":
            at = _closing(sql, start, at)
        elif kind == "body":
            match = lexer.body
        elif not routine:  # in the head of one, `$1` is an argument
            raise _native(sql, start)
    raise _invalid_parameter(
        f"the SQL has more than {MAX_PLACEHOLDERS} placeholders", limit=f"{MAX_PLACEHOLDERS} placeholders"
    )


def _beginning(sql: str, lexer: Lexer) -> tuple[int, str]:
    """Where the first keyword is, and the keyword."""
    at = _skip(sql, 0, lexer.space, lexer)
    if _skip(sql, at, lexer.tail, lexer) == len(sql):
        empty = not sql.strip(" \t\n\r\f\v;")
        raise _invalid("the SQL is empty" if empty else "the SQL holds only comments")
    if sql[at] == ";":
        raise _invalid(f"the SQL begins with a semicolon at {position(sql, at)}")
    at = _skip(sql, at, lexer.opening, lexer)
    if word := lexer.keyword.match(sql, at):
        return at, word[0].upper()
    if sql.startswith("/*", at):  # whitespace and comments were skipped, so it is no plain comment
        _check_stop(sql, at, lexer)
    raise _invalid(f"the SQL has no keyword to begin with at {position(sql, at)}")


def closes(sql: str, at: int, lexer: Lexer) -> bool:
    """Whether a parenthesis closes there, or behind whitespace and comments."""
    return sql.startswith(")", _skip(sql, at, lexer.space, lexer))


def _skip(sql: str, at: int, match: Matcher, lexer: Lexer) -> int:
    """Skip what the pattern matches, nested comments included where the dialect has them."""
    at = match(sql, at).end()
    while lexer.rules.nested_comments and sql.startswith("/*", at):
        at = match(sql, _closing(sql, at, at + 2)).end()
    return at


def _closing(sql: str, start: int, stop: int) -> int:
    end = span_end(sql, start, stop)
    if end is None:
        raise _unclosed(sql, start)
    return end


def _check_stop(sql: str, at: int, lexer: Lexer) -> None:
    """A pass ended here without an event: at the end, at a body's last semicolons, or at what no rule matches."""
    if at == len(sql) or sql[at] == ";":
        return
    if sql[at] == ":":
        raise _invalid_parameter(
            f"the parameter at {position(sql, at)} has a name with other characters than A-Z, a-z, 0-9 and _",
            hint="where no parameter is meant, put a space after the colon",
        )
    if lexer.rules.dialect is Dialect.MYSQL and sql.startswith(("/*!", "/*M!"), at):
        raise _invalid(
            f"the executable comment at {position(sql, at)} hides code",
            hint="write the code without the comment around it",
        )
    raise _unclosed(sql, at)


def _check_rest(sql: str, at: int, lexer: Lexer) -> None:
    """Refuse anything but semicolons, whitespace and comments."""
    at = _skip(sql, at, lexer.tail, lexer)
    if at < len(sql):
        if sql.startswith("/*", at):
            _check_stop(sql, at, lexer)
        raise RowgateError(
            Reason.MULTIPLE_STATEMENTS,
            f"a second statement begins at {position(sql, at)}",
            field="sql",
            hint="send one statement a request",
        )


def _invalid(message: str, hint: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_SQL, message, field="sql", hint=hint)


def _invalid_parameter(message: str, *, hint: str | None = None, limit: str | None = None) -> RowgateError:
    return RowgateError(Reason.INVALID_PARAMETER, message, field="sql", hint=hint, limit=limit)


def _unclosed(sql: str, at: int) -> RowgateError:
    return _invalid(f"the {_UNCLOSED[sql[at]]} at {position(sql, at)} is not closed")


def _native(sql: str, at: int) -> RowgateError:
    return _invalid_parameter(
        f"the placeholder at {position(sql, at)} is of the database's own kind",
        hint="write :name with params, or ? with positional_params",
    )
