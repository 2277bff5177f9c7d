"""SQL text: one statement read, its placeholders found and bound, its shape told to the logs.

Nothing here judges what a statement may do: `effects` only tells it by its first words, and the database has the say.
"""

from __future__ import annotations

from .binding import bind, bind_blank, name_value, widths
from .scan import MAX_PLACEHOLDERS
from .shape import fingerprint
from .statement import MAX_SQL_BYTES, ParsedStatement, parse

__all__ = [
    "MAX_PLACEHOLDERS",
    "MAX_SQL_BYTES",
    "ParsedStatement",
    "bind",
    "bind_blank",
    "fingerprint",
    "name_value",
    "parse",
    "widths",
]
