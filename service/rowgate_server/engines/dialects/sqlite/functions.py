"""The functions that the gateway gives SQLite."""

from __future__ import annotations

import sqlite3
from typing import Any


def install(connection: sqlite3.Connection) -> None:
    """Make them known to one connection."""
    connection.create_function("rowgate_lower", 1, lower, deterministic=True)


def lower(cell: Any) -> Any:
    """Text in lower case, in every script: SQLite's own `lower` knows ASCII only.

    Character by character, so that a part of a text is lowered as it is in the whole: no character becomes two, and a
    sigma is the same wherever it stands.
    """
    if not isinstance(cell, str):
        return cell
    if cell.isascii():
        return cell.lower()
    return "".join([low if len(low := character.lower()) == 1 else character for character in cell])
