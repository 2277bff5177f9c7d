"""The policy that holds now, and what was decided by it: once for each kind of caller and database."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import Any

from rowgate_server.core.policy.access import Access, BoundRule
from rowgate_server.core.policy.masks import Masker
from rowgate_server.core.policy.names import matches
from rowgate_server.core.policy.records import NO_LIMITS, Limits, Policy, Role
from rowgate_server.core.policy.row_filters import PRINCIPAL, MissingClaimError
from rowgate_server.engines.dialects import Dialect
from rowgate_server.identity.principal import Method, Principal

_MOST = 10_000
"""Kinds of callers: those with the same roles, and the same of the claims that filters name."""


class Policies:
    """Decides.

    Args:
        policy: the one that holds; None: there is none, and everything is allowed.
        masker: masks cells.
    """

    def __init__(self, policy: Policy | None = None, masker: Masker | None = None) -> None:
        self._masker = masker or Masker()
        self._decided: OrderedDict[Any, Access | None] = OrderedDict()
        self._latest: dict[str, tuple[Principal, Access | None]] = {}
        self._limits: OrderedDict[tuple[str, ...], Limits] = OrderedDict()
        self._claims: tuple[str, ...] = ()
        self.policy = policy
        self.replace(policy)

    def replace(self, policy: Policy | None) -> None:
        """From now on this one holds, also for what has begun."""
        self.policy = policy
        self._claims = () if policy is None else tuple(sorted(policy.claims))
        self._decided.clear()
        self._latest.clear()
        self._limits.clear()

    def access(self, principal: Principal, database: str, dialect: Dialect) -> Access | None:
        """What a caller may do with a database; None for nothing. Only where there is a policy."""
        latest = self._latest.get(database)
        if latest is not None and latest[0] is principal:
            return latest[1]
        found = self._access(principal, database, dialect)
        self._latest[database] = principal, found
        return found

    def _access(self, principal: Principal, database: str, dialect: Dialect) -> Access | None:
        key = (database, principal.roles, principal.method is Method.NONE, self._of_claims(principal))
        try:
            found = self._decided[key]
        except KeyError:
            found = self._decided[key] = self._decide(principal, database, dialect)
            if len(self._decided) > _MOST:
                self._decided.popitem(last=False)
        except TypeError:  # a claim that is no plain value: it is of use to no filter, and not kept
            found = self._decide(principal, database, dialect)
        return found

    def limits(self, principal: Principal) -> Limits:
        """How much a caller may use: the least that any of its roles says."""
        if self.policy is None:
            return NO_LIMITS
        names = tuple(role.name for role in self._roles(self.policy, principal))
        found = self._limits.get(names)
        if found is None:
            found = _limits(self._roles(self.policy, principal))
            self._limits[names] = found
            if len(self._limits) > _MOST:
                self._limits.popitem(last=False)
        return found

    def _of_claims(self, principal: Principal) -> tuple[Any, ...]:
        """The claims that filters name: who agrees in these is the same to the policy."""
        return tuple(_kept(_claim(principal, name)) for name in self._claims)

    @staticmethod
    def _roles(policy: Policy, principal: Principal) -> Iterator[Role]:
        names = policy.anonymous if principal.method is Method.NONE else principal.roles
        return (policy.roles[name] for name in dict.fromkeys(names) if name in policy.roles)

    def _decide(self, principal: Principal, database: str, dialect: Dialect) -> Access | None:
        if self.policy is None:
            return None
        roles = tuple(self._roles(self.policy, principal))
        claims = {name: _claim(principal, name) for name in self._claims}
        rules = [rule for role in roles for rule in _bound(role, database, claims)]
        operations = frozenset(operation for each in rules for operation in each.rule.operations)
        logins = {role.logins[database] for role in roles if database in role.logins}
        if not operations or len(logins) > 1:
            # With several logins, either could do what the other may not.
            return None
        whole = (each.rule.operations for each in rules if not each.rule.tables)
        return Access(
            database=database,
            dialect=dialect,
            operations=operations,
            of_database=frozenset(operation for some in whole for operation in some),
            rules=tuple(each for each in rules if each.rule.tables),
            masker=self._masker,
            login=next(iter(logins), ""),
            limits=_limits(roles),
        )


def _bound(role: Role, database: str, claims: Mapping[str, Any]) -> Iterator[BoundRule]:
    """The rules about a database. One that names a claim which the caller lacks gives nothing."""
    for rule in role.rules:
        if any(matches(pattern, database) for pattern in rule.databases):
            try:
                yield BoundRule(rule, None if rule.rows is None else rule.rows.of(claims))
            except MissingClaimError:
                continue


def _claim(principal: Principal, name: str) -> Any:
    """A claim; with dots in its name also one within another."""
    if name == PRINCIPAL:
        return principal.name or None
    if name in principal.claims:
        return principal.claims[name]
    found: Any = principal.claims
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _kept(claim: Any) -> Any:
    """A claim as a part of a key; True is not 1 there."""
    if isinstance(claim, (list, tuple)):
        return tuple((type(member), member) for member in claim)
    return type(claim), claim


def _limits(roles: Iterator[Role] | tuple[Role, ...]) -> Limits:
    found = NO_LIMITS
    for role in roles:
        found = found.with_those_of(role.limits)
    return found
