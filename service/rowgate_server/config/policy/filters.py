"""The row filters of a policy: as requests have them, with claims where values stand."""

from __future__ import annotations

import re
from typing import Any

from rowgate_server.config.policy.document import Path
from rowgate_server.config.policy.reader import Reader
from rowgate_server.core.crud.filters import DEEPEST, MOST_NODES, Operator
from rowgate_server.core.policy.row_filters import (
    PRINCIPAL,
    Claim,
    Compared,
    Joined,
    MissingClaimError,
    Operand,
    Opposite,
    Part,
    RowFilter,
    value_of,
)

_OPERATORS = {operator.name: operator for operator in Operator}
_SEVERAL = frozenset({Operator.IN, Operator.NOT_IN, Operator.BETWEEN})
_ALONE = frozenset({Operator.IS_NULL, Operator.IS_NOT_NULL})
_BOUNDS = 2
_CLAIM = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/@-]{0,127}")
_FORM = "must be {column, op, value or values}, {and: [...]}, {or: [...]} or {not: ...}"
_VALUE = "must be text, a number, true or false, {claim: NAME} or {principal: name}"


class FilterReader:
    """Reads one filter; tells the reader what is wrong with it."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader
        self._nodes = 0

    def read(self, value: Any, path: Path) -> RowFilter | None:
        """The filter; None where something is wrong."""
        part = self._part(value, path, 1)
        return None if part is None else RowFilter(part)

    def _part(self, value: Any, path: Path, depth: int) -> Part | None:
        self._nodes += 1
        if depth > DEEPEST or self._nodes > MOST_NODES:
            self._reader.refuse(path, f"is too large: at most {DEEPEST} deep, and of {MOST_NODES} parts")
            return None
        if not isinstance(value, dict) or not value:
            self._reader.refuse(path, _FORM)
            return None
        kinds = [kind for kind in ("and", "or", "not") if kind in value]
        if not kinds:
            return self._comparison(value, path)
        if len(value) > 1:
            self._reader.refuse(path, _FORM)
            return None
        kind = kinds[0]
        return self._joined(value[kind], (*path, kind), depth, kind)

    def _joined(self, value: Any, path: Path, depth: int, kind: str) -> Part | None:
        if kind == "not":
            part = self._part(value, path, depth + 1)
            return None if part is None else Opposite(part)
        parts = [self._part(each, place, depth + 1) for each, place in self._reader.items(value, path)]
        if not parts:
            # All of nothing would be every row.
            self._reader.refuse(path, "is empty")
            return None
        there = tuple(part for part in parts if part is not None)
        return Joined(kind == "and", there) if len(there) == len(parts) else None

    def _comparison(self, value: Any, path: Path) -> Part | None:
        before = len(self._reader.faults)
        given = self._reader.section(value, path, ("column", "op", "value", "values"))
        column = given.get("column")
        if not isinstance(column, str) or not column:
            self._reader.refuse(path, "names no column")
        word = given.get("op", "EQ")
        word = word.upper() if isinstance(word, str) else word
        operator = self._reader.one_of(word, (*path, "op"), _OPERATORS, "operator")
        operands = self._operands(given, path, operator) if operator is not None else ()
        if operator is None or not isinstance(column, str) or len(self._reader.faults) > before:
            return None
        return Compared(column, operator, operands, several=operator in _SEVERAL)

    def _operands(self, given: Any, path: Path, operator: Operator) -> tuple[Operand, ...]:
        wanted = "" if operator in _ALONE else "values" if operator in _SEVERAL else "value"
        for name in ("value", "values"):
            if (name in given) is not (name == wanted):
                words = f"{operator.name} takes {wanted or 'neither value nor values'}"
                self._reader.refuse((*path, name) if name in given else path, words)
                return ()
        if not wanted:
            return ()
        value, place = given[wanted], (*path, wanted)
        if wanted == "value" or isinstance(value, dict):  # a claim may be a list by itself
            found = [self._operand(value, place)]
        else:
            found = [self._operand(each, at) for each, at in self._reader.items(value, place)]
        if operator is Operator.BETWEEN and len(found) != _BOUNDS:
            self._reader.refuse(place, "BETWEEN takes two values, the lower and the upper")
        return tuple(each for each in found if each is not None)

    def _operand(self, value: Any, path: Path) -> Operand | None:
        if isinstance(value, dict):
            if list(value) == ["principal"] and value["principal"] == "name":
                return Claim(PRINCIPAL)
            name = value.get("claim")
            if list(value) == ["claim"] and isinstance(name, str) and _CLAIM.fullmatch(name):
                return Claim(name)
            self._reader.refuse(path, _VALUE)
            return None
        try:
            return value_of(value)
        except MissingClaimError:
            self._reader.refuse(path, _VALUE)
            return None
