"""The functions that the gateway gives SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

_SLICE = 65_536
"""Characters. Python takes twelve bytes for each of a text that it lowers, and lets no other thread run meanwhile."""
_SIGMA, _SMALL_SIGMA = "\u03a3", "\u03c3"
_DOTTED_I = "\u0130"
"""The one character whose lower case is two."""


def install(connection: sqlite3.Connection, check: Callable[[], None]) -> None:
    """Make them known to one connection.

    Args:
        connection: which.
        check: raises where a function is not to go on.
    """
    connection.create_function("rowgate_lower", 1, lambda cell: lower(cell, check), deterministic=True)


def _go_on() -> None:
    """There is nobody who would stop it."""


def lower(cell: Any, check: Callable[[], None] = _go_on) -> Any:
    """Text in lower case, in every script: SQLite's own `lower` knows ASCII only.

    Character by character, so that a part of a text is lowered as it is in the whole: no character becomes two, and a
    sigma is the same wherever it stands.
    """
    if not isinstance(cell, str):
        return cell
    if len(cell) <= _SLICE:
        return _lower(cell)
    slices: list[str] = []
    for start in range(0, len(cell), _SLICE):
        check()
        slices.append(_lower(cell[start : start + _SLICE]))
    return "".join(slices)


def _lower(text: str) -> str:
    if text.isascii():
        return text.lower()
    # Without these two, each character is lowered by itself.
    return _DOTTED_I.join([part.lower() for part in text.replace(_SIGMA, _SMALL_SIGMA).split(_DOTTED_I)])
