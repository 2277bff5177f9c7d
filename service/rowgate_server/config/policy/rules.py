"""One rule of a role."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from rowgate_server.config.policy.document import Path
from rowgate_server.config.policy.filters import FilterReader
from rowgate_server.config.policy.reader import Reader, spelt
from rowgate_server.core.policy.names import ANY, Names, matches
from rowgate_server.core.policy.needs import OF_DATABASES, OF_ROWS, Operation
from rowgate_server.core.policy.records import Mask, Rule

_SETTINGS = (
    *("database", "databases", "schema", "table", "tables", "allow"),
    *("columns", "read", "write", "except", "rows", "masks"),
)
_OF_TABLES = ("schema", "columns", "read", "write", "except", "rows", "masks")
_OPERATIONS = {operation.value: operation for operation in Operation}
_MASKS = {mask.value: mask for mask in Mask}
_CHANGING = frozenset({Operation.UPDATE, Operation.DELETE})
_NEEDED = {"read": frozenset({Operation.READ}), "write": frozenset({Operation.INSERT, Operation.UPDATE})}


class RuleReader:
    """Reads rules.

    Args:
        reader: is told what is wrong.
        databases: the names of those that are served.
    """

    def __init__(self, reader: Reader, databases: Collection[str]) -> None:
        self._reader = reader
        self._databases = databases

    def read(self, value: Any, path: Path) -> Rule | None:
        """The rule; None where something is wrong."""
        before = len(self._reader.faults)
        given = self._reader.section(value, path, _SETTINGS)
        databases = self._either(given, path, "database", "databases")
        tables = self._either(given, path, "table", "tables", needed=False)
        operations = self._allowed(given, path)
        self._check_databases(databases, path)
        self._check_operations(given, path, operations, of_tables=bool(tables))
        schema = given.get("schema", "")
        if not isinstance(schema, str):
            self._reader.refuse((*path, "schema"), "must be a name; `*` is any but the system's")
        read, write, masks = self._columns(given, path, operations)
        rows = FilterReader(self._reader).read(given["rows"], (*path, "rows")) if "rows" in given else None
        if len(self._reader.faults) > before:
            return None
        return Rule(databases, operations, schema, tables, read, write, rows, masks)

    def _either(
        self, given: Mapping[str, Any], path: Path, one: str, several: str, *, needed: bool = True
    ) -> tuple[str, ...]:
        names = [name for name in (one, several) if name in given]
        if len(names) > 1:
            self._reader.refuse((*path, several), f"stands beside {one}; keep one of them")
        if not names:
            if needed:
                self._reader.refuse(path, f"names no {one}")
            return ()
        return self._reader.names(given[names[0]], (*path, names[0]))

    def _allowed(self, given: Mapping[str, Any], path: Path) -> frozenset[Operation]:
        if "allow" not in given:
            self._reader.refuse(path, f"allows nothing: `allow` is some of {', '.join(_OPERATIONS)}")
            return frozenset()
        value = given["allow"]
        value = [value] if isinstance(value, str) else value
        if value == []:
            self._reader.refuse((*path, "allow"), "is empty: a rule that allows nothing does nothing")
        found = (
            self._reader.one_of(each, place, _OPERATIONS, "operation")
            for each, place in self._reader.items(value, (*path, "allow"))
        )
        return frozenset(operation for operation in found if operation is not None)

    def _check_databases(self, databases: tuple[str, ...], path: Path) -> None:
        for name in databases:
            if not any(matches(name, served) for served in self._databases):
                there = ", ".join(sorted(self._databases))
                self._reader.refuse(path, f"is about database {spelt(name)}, which is not served; there are {there}")

    def _check_operations(
        self, given: Mapping[str, Any], path: Path, operations: frozenset[Operation], *, of_tables: bool
    ) -> None:
        wrong = operations & frozenset(OF_DATABASES if of_tables else OF_ROWS)
        words = ", ".join(sorted(operation.value for operation in wrong))
        if wrong and of_tables:
            self._reader.refuse(
                (*path, "allow"),
                f"{words} is allowed of databases as a whole only: SQL is not read for what tables it uses, "
                "so give it in a rule without tables",
            )
        elif wrong:
            self._reader.refuse((*path, "allow"), f"{words} is about tables, and the rule names none; `*` is any")
        if not of_tables:
            for name in _OF_TABLES:
                if name in given:
                    self._reader.refuse((*path, name), "is about tables, and the rule names none")
        if operations & _CHANGING and Operation.READ not in operations and of_tables:
            self._reader.refuse((*path, "allow"), "update and delete need read too, to say which rows are meant")

    def _columns(
        self, given: Mapping[str, Any], path: Path, operations: frozenset[Operation]
    ) -> tuple[Names, Names, Mapping[str, Mask]]:
        without = self._reader.names(given["except"], (*path, "except")) if "except" in given else ()
        both = self._reader.names(given["columns"], (*path, "columns")) if "columns" in given else (ANY,)
        found = {"read": both, "write": both}
        for name in found:
            if name in given:
                found[name] = self._reader.names(given[name], (*path, name))
        for name, needed in _NEEDED.items():
            if name in given and not operations & needed:
                self._reader.refuse((*path, name), "names columns for what the rule does not allow")
        self._check_left_out(without, [found[name] for name in found if operations & _NEEDED[name]], path)
        for name in ("columns", "read", "write"):
            self._check_plain((column for column in found.get(name, both) if column != ANY), (*path, name))
        read, write = (Names.of(names, without) for names in found.values())
        masks: dict[str, Mask] = {}
        for column, value in self._reader.mapping(given.get("masks"), (*path, "masks"), "masks").items():
            self._check_plain((column,), (*path, "masks"))
            mask = self._reader.one_of(value, (*path, "masks", spelt(column)), _MASKS, "mask")
            if column not in read or Operation.READ not in operations:
                self._reader.refuse((*path, "masks", spelt(column)), "masks a column that the rule does not let read")
            if mask is not None:
                masks[column] = mask
        return read, write, MappingProxyType(masks)

    def _check_left_out(self, without: tuple[str, ...], wanted: list[tuple[str, ...]], path: Path) -> None:
        """Leaving out makes sense of all columns only."""
        place = (*path, "except")
        self._check_plain(without, place)
        for column in without:
            if any(column in names for names in wanted):
                self._reader.refuse(place, f"leaves {spelt(column)} out, which the same rule names")
            elif wanted and not any(ANY in names for names in wanted):
                self._reader.refuse(place, f"leaves {spelt(column)} out of columns that are named one by one")

    def _check_plain(self, columns: Iterable[str], path: Path) -> None:
        for column in columns:
            if ANY in column:
                self._reader.refuse(path, f"has {spelt(column)}: columns are named whole, without `*`")
