"""The type of a column to be made: the engine's own as it is written, another engine's mapped or refused.

A type is mapped to one that holds the same values, or refuses those that it can't hold: nothing is rounded or cut.
"""

from __future__ import annotations

import re

from rowgate_server.core.ddl.expressions import literal, quoted
from rowgate_server.core.ddl.kinds import Family, Kind, kind_of
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

# Words, sizes and labels; a type of a schema, or of a name that needs quotes, too.
_NAME = r'(?:[^\W\d]\w*|"(?:[^"\\]|"")+")'
_WRITTEN = re.compile(
    rf"{_NAME}(?:\.{_NAME})?(?: {_NAME})*"
    r"(?: ?\((?:\d+(?: ?, ?-?\d+)?|'(?:[^'\\]|'')*'(?:, ?'(?:[^'\\]|'')*')*|\w+)\))?"
    r"(?: [^\W\d]\w*)*(?:\[\d*\])*\Z"
)
_NAMES_AND_SIZES = re.compile(r'"(?:[^"\\]|"")*"|\([^)]*\)|\[\d*\]|\.')
_BEHIND_A_TYPE = frozenset(
    [
        "UNSIGNED",
        "SIGNED",
        "ZEROFILL",
        "PRECISION",
        "VARYING",
        "WITH",
        "WITHOUT",
        "TIME",
        "ZONE",
        "YEAR",
        "MONTH",
        "DAY",
        "HOUR",
        "MINUTE",
        "SECOND",
        "TO",
    ]
)
_PARTS_OF_SQLITE = frozenset(
    [
        "CONSTRAINT",
        "PRIMARY",
        "KEY",
        "NOT",
        "NULL",
        "UNIQUE",
        "CHECK",
        "DEFAULT",
        "COLLATE",
        "REFERENCES",
        "FOREIGN",
        "GENERATED",
        "AS",
        "ON",
        "AUTOINCREMENT",
    ]
)
"""There every word but these belongs to the type: https://www.sqlite.org/syntax/column-constraint.html."""
_LABELLED = re.compile(r"(enum|set)\s*\(", re.IGNORECASE)
_MOST_DIGITS = {Dialect.MYSQL: 65, Dialect.POSTGRESQL: 1000, Dialect.SQLITE: 15}
"""SQLite keeps a decimal as a double."""
_MOST_SCALE = {Dialect.MYSQL: 30, Dialect.POSTGRESQL: 1000, Dialect.SQLITE: 15}
_MYSQL_LONGEST, _MYSQL_LONGEST_CHAR, _MYSQL_KEY = 16_000, 255, 3072
"""Characters of a VARCHAR and of a CHAR, and bytes of a key: a character has up to four, a row 65,535."""
_SIGNED = {
    Dialect.MYSQL: {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint"},
    Dialect.POSTGRESQL: {16: "smallint", 32: "integer", 64: "bigint"},
    Dialect.SQLITE: {8: "tinyint", 16: "smallint", 24: "mediumint", 32: "int", 64: "bigint"},
}
_PLAIN = {
    Family.BOOLEAN: ("tinyint(1)", "boolean", "boolean"),
    Family.TEXT: ("longtext", "text", "text"),
    Family.BYTES: ("longblob", "bytea", "blob"),
    Family.DATE: ("date", "date", "date"),
    Family.JSON: ("json", "json", "text"),
    Family.UUID: ("char(36)", "uuid", "char(36)"),
}
_FLOATS = {32: ("float", "real", "float"), 64: ("double", "double precision", "double")}
_TIMES = {
    Family.TIME: ("time({})", "time({})", "time"),
    Family.DATETIME: ("datetime({})", "timestamp({})", "datetime"),
    Family.TIMESTAMP: ("timestamp({})", "timestamp({}) with time zone", "timestamp"),
}
_ENGINES = (Dialect.MYSQL, Dialect.POSTGRESQL, Dialect.SQLITE)
_MOST_FRACTION = 6


def written_type(column: TableColumn, source: Dialect, target: Dialect, field: str, *, keyed: int = 0) -> str:
    """The type as CREATE TABLE takes it.

    Args:
        column: whose type it is.
        source: the engine that the description is of.
        target: the engine that it is written for.
        field: where the description has it.
        keyed: how many columns the keys and indexes have that it is part of, at most; 0: it is in none.

    Raises:
        RowgateError: INVALID_REQUEST for what is no type, or is one that the engine has no match for.
    """
    written = column.database_type.strip()
    # A column needs no type in SQLite.
    typeless = target is Dialect.SQLITE and column.type is ValueType.DYNAMIC
    if source is target and (written or typeless):
        return _own(column, written, target, field) if written else ""
    kind = kind_of(column, source)
    if kind is None:
        raise _refused(column, f"{written or 'unknown'} has no match on this engine", field)
    if kind.family is Family.INTEGER:
        return _integer(kind, target, counted=column.autoincrement)
    if kind.family is Family.DECIMAL:
        return _decimal(column, kind, target, field)
    if kind.family is Family.ENUM:
        return _enum(column, target)
    if kind.family in _TIMES:
        fraction = _MOST_FRACTION if kind.size is None else min(kind.size, _MOST_FRACTION)
        return _of(_TIMES[kind.family], target).format(fraction)
    return _text(kind, source, target, keyed)


def guard(column: TableColumn, source: Dialect, target: Dialect) -> str:
    """The condition that refuses what the type on another engine holds beyond, or would change; empty for most."""
    if source is target and column.database_type:
        return ""
    kind, name = kind_of(column, source), quoted(column.name, target)
    if kind is not None and kind.family is Family.ENUM and target is not Dialect.MYSQL:
        return f"{name} IN ({', '.join(literal(label, target) for label in column.labels)})"
    if kind is not None and kind.unsigned:
        # SQLite makes doubles of numbers that need 64 bits and have no sign.
        if target is Dialect.SQLITE and kind.family is Family.INTEGER:
            return f"typeof({name}) IN ('integer', 'null') AND {name} >= 0" if not column.autoincrement else ""
        return f"{name} >= 0" if target is not Dialect.MYSQL else ""
    return _filled(kind, name, source, target) if kind is not None and kind.fixed else ""


def _filled(kind: Kind, name: str, source: Dialect, target: Dialect) -> str:
    """Values as they are where they are filled up: MySQL tells texts without the blanks, PostgreSQL with them."""
    if target is Dialect.MYSQL:
        return f"octet_length({name}) = {kind.size}" if kind.family is Family.BYTES else ""
    if kind.family is Family.BYTES:
        return f"{'length' if target is Dialect.SQLITE else 'octet_length'}({name}) = {kind.size}"
    if source is Dialect.MYSQL:
        return f"{name} = rtrim({name}, ' ')"
    return f"length({name}) = {kind.size}" if target is Dialect.SQLITE else ""


def _own(column: TableColumn, written: str, target: Dialect, field: str) -> str:
    labelled = _LABELLED.match(written) if target is Dialect.MYSQL else None
    if labelled and column.labels:
        return f"{labelled[1]}({', '.join(literal(label, target) for label in column.labels)})"
    if not _WRITTEN.match(written) or not _is_only_a_type(written, target):
        raise _refused(column, "is written as no type is", field)
    return written


def _is_only_a_type(written: str, target: Dialect) -> bool:
    """Whether no other part of a column's definition rides in on it: PRIMARY KEY, REFERENCES, CHECK."""
    first, *others = _NAMES_AND_SIZES.sub(" x ", written).upper().split()
    if target is Dialect.SQLITE:
        return not _PARTS_OF_SQLITE & {first, *others}
    return {word for word in others if word != "X"} <= _BEHIND_A_TYPE


def _of(names: tuple[str, str, str], target: Dialect) -> str:
    return names[_ENGINES.index(target)]


def _integer(kind: Kind, target: Dialect, *, counted: bool) -> str:
    bits = kind.size or 64
    widths = _SIGNED[target]
    if kind.unsigned and target is not Dialect.POSTGRESQL:
        return f"{widths[min(width for width in widths if width >= bits)]} unsigned"
    needed = bits + 1 if kind.unsigned else bits
    fitting = [width for width in widths if width >= needed]
    if fitting:
        return widths[min(fitting)]
    # What is counted up does not come so far.
    return "bigint" if counted else "numeric(20,0)"


def _decimal(column: TableColumn, kind: Kind, target: Dialect, field: str) -> str:
    scale = kind.scale or 0
    if kind.size is None:
        if target is not Dialect.POSTGRESQL:
            raise _refused(column, "has no precision, which this engine needs", field)
        return "numeric"
    digits = kind.size
    if target is not Dialect.POSTGRESQL:
        # PostgreSQL's scale may be negative, or more than the digits.
        digits, scale = max(digits - min(scale, 0), scale), max(scale, 0)
    if digits > _MOST_DIGITS[target] or scale > _MOST_SCALE[target]:
        raise _refused(column, "has more digits than this engine keeps", field)
    return f"{'numeric' if target is Dialect.POSTGRESQL else 'decimal'}({digits},{scale})"


def _enum(column: TableColumn, target: Dialect) -> str:
    if target is Dialect.MYSQL:
        return f"enum({', '.join(literal(label, target) for label in column.labels)})"
    return f"varchar({max((len(label) for label in column.labels), default=1) or 1})"


def _text(kind: Kind, source: Dialect, target: Dialect, keyed: int) -> str:
    """Texts, bytes and what has one name on each engine."""
    if kind.family is Family.FLOAT:
        return _of(_FLOATS[kind.size or 64], target)
    sized = kind.family in (Family.CHAR, Family.VARCHAR)
    if target is Dialect.MYSQL and keyed and kind.family in (Family.TEXT, Family.VARCHAR, Family.BYTES):
        # A key takes so many bytes of all its columns together, and only such types whole.
        if kind.family is Family.BYTES:
            return f"varbinary({_MYSQL_KEY // keyed})"
        longest = _MYSQL_KEY // 4 // keyed
        return f"varchar({min(kind.size or longest, longest)})"
    if not sized or not kind.size:
        return _of(_PLAIN[Family.TEXT if sized else kind.family], target)
    if target is Dialect.MYSQL and kind.size > _MYSQL_LONGEST:
        return "longtext"
    fixed = kind.family is Family.CHAR and not (target is Dialect.MYSQL and kind.size > _MYSQL_LONGEST_CHAR)
    if source is Dialect.MYSQL and target is Dialect.POSTGRESQL:
        fixed = False  # it tells the blanks of a CHAR, which MySQL does not
    return f"{'char' if fixed else 'varchar'}({kind.size})"


def _refused(column: TableColumn, words: str, field: str) -> RowgateError:
    return RowgateError(
        Reason.INVALID_REQUEST,
        f"the column's type {words}",
        field=field,
        outcome=Outcome.NOT_RUN,
        column=column.name,
        hint="give the engine's own database_type to each column, and leave engine out",
    )
