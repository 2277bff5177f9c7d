"""Expressions of one engine written for another: those that mean the same there; the others are refused.

What is carried over is names of the table's columns, literals, comparisons, logic and plain arithmetic, and a few
functions, each of operands that engines treat alike. Division and LIKE are not: whole numbers divide otherwise, and
letters' cases compare otherwise. Neither is the order of texts, nor what turns one kind of value into another.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import ClassVar, NamedTuple

from rowgate_server.core.ddl.collations import is_exact
from rowgate_server.core.ddl.expressions import literal, quoted, refused
from rowgate_server.core.ddl.kinds import Family, kind_of
from rowgate_server.core.ddl.parsing import Call, Cast, Literal, Name, Node, Operation, parsed, within_depth
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect

_GROUPS = {
    **dict.fromkeys((Family.INTEGER, Family.DECIMAL, Family.FLOAT), "number"),
    **dict.fromkeys((Family.CHAR, Family.VARCHAR, Family.TEXT, Family.ENUM), "text"),
    Family.BOOLEAN: "bool",
    Family.BYTES: "bytes",
    Family.DATE: "date",
    Family.TIME: "time",
    Family.DATETIME: "datetime",
    Family.TIMESTAMP: "timestamp",
}
_CHARACTERS = {Dialect.MYSQL: "char_length", Dialect.POSTGRESQL: "char_length", Dialect.SQLITE: "length"}
_TEXTS = frozenset({"text", "character varying", "varchar", "bpchar"})
_WHOLE = {"smallint": 16, "integer": 32, "bigint": 64}
_TIMES = {
    "time without time zone": "time",
    "timestamp without time zone": "datetime",
    "timestamp with time zone": "timestamp",
}
_WHOLE_TEXT = re.compile(r"-?\d+\Z")
_DATE_TEXT = re.compile(r"\d{4}-\d\d-\d\d\Z")
_TIME_TEXT = re.compile(r"(?:\d{4}-\d\d-\d\d[ T]?)?(?:\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)?\Z")
_SHORT = 5
"""Digits, or fewer with a sign, that fit into 16 bits whatever they are."""
_PADDED = {Dialect.POSTGRESQL, Dialect.SQLITE}
_NOT_ALIKE = "the expression has values in it that are not known to be treated alike on another engine"


class Written(NamedTuple):
    """A piece of SQL, what kind of values it gives, and whether it stands alone without parentheses."""

    text: str
    group: str
    whole: bool = False
    literal: bool = False


def ported(text: str, columns: Iterable[TableColumn], source: Dialect, target: Dialect, field: str) -> str:
    """A condition of another engine's: comparisons, arithmetic and logic of columns and literals.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    with within_depth(field):
        return _Porting(columns, source, target, field).condition(parsed(text, source, field)).text


def ported_value(text: str, columns: Iterable[TableColumn], source: Dialect, target: Dialect, field: str) -> str:
    """What another engine's generated column is computed by.

    Raises:
        RowgateError: INVALID_REQUEST.
    """
    with within_depth(field):
        return _Porting(columns, source, target, field).of(parsed(text, source, field)).text


class _Porting:
    def __init__(self, columns: Iterable[TableColumn], source: Dialect, target: Dialect, field: str) -> None:
        self._of_table = tuple(columns)
        self._columns = {column.name: column for column in self._of_table}
        self._folded = {name.casefold(): name for name in self._columns}
        self._source, self._target, self._field = source, target, field

    def condition(self, node: Node) -> Written:
        """Where something is asked for that holds or not."""
        found = self.of(node)
        if found.group == "number" and self._target is Dialect.POSTGRESQL:
            return Written(f"{_within(found)} <> 0", "bool")
        if found.group not in ("bool", "number", "null"):
            raise self._not_alike()
        return found

    def of(self, node: Node) -> Written:
        if isinstance(node, Literal):
            return self._literal(node)
        if isinstance(node, Name):
            return self._column(node)
        if isinstance(node, Cast):
            return self._cast(node)
        if isinstance(node, Call):
            return self._call(node)
        return self._operations[node.operator](self, node)

    def _literal(self, node: Literal) -> Written:
        if node.kind == "text":
            return Written(literal(node.text, self._target), "text", whole=True, literal=True)
        if node.kind == "bytes":
            raise self._not_alike()
        text = "NULL" if node.kind == "null" else node.text
        return Written(text.upper() if node.kind == "bool" else text, node.kind, whole=True, literal=True)

    def _column(self, node: Name) -> Written:
        name = node.text if node.quoted else self._folded.get(node.text.casefold(), node.text)
        column = self._columns.get(name)
        if column is None:
            raise refused("a name in the expression is no column of the table", self._field)
        kind = kind_of(column, self._source)
        group = _GROUPS.get(kind.family, "") if kind else ""
        if kind is not None and kind.family is Family.CHAR and {self._source, self._target} == _PADDED:
            group = ""  # blanks at the end count there, and don't here
        if group == "text" and not is_exact(column.collation, self._source):
            group = "folded"
        return Written(quoted(name, self._target), group, whole=True)

    def _cast(self, node: Cast) -> Written:
        """Only one that changes no value."""
        found, bare = self.of(node.operand), re.sub(r"\(.*\)", "", node.type).strip()
        plain = bare == node.type
        if found.group == "null" or (plain and bare in _TEXTS and found.group == "text"):
            return found
        if isinstance(node.operand, Literal) and node.operand.kind == "text":
            if any(node.operand.text in each.labels and each.database_type == node.type for each in self._of_table):
                return found  # a label of an enum
            return self._literal_cast(node.operand.text, bare, found)
        if plain and found.group == "number" and self._fits(node.operand, bare):
            return found
        if (bare, found.group) in (("date", "date"), ("boolean", "bool")):
            return found
        raise self._not_alike()

    def _fits(self, operand: Node, bare: str) -> bool:
        """Whether each value of the operand's is one of the type, as it is."""
        family, bits = self._kind(operand)
        if bare == "numeric":
            return family in (Family.INTEGER, Family.DECIMAL)
        if bare in _WHOLE:
            return family is Family.INTEGER and bits <= _WHOLE[bare]
        return bare == "double precision" and family is Family.FLOAT

    def _literal_cast(self, text: str, bare: str, found: Written) -> Written:
        if bare == "date" and _DATE_TEXT.match(text):
            return found._replace(group="date")
        if bare in _TIMES and _TIME_TEXT.match(text) and text:
            return found._replace(group=_TIMES[bare])
        if (bare in _WHOLE or bare == "numeric") and _WHOLE_TEXT.match(text):
            return Written(text, "number", whole=not text.startswith("-"), literal=True)
        raise self._not_alike()

    def _kind(self, node: Node) -> tuple[Family | None, int]:
        """What numbers it gives, and with how many bits at most; None for what is not known."""
        if isinstance(node, Literal):
            whole = node.kind == "number" and _WHOLE_TEXT.match(node.text) is not None
            return (Family.INTEGER if whole else Family.DECIMAL), 16 if whole and len(node.text) < _SHORT else 64
        if isinstance(node, Name):
            column = self._columns.get(node.text) or self._columns.get(self._folded.get(node.text.casefold(), ""))
            kind = kind_of(column, self._source) if column else None
            return (kind.family, kind.size or 64) if kind else (None, 64)
        if isinstance(node, Operation):
            families = [self._kind(each)[0] for each in node.operands]
            least = next((each for each in (None, Family.FLOAT, Family.DECIMAL) if each in families), Family.INTEGER)
            return least, 64
        return self._kind(node.operand) if isinstance(node, Cast) else (None, 64)

    def _call(self, node: Call) -> Written:
        arguments = [self.of(each) for each in node.arguments]
        groups = {each.group for each in arguments} - {"null"}
        listed = ", ".join(each.text for each in arguments)
        # MySQL's LENGTH counts bytes.
        counts = node.name in ("char_length", "character_length") or (
            node.name == "length" and self._source is not Dialect.MYSQL
        )
        if counts and len(arguments) == 1 and groups <= {"text", "folded"}:
            return Written(f"{_CHARACTERS[self._target]}({listed})", "number", whole=True)
        if node.name == "abs" and len(arguments) == 1 and groups == {"number"}:
            return Written(f"abs({listed})", "number", whole=True)
        if node.name in ("coalesce", "ifnull", "nullif") and len(arguments) > 1:
            self._check_alike(arguments)
            name = "coalesce" if node.name == "ifnull" else node.name
            return Written(f"{name}({listed})", next(iter(groups), "null"), whole=True)
        if node.name == "concat" and self._source is Dialect.MYSQL and groups == {"text"}:
            return Written(" || ".join(map(_within, arguments)), "text")
        raise refused("a function in the expression is not known to mean the same on another engine", self._field)

    def _logic(self, node: Operation) -> Written:
        written = [self.condition(each) for each in node.operands]
        if node.operator == "not":
            return Written(f"NOT {_within(written[0])}", "bool")
        return Written(f" {node.operator.upper()} ".join(map(_within, written)), "bool")

    def _compare(self, node: Operation) -> Written:
        left, right = self._alike(node.operands)
        if node.operator in ("<", "<=", ">", ">="):
            self._check_ordered(left, right)
        operator = node.operator
        if operator == "<=>":
            return self._distinct(left, right, same=not node.negated)
        return Written(f"{_within(left)} {operator} {_within(right)}", "bool")

    def _distinct(self, left: Written, right: Written, *, same: bool) -> Written:
        """Whether they are equal, NULL being equal to NULL."""
        if self._target is Dialect.MYSQL:
            found = Written(f"{_within(left)} <=> {_within(right)}", "bool")
            return found if same else Written(f"NOT {_within(found)}", "bool")
        is_ = "IS" if self._target is Dialect.SQLITE else "IS NOT DISTINCT FROM"
        is_not = "IS NOT" if self._target is Dialect.SQLITE else "IS DISTINCT FROM"
        return Written(f"{_within(left)} {is_ if same else is_not} {_within(right)}", "bool")

    def _is(self, node: Operation) -> Written:
        left, right = (self.of(each) for each in node.operands)
        if right.group == "bool" and left.group != "bool":
            raise self._not_alike()
        return Written(f"{_within(left)} IS {'NOT ' if node.negated else ''}{right.text}", "bool")

    def _in(self, node: Operation) -> Written:
        first, *others = self._alike(node.operands)
        if not others:
            raise self._not_alike()
        listed = ", ".join(each.text for each in others)
        return Written(f"{_within(first)} {'NOT ' if node.negated else ''}IN ({listed})", "bool")

    def _between(self, node: Operation) -> Written:
        found = self._alike(node.operands)
        self._check_ordered(*found)
        first, low, high = map(_within, found)
        return Written(f"{first} {'NOT ' if node.negated else ''}BETWEEN {low} AND {high}", "bool")

    def _arithmetic(self, node: Operation) -> Written:
        written = [self.of(each) for each in node.operands]
        if {each.group for each in written} - {"number", "null"}:
            raise self._not_alike()
        if node.operator == "%" and any(self._kind(each)[0] is not Family.INTEGER for each in node.operands):
            raise self._not_alike()  # SQLite cuts them to whole numbers
        if len(written) == 1:
            return Written(f"-{_within(written[0])}", "number", literal=written[0].literal)
        return Written(f" {node.operator} ".join(map(_within, written)), "number")

    def _joined(self, node: Operation) -> Written:
        written = [self.of(each) for each in node.operands]
        # To MySQL it is OR.
        if self._source is Dialect.MYSQL or {each.group for each in written} != {"text"}:
            raise self._not_alike()
        if self._target is Dialect.MYSQL:
            return Written(f"concat({', '.join(each.text for each in written)})", "text", whole=True)
        return Written(" || ".join(map(_within, written)), "text")

    def _alike(self, operands: tuple[Node, ...]) -> list[Written]:
        """Operands that are compared: all of one kind, literals made so."""
        found = [self.of(each) for each in operands]
        groups = {each.group for each in found if not each.literal} or {each.group for each in found}
        group = next(iter(groups - {"null"}), "null")
        found = [self._fitting(each, group) for each in found]
        # To MySQL's collations blanks at the end don't count.
        if self._source is Dialect.MYSQL and any(each.literal and each.text.endswith(" '") for each in found):
            raise self._not_alike()
        self._check_alike(found)
        return found

    def _fitting(self, written: Written, group: str) -> Written:
        if written.literal and group == "bool" and written.text in ("0", "1"):
            return Written("TRUE" if written.text == "1" else "FALSE", "bool", whole=True, literal=True)
        if written.literal and written.group == "text" and group in ("date", *_TIMES.values()):
            text = written.text[1:-1]
            if (_DATE_TEXT if group == "date" else _TIME_TEXT).match(text) and text:
                return written._replace(group=group)
        return written

    def _check_alike(self, written: list[Written]) -> None:
        groups = {each.group for each in written} - {"null"}
        if "folded" in groups:
            raise refused(
                "the expression compares texts by a collation that the other engine does not have", self._field
            )
        # SQLite keeps times as texts, of which one moment has several.
        loose = groups & set(_TIMES.values()) and Dialect.SQLITE in (self._source, self._target)
        if len(groups) > 1 or loose or groups & {"", "bytes"}:
            raise self._not_alike()

    def _check_ordered(self, *written: Written) -> None:
        if {each.group for each in written} & {"text", "bool"}:
            raise refused("the order of texts is not the same on another engine", self._field)

    def _not_alike(self) -> Exception:
        return refused(_NOT_ALIKE, self._field)

    _operations: ClassVar[Mapping[str, Callable[[_Porting, Operation], Written]]] = {
        **dict.fromkeys(("and", "or", "not"), _logic),
        **dict.fromkeys(("=", "<>", "<", "<=", ">", ">=", "<=>"), _compare),
        **dict.fromkeys(("+", "-", "*", "%"), _arithmetic),
        "||": _joined,
        "is": _is,
        "in": _in,
        "between": _between,
    }


def _within(written: Written) -> str:
    return written.text if written.whole else f"({written.text})"
