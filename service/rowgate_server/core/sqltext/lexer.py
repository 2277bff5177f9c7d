"""Builds a dialect's lexer: its rules in, compiled patterns out.

A pass over SQL text is a chain of matches of one pattern. Each match skips everything inert (words, literals, quoted
names, comments) in C, and ends with the next thing that matters: a group named after it, or none at the end of the
text and where something is not closed. So Python runs once per placeholder or semicolon, not once per token.

The time is linear in the text: every repetition is possessive, so a pattern never goes back over what it skipped.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from rowgate_server.engines.dialects import Dialect

Matcher = Callable[[str, int], re.Match[str]]
"""`Pattern.match` of a pattern that matches everywhere, if only the empty text."""

# Classes of characters. Every character beyond ASCII is part of a name, in all three dialects. They are written as
# what they leave out, because a class that names characters beyond ASCII is slow to compile and to match.
NAME_START = r"[^\x00-@\[-^`{-\x7f]"  # A-Z a-z _
NAME_PART = r"[^\x00-#%-/:-@\[-^`{-\x7f]"  # the same and 0-9 $
TAG_PART = r"[^\x00-/:-@\[-^`{-\x7f]"  # the same without the $
BEYOND_ASCII = r"[^\x00-\x7f]"
SPACE = r"[ \t\n\r\f\v]++"


def plain(special: str) -> str:
    """A run of ASCII characters that are neither special nor the beginning of a name."""
    skipped = (chr(code) for code in range(128) if not re.match(f"[A-Za-z_{re.escape(special)}]", chr(code)))
    return f"[{re.escape(''.join(skipped))}]++"


def loop(*alternatives: str) -> str:
    """Any number of the alternatives, never given back."""
    # The last alternative never matches. Before Python 3.11.5 the text after a possessive loop is taken to begin
    # wherever the loop's last alternative gave up, which would skip a quote that is not closed; this one gives up
    # where it begins.
    return f"(?:{'|'.join(alternatives)}|(?!))*+"


def quoted(quote: str) -> str:
    """Text between two quotes; the quote itself is written twice."""
    return quote + loop(f"[^{quote}]++", quote * 2) + quote


def escaped(quote: str) -> str:
    """Text between two quotes; the quote itself is written twice or after a backslash."""
    return quote + loop(rf"[^{quote}\\]++", r"\\.", quote * 2) + quote


def comment(*, unless: str = "(?!)", closing: str = r"\*/") -> str:
    """A comment that ends at the first `*/`, and does not begin with `unless`."""
    return rf"/\*(?!{unless})" + loop("[^*]++", r"\*(?!/)") + f"(?:{closing})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the text of a dialect is made of, as regular expressions without groups.

    Args:
        dialect: whose rules.
        plain: a run of characters that begin none of the below.
        word: a keyword or an identifier.
        strings: literals, each with what tells it apart from a name.
        names: quoted names.
        comments: comments.
        symbols: operators and punctuation that begin like one of the above, or like an event.
        events: what a pass stops at besides `:name` and `;`, as named groups (see `Lexer`).
        spans: what begins something inert that takes more than a regular expression, as the group `span`.
        body: what is an event elsewhere and inert in the body of a routine.
        openers: the keywords that begin the body of a routine.
        blocks: statements that are such a body themselves.
        touching: ASCII characters that would merge with a value or a native placeholder put right beside them.
        nested_comments: whether a comment may hold another.
        values_are_literals: whether a placeholder's value becomes a literal in the text.
        optional_questions: whether a `?` may be an operator, so that it is a placeholder only when values are given.
    """

    dialect: Dialect
    plain: str
    word: str
    strings: tuple[str, ...]
    names: tuple[str, ...]
    comments: tuple[str, ...]
    symbols: tuple[str, ...]
    events: str
    body: tuple[str, ...]
    spans: str = r"(?P<span>(?!))"
    openers: str = "BEGIN"
    blocks: str = "(?!)"
    touching: str = "0-9A-Z_a-z$.'\"`"
    nested_comments: bool = False
    optional_questions: bool = False
    values_are_literals: bool = False


@dataclass(frozen=True, slots=True)
class Lexer:
    """The compiled patterns of a dialect.

    The matchers of passes end with one of these groups, or none: `named` (`:name`), `question` (`?`), `doubled`
    (`??` for the operator `?`), `native` (a placeholder of the database's own), `list` (an IN that a placeholder
    follows) and `group` (the same with a parenthesis between), `span` (the beginning of a dollar quote or of a nested
    comment), `body` (where the body of a routine begins), `end` (semicolons, and the whitespace and comments among
    them).
    """

    rules: Rules
    statement: Matcher
    routine: Matcher  # the same, up to where the body of a routine begins
    body: Matcher  # that body: no placeholders, and semicolons only where nothing but they are left
    space: Matcher  # whitespace and comments
    tail: Matcher  # the same with semicolons
    opening: Matcher  # the same with opening parentheses
    keyword: re.Pattern[str]
    routine_head: re.Pattern[str]  # CREATE or ALTER of what may have a body; the group `package` for one at once
    block_head: re.Pattern[str]
    touching: re.Pattern[str]


def build(rules: Rules) -> Lexer:
    """Compile the rules."""
    inert = (*rules.strings, *rules.names, *rules.comments, *rules.symbols)
    space = (SPACE, *rules.comments)
    opener = f":?{_keyword(rules.openers)}"
    # A name that runs on in letters beyond ASCII would be cut in two: no match here, so that it is refused.
    named = rf"(?P<named>:[A-Za-z_][0-9A-Za-z_]*+(?!\$|{BEYOND_ASCII}))"
    gap = loop(*space)
    behind_in, placeholder = f"{_keyword('IN')}{gap}", r"(?=:[A-Za-z_]|\?)"
    listing = rf"(?P<list>{behind_in}){placeholder}|(?P<group>{behind_in}\({gap}){placeholder}"
    events = rf"{named}|{rules.events}|{listing}|{rules.spans}|(?P<end>;{loop(';', *space)})"
    skip_all = loop(rules.plain, rf"(?!{behind_in}(?:\({gap})?{placeholder}){rules.word}", *inert)
    skip_to_body = loop(rules.plain, f"(?!{opener}){rules.word}", *inert)
    # A run of semicolons counts as inert unless it is the last thing in the text.
    skip_body = loop(rules.plain, rules.word, *inert, *rules.body, rf";{loop(';', *space)}(?!\Z)")
    return Lexer(
        rules=rules,
        statement=matcher(f"{skip_all}(?:{events})?"),
        routine=matcher(f"{skip_to_body}(?:(?P<body>{opener})|{events})?"),
        body=matcher(f"{skip_body}(?:{rules.spans})?"),
        space=matcher(loop(*space)),
        tail=matcher(loop(";", *space)),
        opening=matcher(loop(r"\(", *space)),
        keyword=re.compile(f"[A-Za-z]{NAME_PART}*+"),
        routine_head=re.compile(_routine_head(rules), re.DOTALL),
        block_head=re.compile(_keyword(rules.blocks)),
        touching=re.compile(f"[{rules.touching}]|{BEYOND_ASCII}"),
    )


def matcher(pattern: str) -> Matcher:
    """Compile a pattern that matches everywhere."""
    return cast("Matcher", re.compile(pattern, re.DOTALL).match)


def _keyword(words: str) -> str:
    """One of the words, in upper or lower case."""
    # The class stays outside: ignoring case walks through a million characters when the pattern is compiled.
    return f"(?ai:{words})(?!{NAME_PART})"


def _routine_head(rules: Rules) -> str:
    """`CREATE OR REPLACE DEFINER = 'a'@'b' AGGREGATE FUNCTION` and its like, of every dialect at once."""
    gap = loop(SPACE, *rules.comments)
    user = f"(?:{'|'.join((*rules.strings, *rules.names))}|{loop(NAME_PART, '[.]')})"
    account = rf"{user}(?:{gap}@{gap}{user})?(?:{gap}\({gap}\))?"
    replace = f"{_keyword('OR')}{gap}{_keyword('REPLACE')}{gap}"
    others = f"{_keyword('TEMP|TEMPORARY|CONSTRAINT|AGGREGATE')}{gap}"
    definer = f"{_keyword('DEFINER')}{gap}={gap}{account}{gap}"
    kind = f"(?:{_keyword('TRIGGER|PROCEDURE|FUNCTION|EVENT')}|(?P<package>{_keyword('PACKAGE')}))"
    return f"{_keyword('CREATE|ALTER')}{gap}{loop(replace, others, definer)}{kind}"
