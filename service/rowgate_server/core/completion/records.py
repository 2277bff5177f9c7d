"""What a completion is made of."""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple


class CandidateKind(Enum):
    """What a candidate is; the numbers are those of the proto's."""

    KEYWORD = 1
    SCHEMA = 2
    TABLE = 3
    VIEW = 4
    CTE = 5
    ALIAS = 6
    COLUMN = 7
    FUNCTION = 8


class Candidate(NamedTuple):
    """Something that could stand there; `text` is what to write, `label` the name without quotes."""

    text: str
    kind: CandidateKind
    label: str
    detail: str = ""
    table: str = ""


class Kind(Enum):
    """What a token is."""

    NAME = 1
    KEYWORD = 2
    LITERAL = 3
    COMMENT = 4
    OPERATOR = 5
    SPACE = 6


class Token(NamedTuple):
    """A token, where it begins and ends, and its text: a name without its quotes, a keyword in capitals."""

    kind: Kind
    start: int
    end: int
    text: str
    quoted: bool = False
    closed: bool = True
