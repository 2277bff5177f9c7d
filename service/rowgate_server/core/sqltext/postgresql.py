"""How PostgreSQL writes SQL, with `standard_conforming_strings` on: a backslash escapes only in E'...'."""

from __future__ import annotations

from rowgate_server.engines.dialects import Dialect

from .lexer import NAME_PART, NAME_START, SPACE, TAG_PART, Rules, escaped, loop, plain, quoted

_LINE_COMMENT = r"--[^\n\r]*+"
_ESCAPED = escaped("'")
# A string goes on in the next quotes if a newline is between them, and there too a backslash escapes.
_NEWLINE = rf"[ \t\f\v]*+(?:{_LINE_COMMENT})?[\n\r]" + loop(SPACE, rf"{_LINE_COMMENT}[\n\r]")
_ESCAPES = f"[eE]{_ESCAPED}{loop(_NEWLINE + _ESCAPED)}(?!{_NEWLINE}')"
_TAG = rf"(?:{NAME_START}{TAG_PART}*+)?\$"  # of a dollar quote, after the first dollar

RULES = Rules(
    dialect=Dialect.POSTGRESQL,
    plain=plain("'\"$-/:;?@<"),
    # A dollar inside a name begins no quote, and an E at the end of one no string of its own.
    word=f"(?![eE]'){NAME_START}{NAME_PART}*+",
    # U&'a', B'0', X'0' and N'a' have no other escapes than '...': a word and a string.
    strings=(_ESCAPES, quoted("'")),
    names=(quoted('"'),),
    comments=(
        _LINE_COMMENT,
        # Only one without another in it: see `spans`.
        r"/\*" + loop("[^*/]++", r"\*(?!/)", r"/(?!\*)") + r"\*/",
    ),
    symbols=(
        "-",
        r"/(?!\*)",
        "::++",
        f":(?!{NAME_START})",
        # `@?` is the jsonpath operator, but `<@?` and `@@?` are an operator and a placeholder.
        "<@",
        "<",
        "@@",
        r"@\?(?!\?)",
        "@",
        # `?|` and `?&` are always operators, and so is `?-|`. `?-` and `?#` are not: `?-1` is a placeholder minus 1.
        r"\?[|&]",
        r"\?-\|",
        rf"\$(?![0-9]|{_TAG})",
    ),
    events=r"(?P<doubled>\?\?)|(?P<question>\?)|(?P<native>\$[0-9]++)",
    spans=rf"(?P<span>\${_TAG}|/\*)",
    body=(r"\?", r"\$(?=[0-9])", ":"),
    nested_comments=True,
    optional_questions=True,
)
