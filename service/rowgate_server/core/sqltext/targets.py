"""The names that a write begins with, those of the tables that it changes among them."""

from __future__ import annotations

from .scan import span_end
from .shape import token_matcher
from .statement import ParsedStatement

_MOST = 16
_ENDS = frozenset({"VALUES", "VALUE", "SELECT", "WITH", "SET", "WHERE", "RETURNING", "ORDER", "LIMIT"})


def targets(statement: ParsedStatement) -> list[tuple[str, str]] | None:
    """Each a schema, or "", and a name; keywords, aliases and columns may be among them. None where there are too many.

    Args:
        statement: an INSERT, REPLACE, UPDATE, DELETE or LOAD of MySQL's or MariaDB's.
    """
    match = token_matcher(statement.dialect)
    sql, at = statement.sql, 0
    found: list[tuple[str, str]] = []
    behind_point = False
    while at < len(sql):
        token = match(sql, at)
        kind, start, at = token.lastgroup, token.start(), token.end()
        text = token[0]
        if kind == "span":
            at = span_end(sql, start, at) or len(sql)
        elif kind == "name":
            if text.upper() in _ENDS and not behind_point:
                break
            name = text[1:-1].replace("``", "`") if text.startswith("`") else text
            found.append((found.pop()[1], name) if behind_point and found else ("", name))
        elif kind == "other" and text == "(":
            break
        if kind not in ("gap", "span"):
            behind_point = kind == "other" and text == "."
        if len(found) > _MOST:
            return None
    return found
