"""How SQLite writes SQL."""

from __future__ import annotations

from rowgate_server.engines.dialects import Dialect

from .lexer import NAME_PART, NAME_START, Rules, comment, plain, quoted

# `?1`, `@name`, `$name`, `:1`. SQLite takes pairs of colons for a part of the name.
_NATIVE = rf"[$@:](?:::)*+{NAME_PART}"

RULES = Rules(
    dialect=Dialect.SQLITE,
    plain=plain("'\"`[-/:;?$@"),
    word=f"{NAME_START}{NAME_PART}*+",
    # SQLite takes "a" for a string where there is no such column, so it counts as one.
    strings=(quoted("'"), quoted('"')),
    names=(quoted("`"), r"\[[^\]]*+\]"),
    comments=(
        r"--[^\n]*+",
        # The end of the text closes a comment too.
        comment(closing=r"\*/|\Z"),
    ),
    symbols=("-", r"/(?!\*)", rf"(?!{_NATIVE})(?:[$@]|:++)"),
    events=rf"(?P<native>\?[0-9]++|(?!:[A-Za-z_]){_NATIVE}{NAME_PART}*+)|(?P<question>\?)",
    body=("[$@:?]",),
)
