"""Filters of rows that name claims of the caller's: put in, they are filters as requests have them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

from rowgate_server.core.crud.filters import And, Comparison, Filter, Not, Operator, Or
from rowgate_server.engines.values import BoundValue, ValueType

PRINCIPAL = "\0principal"
"""The caller's name, among the claims: no claim is called so."""
_INT64, _UINT64 = 2**63, 2**64
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,18})", re.ASCII)


class Claim(NamedTuple):
    """Stands for the value of a claim."""

    name: str


Operand: TypeAlias = BoundValue | Claim


class Compared(NamedTuple):
    """A comparison of a column; `several` where the operator takes several values."""

    column: str
    operator: Operator
    operands: tuple[Operand, ...] = ()
    several: bool = False


class Joined(NamedTuple):
    """All of some, or with `every` false any of them."""

    every: bool
    parts: tuple[Part, ...]


class Opposite(NamedTuple):
    """What one leaves out."""

    part: Part


Part: TypeAlias = Compared | Joined | Opposite


class MissingClaimError(Exception):
    """The caller lacks a claim that the filter names, or it is no value that rows can be compared with."""


@dataclass(frozen=True, slots=True)
class RowFilter:
    """A filter whose values may be claims."""

    root: Part

    @property
    def claims(self) -> frozenset[str]:
        """The claims that it names."""
        return frozenset(_claims(self.root))

    def of(self, claims: Mapping[str, Any]) -> Filter:
        """The filter for a caller.

        Raises:
            MissingClaimError: as it says.
        """
        return _bound(self.root, claims)


def _claims(part: Part) -> set[str]:
    if isinstance(part, Compared):
        return {operand.name for operand in part.operands if isinstance(operand, Claim)}
    parts = (part.part,) if isinstance(part, Opposite) else part.parts
    return {name for each in parts for name in _claims(each)}


def _bound(part: Part, claims: Mapping[str, Any]) -> Filter:
    if isinstance(part, Opposite):
        return Not(_bound(part.part, claims))
    if isinstance(part, Joined):
        parts = tuple(_bound(each, claims) for each in part.parts)
        return And(parts) if part.every else Or(parts)
    values = tuple(value for operand in part.operands for value in _values(operand, claims, several=part.several))
    if part.several:
        return Comparison(part.column, part.operator, values=values)
    return Comparison(part.column, part.operator, values[0] if values else None)


def _values(operand: Operand, claims: Mapping[str, Any], *, several: bool) -> tuple[BoundValue, ...]:
    """The values that stand there; a list among the claims is as many, where several may stand."""
    if isinstance(operand, BoundValue):
        return (operand,)
    claim = claims.get(operand.name)
    if isinstance(claim, (list, tuple, frozenset, set)):
        if not several:
            raise MissingClaimError
        return tuple(value_of(member) for member in claim)
    return (value_of(claim),)


def value_of(claim: Any) -> BoundValue:
    """A claim, or a value in the policy, as a value to compare with; NULL is none.

    Raises:
        MissingClaimError: it is none that rows can be compared with.
    """
    if isinstance(claim, bool):
        return BoundValue(ValueType.BOOL, claim)
    if isinstance(claim, int) and -_INT64 <= claim < _UINT64:
        return BoundValue(ValueType.INT if claim < _INT64 else ValueType.UINT, claim)
    if isinstance(claim, float):
        return BoundValue(ValueType.DOUBLE, claim)
    if isinstance(claim, str) and "\0" not in claim:
        return BoundValue(ValueType.STRING, claim)
    raise MissingClaimError


def as_number(value: BoundValue) -> BoundValue | None:
    """Text that is written like a whole number, as that: claims of keys and certificates are always text."""
    if value.type is not ValueType.STRING or not _WHOLE.fullmatch(value.value):
        return None
    number = int(value.value)
    return BoundValue(ValueType.INT, number) if -_INT64 <= number < _INT64 else None
