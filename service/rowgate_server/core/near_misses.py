"""Names that look like the one that was asked for, for the hint in an error."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LONGEST_NAME = 256
"""Characters of a name that near misses are looked for: comparing takes the square of them."""

_MOST_NAMES = 500
_MOST_HINTS = 3
_CUTOFF = 0.6


def near_misses(name: str, names: Iterable[str]) -> list[str]:
    """The closest of the names, in whatever case. Thousands of them take a second."""
    if len(name) > LONGEST_NAME:
        return []
    folded = {other.casefold(): other for other in names if len(other) <= LONGEST_NAME}
    near = difflib.get_close_matches(name.casefold(), folded, n=_MOST_HINTS, cutoff=_CUTOFF)
    return [folded[other] for other in near]


def hint(near: list[str]) -> str | None:
    """What an error says of them."""
    return f"did you mean {' or '.join(near)}?" if near else None


def column_hint(name: str, columns: Iterable[str]) -> str | None:
    """The hint for a column; a table with very many has none beyond the first hundreds."""
    return hint(near_misses(name, list(columns)[:_MOST_NAMES]))
