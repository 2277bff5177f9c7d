"""Composite and range values of callers' own types as text: asyncpg decodes them into objects of its own.

The form is PostgreSQL's own output form (https://www.postgresql.org/docs/current/rowtypes.html#ROWTYPES-IO-SYNTAX),
with members in the forms that `engines/values.py` gives.
"""

from __future__ import annotations

import re
from typing import Any

import asyncpg

_NEEDS_QUOTES = re.compile(r'[()\[\]{},"\\\s]|\A\Z')


def text(value: Any) -> str | None:
    """A composite or range, or a member of one, as text; None for NULL."""
    if value is None:
        return None
    if isinstance(value, asyncpg.Record):
        return f"({','.join(_member(member) for member in value)})"
    if isinstance(value, asyncpg.Range):
        return _range(value)
    if isinstance(value, list):
        return f"{{{','.join('NULL' if member is None else _member(member) for member in value)}}}"
    return _scalar(value)


def _scalar(value: Any) -> str:
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes):
        return f"\\x{value.hex()}"
    return str(value)


def _range(value: asyncpg.Range[Any]) -> str:
    if value.isempty:
        return "empty"
    opening, closing = "[" if value.lower_inc else "(", "]" if value.upper_inc else ")"
    return f"{opening}{_member(value.lower)},{_member(value.upper)}{closing}"


def _member(value: Any) -> str:
    written = text(value)
    if written is None:
        return ""
    if not _NEEDS_QUOTES.search(written):
        return written
    return '"' + written.replace("\\", "\\\\").replace('"', '""') + '"'
