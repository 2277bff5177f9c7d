"""What a MySQL or MariaDB table's own CREATE statement says of it that no field of a description is for.

Every word that is not known is told, so that what a later version may think of is not passed over in silence.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_PIECE = re.compile(
    r"""(?P<name>`(?:[^`]|``)*+`)|(?P<string>(?:\b[bxn])?'(?:[^'\\]|''|\\.)*+')|/\*M?!\d*|\*/"""
    r"""|(?P<number>\d[\w.]*)|(?P<word>[^\W\d][\w$]*)|(?P<mark>[(),=])|(?P<space>\s+)|(?P<other>.)""",
    re.DOTALL | re.IGNORECASE,
)
_OF_COLUMNS = frozenset({
    *("UNSIGNED", "ZEROFILL", "PRECISION", "CHARACTER", "SET", "COLLATE", "NOT", "NULL", "DEFAULT", "AUTO_INCREMENT"),
    *("GENERATED", "ALWAYS", "AS", "VIRTUAL", "STORED", "PERSISTENT", "COMMENT", "CHECK", "ON", "UPDATE"),
})  # fmt: skip
_NAMED = frozenset({"SET", "COLLATE", "DEFAULT", "UPDATE"})
"""Behind these stands a name, or a default's word."""
_OF_KEYS = frozenset({
    *("CONSTRAINT", "PRIMARY", "UNIQUE", "FULLTEXT", "SPATIAL", "KEY", "USING", "BTREE", "HASH", "RTREE", "COMMENT"),
    *("FOREIGN", "REFERENCES", "ON", "DELETE", "UPDATE", "CASCADE", "SET", "NULL", "NO", "ACTION", "RESTRICT"),
    *("DEFAULT", "CHECK", "KEY_BLOCK_SIZE", "ASC", "DESC"),
})  # fmt: skip
_OF_TABLES = frozenset({
    *("AUTO_INCREMENT", "CHARSET", "COLLATE", "COMMENT", "ROW_FORMAT", "KEY_BLOCK_SIZE", "AVG_ROW_LENGTH", "MAX_ROWS"),
    *("MIN_ROWS", "CHECKSUM", "DELAY_KEY_WRITE", "PACK_KEYS", "STATS_PERSISTENT", "STATS_AUTO_RECALC"),
    *("STATS_SAMPLE_PAGES", "PAGE_CHECKSUM", "TRANSACTIONAL", "PAGE_COMPRESSED", "PAGE_COMPRESSION_LEVEL"),
})  # fmt: skip
"""How it is kept is no part of what it means."""
_LONGEST = 200

Piece = tuple[str, str]
"""Its kind, and its text."""


def unknown_words(create_statement: str) -> Iterator[str]:
    """What is not known, in the statement's words."""
    members, behind = _members(create_statement)
    for member in members:
        unknown = _of_column(member) if member[0][0] == "name" else _of_key(member)
        if unknown:
            yield f"{member[0][1]} {' '.join(unknown)}" if member[0][0] == "name" else _text(member)
    yield from _of_table(behind)


def _members(statement: str) -> tuple[list[list[Piece]], list[Piece]]:
    """What stands between the commas of the table's parentheses, and what behind these."""
    members: list[list[Piece]] = [[]]
    behind: list[Piece] = []
    depth, closed = 0, False
    for found in _PIECE.finditer(statement):
        kind, text = found.lastgroup or "comment", found[0]
        mark = text if kind == "mark" else ""
        depth -= mark == ")"
        if closed:
            behind.append((kind, text))
        elif mark == ")" and depth <= 0:
            closed = True
        elif mark == "," and depth == 1:
            members.append([])
        elif depth > 0:
            members[-1].append((kind, text))
        depth += mark == "("
    cleaned = [[piece for piece in member if piece[0] != "space"] for member in members]
    return [member for member in cleaned if member], behind


def _of_column(member: list[Piece]) -> list[str]:
    unknown = []
    for place, word in _words(member, deepest=0):
        kind, before = member[place - 1]
        named = kind == "word" and before.upper() in _NAMED
        if place > 1 and not named and word not in _OF_COLUMNS:
            unknown.append(word)
    return unknown


def _of_key(member: list[Piece]) -> list[str]:
    check = any(text.upper() == "CHECK" for kind, text in member if kind == "word")
    return [word for _, word in _words(member, deepest=0 if check else 1) if word not in _OF_KEYS]


def _words(member: list[Piece], deepest: int) -> Iterator[tuple[int, str]]:
    """Words that are in at most so many parentheses, each with its place."""
    depth = 0
    for place, (kind, text) in enumerate(member):
        if kind == "mark":
            depth += (text == "(") - (text == ")")
        elif kind == "word" and depth <= deepest:
            yield place, text.upper()


def _of_table(behind: list[Piece]) -> Iterator[str]:
    """Options are `NAME=value`; what is none, and all behind it, is told."""
    pieces = [piece for piece in behind if piece[0] != "space"]
    at = 0
    while at < len(pieces):
        words = [text for _, text in pieces[at : at + 3]]
        if words[0].upper() == "DEFAULT":
            at += 1
        elif words[1:2] == ["="] and words[2:]:
            engine = words[0].upper() == "ENGINE" and words[2].upper() == "INNODB"
            if not engine and words[0].upper() not in _OF_TABLES:
                yield "".join(words)
            at += 3
        else:
            yield _text(pieces[at:])
            return


def _text(pieces: list[Piece]) -> str:
    text = " ".join(text for _, text in pieces)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
