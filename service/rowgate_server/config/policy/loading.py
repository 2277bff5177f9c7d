"""From the policy's file to roles, or to every problem there is."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rowgate_server.config.errors import ConfigError
from rowgate_server.config.policy.contradictions import contradictions, undone_by_sql
from rowgate_server.config.policy.document import Document, Fault, Path
from rowgate_server.config.policy.reader import Reader, spelt
from rowgate_server.config.policy.rules import RuleReader
from rowgate_server.config.sources import read_text
from rowgate_server.config.values import parse_duration, parse_size
from rowgate_server.core.policy.names import matches
from rowgate_server.core.policy.needs import WRITING
from rowgate_server.core.policy.records import NO_LIMITS, Limits, Policy, Role, Rule

_ROLE = ("rules", "limits", "logins")


def load_policy(
    file: str, databases: Mapping[str, Collection[str]], read_only: Collection[tuple[str, str]] = ()
) -> Policy:
    """Read a policy.

    Args:
        file: its path.
        databases: the names of those that are served, each with the names of its logins.
        read_only: the logins, by the names of both, that can write nothing.

    Raises:
        ConfigError: with all that is wrong.
    """
    shown = f"policy {''.join(character if character.isprintable() else '?' for character in file)}"
    try:
        document = Document(read_text(file))
    except ValueError as error:
        raise ConfigError([f"{shown}: {error}"]) from None
    reading = _PolicyReader(databases, read_only)
    policy = reading.read(document.value)
    faults = document.faults + reading.faults
    if faults or policy is None:
        raise ConfigError(_line(shown, document, fault) for fault in faults)
    return policy


def _line(shown: str, document: Document, fault: Fault) -> str:
    line = document.line(fault.path)
    key = "".join(f"[{step}]" if step.isdecimal() else f".{spelt(step)}" for step in fault.path).removeprefix(".")
    return f"{key or 'policy'} ({shown}{f' line {line}' if line else ''}): {fault.words}"


class _PolicyReader:
    def __init__(self, databases: Mapping[str, Collection[str]], read_only: Collection[tuple[str, str]]) -> None:
        self._databases = databases
        self._read_only = read_only
        self._reader = Reader()

    @property
    def faults(self) -> list[Fault]:
        """What is wrong."""
        return self._reader.faults

    def read(self, value: Any) -> Policy | None:
        """The policy, as far as it can be read."""
        given = self._reader.section(value, (), ("anonymous", "roles"))
        if not given.get("roles"):
            self._reader.refuse(("roles",), "has none: without a role nobody may do anything")
            return None
        roles = {
            name: self._role(name, each, ("roles", name))
            for name, each in self._reader.mapping(given["roles"], ("roles",), "roles").items()
        }
        anonymous = self._reader.names(given["anonymous"], ("anonymous",)) if "anonymous" in given else ()
        for name in anonymous:
            self._reader.one_of(name, ("anonymous",), roles, "role")
        return Policy(MappingProxyType(roles), anonymous)

    def _role(self, name: str, value: Any, path: Path) -> Role:
        given = self._reader.section(value, path, _ROLE)
        if given.get("rules") == []:
            self._reader.refuse((*path, "rules"), "is empty; leave it out")
        if not given:
            self._reader.refuse(path, "does nothing: it has neither rules nor limits")
        before = len(self._reader.faults)
        rules = self._rules(given.get("rules", []), (*path, "rules"))
        limits = self._limits(given["limits"], (*path, "limits")) if "limits" in given else NO_LIMITS
        logins = self._logins(given.get("logins"), (*path, "logins"))
        if len(self._reader.faults) == before:
            self._check_logins(rules, logins, path)
        return Role(name, rules, limits, MappingProxyType(logins))

    def _rules(self, value: Any, path: Path) -> tuple[Rule, ...]:
        before = len(self._reader.faults)
        reader = RuleReader(self._reader, self._databases)
        found = [reader.read(each, place) for each, place in self._reader.items(value, path)]
        rules = tuple(rule for rule in found if rule is not None)
        if len(self._reader.faults) == before:
            for less, more, words in contradictions(rules):
                self._reader.refuse(
                    (*path, str(less)), f"has no effect, because rules[{more}] gives {words} of the same; rules add up"
                )
        return rules

    def _check_logins(self, rules: Sequence[Rule], logins: Mapping[str, str], path: Path) -> None:
        for less, more, database in undone_by_sql(rules, self._databases, logins):
            self._reader.refuse(
                (*path, "rules", str(less)),
                f"keeps nothing back: rules[{more}] allows SQL in {spelt(database)}, which gets around filters, "
                "masks and except; give the role a login there that may do no more",
            )
        for database, login in logins.items():
            writing = any(
                rule.operations & WRITING and any(matches(pattern, database) for pattern in rule.databases)
                for rule in rules
            )
            if writing and (database, login) in self._read_only:
                self._reader.refuse(
                    (*path, "logins", database), "can write nothing, and a rule of the role allows that"
                )

    def _limits(self, value: Any, path: Path) -> Limits:
        given = self._reader.section(value, path, ("rate", "burst", "concurrent", "rows", "bytes", "time"))
        parsers: dict[str, tuple[Any, float]] = {
            "rate": (_rate, 0.001),
            "bytes": (parse_size, 1),
            "time": (parse_duration, 0.001),
        }
        found: dict[str, Any] = {}
        for name, each in given.items():
            parse, least = parsers.get(name, (_whole, 1))
            found[name] = self._reader.quantity(each, (*path, name), parse, least)
        if "burst" in given and "rate" not in given:
            self._reader.refuse((*path, "burst"), "needs a rate, at which it fills again")
        return Limits(**found)

    def _logins(self, value: Any, path: Path) -> dict[str, str]:
        found: dict[str, str] = {}
        for database, login in self._reader.mapping(value, path, "logins").items():
            place = (*path, spelt(database))
            served = self._reader.one_of(database, place, {name: name for name in self._databases}, "database")
            if served is None:
                continue
            there = {name: name for name in self._databases[served]}
            if not there:
                self._reader.refuse(place, f"databases.{served}.logins has none")
            elif self._reader.one_of(login, place, there, f"login of databases.{served}.logins") is not None:
                found[served] = login
        return found


def _rate(value: Any) -> float:
    """Calls a second: a number, or so many a minute or an hour."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return float(value)
    number, slash, unit = value.partition("/") if isinstance(value, str) else ("", "", "")
    if slash and number.strip().isdecimal() and unit.strip() in _UNITS:
        return int(number) / _UNITS[unit.strip()]
    raise ValueError("must be a number of calls a second, or such as 100/m or 500/h")


def _whole(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise ValueError("must be a whole number")


_UNITS = {"s": 1, "m": 60, "h": 3600}
