"""Roles and their rules, as the policy has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from types import MappingProxyType

from rowgate_server.core.policy.names import ALL, Names
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.row_filters import RowFilter


class Mask(Enum):
    """What a column's cells are shown as: not at all, by their hash, or by their last characters."""

    HIDE = "hide"
    HASH = "hash"
    PARTIAL = "partial"


@dataclass(frozen=True, slots=True)
class Rule:
    """Something that a role may do. Rules only ever add to one another.

    Attributes:
        databases: patterns of the databases' names.
        schema: a pattern; empty for the default schema.
        tables: patterns; empty: the rule is about the database as a whole.
        operations: what it allows.
        read: the columns that may be read.
        write: the columns that may be written.
        rows: the rows that it is about; None for all.
        masks: by column, what its cells are shown as.
    """

    databases: tuple[str, ...]
    operations: frozenset[Operation]
    schema: str = ""
    tables: tuple[str, ...] = ()
    read: Names = ALL
    write: Names = ALL
    rows: RowFilter | None = None
    masks: Mapping[str, Mask] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Limits:
    """What a caller may use; None for as much as it likes.

    Attributes:
        rate: calls a second.
        burst: calls at once, while the rate holds on the average.
        concurrent: calls at a time.
        rows: of one call's answer.
        bytes: of one call's answer.
        time: seconds of one call.
    """

    rate: float | None = None
    burst: int | None = None
    concurrent: int | None = None
    rows: int | None = None
    bytes: int | None = None
    time: float | None = None

    def with_those_of(self, other: Limits) -> Limits:
        """The least of both."""

        def least(one: float | None, two: float | None) -> float | None:
            return two if one is None else one if two is None else min(one, two)

        def whole(one: int | None, two: int | None) -> int | None:
            found = least(one, two)
            return None if found is None else int(found)

        return Limits(
            rate=least(self.rate, other.rate),
            burst=whole(self.burst, other.burst),
            concurrent=whole(self.concurrent, other.concurrent),
            rows=whole(self.rows, other.rows),
            bytes=whole(self.bytes, other.bytes),
            time=least(self.time, other.time),
        )


NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True)
class Role:
    """What whoever has it may do.

    Attributes:
        name: of the role.
        rules: what it allows.
        limits: what it bounds.
        logins: by database, the name of the login that its statements run with.
    """

    name: str
    rules: tuple[Rule, ...] = ()
    limits: Limits = NO_LIMITS
    logins: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True, slots=True)
class Policy:
    """All roles, and those of callers who have shown nothing."""

    roles: Mapping[str, Role]
    anonymous: tuple[str, ...] = ()

    @property
    def claims(self) -> frozenset[str]:
        """The claims that row filters name."""
        rules = (rule for role in self.roles.values() for rule in role.rules)
        return frozenset(name for rule in rules if rule.rows is not None for name in rule.rows.claims)
