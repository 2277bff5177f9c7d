"""docs/types.md as its test reads it: what the page claims of each type, and of each kind of parameter."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from support import documents

PAGE = "docs/types.md"
_CODE = re.compile(r"`([^`]+)`")
_REASON = re.compile(r"[A-Z]+(?:_[A-Z]+)+")


@dataclass(frozen=True, slots=True)
class Claim:
    """A row of an engine's table, for one of its types; `members` and `member_objects` are those of an array."""

    declared: str
    column_type: str
    arms: frozenset[str]
    members: frozenset[str]
    objects: frozenset[str]
    member_objects: frozenset[str]
    database_type: str
    precision: int | None
    scale: int | None


@dataclass(frozen=True, slots=True)
class ParameterClaim:
    """A cell of the table of parameters: the type it names first, and the reasons for which it is refused."""

    database_type: str
    refused: frozenset[str]


@cache
def claims(engine: str) -> dict[str, Claim]:
    """What the page says of an engine's types, by how they are declared."""
    rows = [claim for row in _rows(engine) if len(row) == 7 for claim in _claims(row)]
    found = {claim.declared: claim for claim in rows}
    assert len(found) == len(rows), f"{PAGE} has a type of {engine}'s twice"
    return found


@cache
def parameters() -> dict[tuple[str, str], ParameterClaim]:
    """What the page says of parameters, by engine and arm."""
    header, *rows = [row for row in _rows("parameters") if len(row) == 4]
    engines = [name.lower() for name in header[1:]]
    return {
        (engine, _words(row[0])[0]): _parameter_claim(cell)
        for row in rows
        for engine, cell in zip(engines, row[1:], strict=True)
    }


def own_types() -> list[str]:
    """The statements that create the types of callers' own."""
    (block,) = documents.blocks(PAGE, "sql")
    return [statement.strip() for statement in block.text.split(";") if statement.strip()]


def _rows(heading: str) -> list[list[str]]:
    """The rows of the tables below a heading, their headers included."""
    _, _, below = documents.prose(PAGE).lower().partition(f"\n## {heading}\n")
    length = len(below.partition("\n## ")[0])
    text = documents.prose(PAGE)
    section = text[len(text) - len(below) :][:length]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in section.splitlines() if line.startswith("|")]
    return [row for row in rows if not all(set(cell) <= set("-") for cell in row)]


def _claims(row: list[str]) -> list[Claim]:
    declared, column_type, arms, objects, database_types, digits, _ = row
    if not _words(declared):
        return []  # the header
    types, names = _words(declared), _words(database_types)
    precision, scale = [*(int(text) for text in digits.split(",") if text), None, None][:2]
    return [
        Claim(
            declared=each,
            column_type=_words(column_type)[0],
            arms=_set(arms, 0),
            members=_set(arms, 1),
            objects=_set(objects, 0),
            member_objects=_set(objects, 1),
            database_type=name,
            precision=precision,
            scale=scale,
        )
        for each, name in zip(types, names or [""] * len(types), strict=True)
    ]


def _parameter_claim(cell: str) -> ParameterClaim:
    words = _words(cell)
    reasons = frozenset(word for word in words if _REASON.fullmatch(word))
    return ParameterClaim("" if words[0] in reasons else words[0], reasons)


def _words(cell: str) -> list[str]:
    return _CODE.findall(cell)


def _set(cell: str, side: int) -> frozenset[str]:
    """The words before (0) or behind (1) `of`, as in "`list` of `int`"."""
    return frozenset(_words([*cell.split(" of "), ""][side]))
