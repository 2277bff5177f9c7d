"""How MySQL and MariaDB write SQL, with the default `sql_mode`: a double quote makes a string, a backslash escapes."""

from __future__ import annotations

from rowgate_server.engines.dialects import Dialect

from .lexer import NAME_PART, NAME_START, Rules, comment, escaped, plain, quoted

RULES = Rules(
    dialect=Dialect.MYSQL,
    plain=plain("0123456789$'\"`#-/:;?"),
    word=f"{NAME_PART}++",
    # x'00', b'0', N'a' and _utf8mb4'a' are a word and a string, which comes to the same.
    strings=(escaped("'"), escaped('"')),
    names=(quoted("`"),),
    comments=(
        r"#[^\n]*+",
        # Two dashes need whitespace or a control character after them: 1--5 is 1 minus -5.
        r"--(?![^\x00-\x20\x7f])[^\n]*+",
        # `/*!` and MariaDB's `/*M!` hide code in a comment: no match, so that they are refused.
        comment(unless="M?!"),
    ),
    symbols=("-", r"/(?!\*)", "::++", f":(?!{NAME_START})"),
    events=r"(?P<question>\?)",
    body=("[:?]",),
    # A routine's body may be one statement with others in it: IF ... THEN ...; END IF. REPEAT( is the function.
    openers=r"(?:BEGIN|THEN|LOOP|WHILE|REPEAT(?![ \t\n\r\f\v]*+\())",
    # MariaDB also runs these by themselves.
    blocks=r"(?:BEGIN[ \t\n\r\f\v]++NOT[ \t\n\r\f\v]++ATOMIC|IF|CASE|LOOP|WHILE|REPEAT|FOR)",
    values_are_literals=True,
    # @'a' is a user variable.
    touching="0-9A-Z_a-z$.'\"`@",
)
