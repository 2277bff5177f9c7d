"""Patterns of LIKE, read once and written for each engine, so that they mean the same on all of them."""

from __future__ import annotations

import re
from enum import Enum
from typing import TypeAlias

from rowgate_server.engines.dialects import Dialect

LONGEST = 10_000
"""Characters: SQLite takes patterns of 50,000 bytes, in which each of them may stand in brackets."""

ESCAPE = "!"
"""What takes the next character as it is. Not the backslash, which MySQL has a mode against."""


class Wild(Enum):
    """What stands for other characters: any run of them, or any one."""

    RUN = 1
    ONE = 2


Pattern: TypeAlias = tuple["str | Wild", ...]

_PIECES = re.compile(r"\\(.)|([%_])|([^\\%_]+)|(\\)\Z", re.DOTALL)
_ASCII = re.compile(r"[\x01-\x7f]+")
_WILDS = {"%": Wild.RUN, "_": Wild.ONE}
_SPECIAL_IN_LIKE = re.compile("([!%_])")
_SPECIAL_IN_GLOB = re.compile(r"([*?\[])")
_LIKE_WILDS = {Wild.RUN: "%", Wild.ONE: "_"}
_GLOB_WILDS = {Wild.RUN: "*", Wild.ONE: "?"}


def read(text: str) -> Pattern:
    """`%` is any run, `_` any one, and a backslash takes the next as it is; at the end it is itself."""
    pieces: list[str | Wild] = []
    for escaped, wild, plain, last in _PIECES.findall(text):
        if wild:
            if not (wild == "%" and pieces and pieces[-1] is Wild.RUN):
                pieces.append(_WILDS[wild])
        elif pieces and isinstance(pieces[-1], str):
            pieces[-1] += escaped or plain or last
        else:
            pieces.append(escaped or plain or last)
    return tuple(pieces)


def beginning(pattern: Pattern) -> Pattern | None:
    """The pattern of all that begins as its matches do, which an index may help with; None where that is anything.

    As far as that is ASCII, which every character set has: MySQL compares no text that its column could not hold.
    """
    match = _ASCII.match(pattern[0]) if pattern and isinstance(pattern[0], str) else None
    return (match[0], Wild.RUN) if match else None


def write(pattern: Pattern, dialect: Dialect) -> str:
    """As the engine has it: a pattern of GLOB for SQLite, whose LIKE takes no notice of case, else of LIKE."""
    if dialect is Dialect.SQLITE:
        return "".join(
            _GLOB_WILDS[piece] if isinstance(piece, Wild) else _SPECIAL_IN_GLOB.sub(r"[\1]", piece) for piece in pattern
        )
    return "".join(
        _LIKE_WILDS[piece] if isinstance(piece, Wild) else _SPECIAL_IN_LIKE.sub(rf"{ESCAPE}\1", piece)
        for piece in pattern
    )
