"""Conditions on columns, and orders by them: `col("total") >= 10`, `&`, `|`, `~`, `col("placed_at").desc()`.

A condition is made into the wire's Filter at once: what can't be sent is refused in the line that wrote it, and what
happens to a list afterwards does not change it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal, NoReturn

from rowgate._encode import encode_cell
from rowgate._table_names import a_kind, checked_name
from rowgate._table_orders import Nulls, SortOrder
from rowgate.v1 import filter_pb2 as pb
from rowgate.v1.value_pb2 import Value

_SIGNS: Final[Mapping[pb.ComparisonOperator.ValueType, str]] = {
    pb.COMPARISON_OPERATOR_EQ: "=",
    pb.COMPARISON_OPERATOR_NE: "<>",
    pb.COMPARISON_OPERATOR_LT: "<",
    pb.COMPARISON_OPERATOR_LE: "<=",
    pb.COMPARISON_OPERATOR_GT: ">",
    pb.COMPARISON_OPERATOR_GE: ">=",
}


class Condition:
    """What rows must be like: made by comparing a `col(...)`, put together with `&`, `|` and `~`.

    Of each row it is true or false, never unknown as in SQL: `~` gives exactly the rows that a condition leaves out,
    those whose column is NULL among them. Immutable.
    """

    __slots__ = ("_filter",)

    def __init__(self, wire: pb.Filter) -> None:
        self._filter = wire

    def __and__(self, other: object) -> Condition:
        return all_of(self, other) if isinstance(other, Condition) else NotImplemented

    def __or__(self, other: object) -> Condition:
        return any_of(self, other) if isinstance(other, Condition) else NotImplemented

    def __invert__(self) -> Condition:
        if self._filter.HasField("not"):
            return Condition(getattr(self._filter, "not"))
        return Condition(_node("not", self._filter))

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "a condition is neither true nor false: put conditions together with &, | and ~, not with `and`, `or`, "
            "`not` and `if`, and say `low <= column <= high` with between(low, high)"
        )

    def __repr__(self) -> str:
        return f"<Condition {_told(self._filter)}>"

    def to_wire(self) -> pb.Filter:
        """The condition as the gateway is told it; not to be changed."""
        return self._filter


class ColumnName:
    """A column of whatever table is asked; made by `col`. Compare it, or order by it.

    A value is sent by its Python type, as a statement's parameters are, and the gateway makes it one of the column's
    type, where that is exact.
    """

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = checked_name(name, "column")

    def __eq__(self, value: object) -> Condition:  # type: ignore[override]  # it makes a condition
        """Equal. `== None`: is NULL."""
        return self._compare(pb.COMPARISON_OPERATOR_EQ, value)

    def __ne__(self, value: object) -> Condition:  # type: ignore[override]  # it makes a condition
        """Everything that `==` leaves out: rows whose column is NULL among them. `!= None`: is not NULL."""
        return self._compare(pb.COMPARISON_OPERATOR_NE, value)

    __hash__ = None  # type: ignore[assignment]  # in a set or a dict, `==` would have to answer

    def __lt__(self, value: Any) -> Condition:
        """Less; NULL is not."""
        return self._compare(pb.COMPARISON_OPERATOR_LT, value)

    def __le__(self, value: Any) -> Condition:
        """Less or equal; NULL is neither."""
        return self._compare(pb.COMPARISON_OPERATOR_LE, value)

    def __gt__(self, value: Any) -> Condition:
        """Greater; NULL is not."""
        return self._compare(pb.COMPARISON_OPERATOR_GT, value)

    def __ge__(self, value: Any) -> Condition:
        """Greater or equal; NULL is neither."""
        return self._compare(pb.COMPARISON_OPERATOR_GE, value)

    def in_(self, values: Iterable[Any]) -> Condition:
        """Equal to one of the values; with None among them, also NULL. Of no values: no row."""
        return self._compare_many(pb.COMPARISON_OPERATOR_IN, _several(values, "in_"))

    def not_in(self, values: Iterable[Any]) -> Condition:
        """Everything that `in_` leaves out: rows whose column is NULL among them, unless the values have None."""
        return self._compare_many(pb.COMPARISON_OPERATOR_NOT_IN, _several(values, "not_in"))

    def between(self, low: Any, high: Any) -> Condition:
        """Between two values, both of them included; NULL is not."""
        return self._compare_many(pb.COMPARISON_OPERATOR_BETWEEN, [low, high])

    def like(self, pattern: str) -> Condition:
        """Text that matches: `%` is any run of characters, `_` any one, a backslash takes the next as it is."""
        return self._compare(pb.COMPARISON_OPERATOR_LIKE, pattern)

    def not_like(self, pattern: str) -> Condition:
        """Everything that `like` leaves out, NULL included."""
        return self._compare(pb.COMPARISON_OPERATOR_NOT_LIKE, pattern)

    def ilike(self, pattern: str) -> Condition:
        """`like` where case does not count."""
        return self._compare(pb.COMPARISON_OPERATOR_ILIKE, pattern)

    def starts_with(self, text: str) -> Condition:
        """Text that begins with this one, whatever characters it has; case counts."""
        return self._compare(pb.COMPARISON_OPERATOR_STARTS_WITH, text)

    def ends_with(self, text: str) -> Condition:
        """Text that ends with this one; case counts."""
        return self._compare(pb.COMPARISON_OPERATOR_ENDS_WITH, text)

    def contains(self, text: str) -> Condition:
        """Text that has this one in it; case counts."""
        return self._compare(pb.COMPARISON_OPERATOR_CONTAINS, text)

    def is_null(self) -> Condition:
        """NULL."""
        return self._made(op=pb.COMPARISON_OPERATOR_IS_NULL)

    def is_not_null(self) -> Condition:
        """Not NULL."""
        return self._made(op=pb.COMPARISON_OPERATOR_IS_NOT_NULL)

    def asc(self, *, nulls: Nulls = None) -> SortOrder:
        """Smallest first. NULLs count as smaller than everything, unless `nulls` says `first` or `last`."""
        return SortOrder(self.name, descending=False, nulls=nulls)

    def desc(self, *, nulls: Nulls = None) -> SortOrder:
        """Largest first. NULLs count as smaller than everything, unless `nulls` says `first` or `last`."""
        return SortOrder(self.name, descending=True, nulls=nulls)

    def __repr__(self) -> str:
        return f"col({self.name!r})"

    def _no_condition(self, *_: object) -> NoReturn:
        # `col("a") == 1 & col("b") == 2`: & binds more tightly than ==, and gets here before anything is compared.
        raise TypeError(
            f"{self!r} alone is no condition: compare it, as in `{self!r} == True`, and put parentheses around each "
            "comparison beside & and |"
        )

    __and__ = __rand__ = __or__ = __ror__ = __invert__ = __bool__ = _no_condition

    def _compare(self, op: pb.ComparisonOperator.ValueType, value: object) -> Condition:
        return self._made(op=op, value=self._value(value, "value"))

    def _compare_many(self, op: pb.ComparisonOperator.ValueType, values: Iterable[object]) -> Condition:
        encoded = [self._value(value, f"values[{at}]") for at, value in enumerate(values)]
        return self._made(op=op, values=encoded)

    def _value(self, value: object, field: str) -> Value:
        if isinstance(value, ColumnName | Condition):
            raise TypeError(f"{self!r} is compared with values, not with {a_kind(value)}")
        return encode_cell(value, self.name, f"filter.compare.{field}")

    def _made(self, **comparison: Any) -> Condition:
        return Condition(pb.Filter(compare=pb.Comparison(column=self.name, **comparison)))


def col(name: str) -> ColumnName:
    """A column by its name, exactly as the database writes it, to compare or to order by.

    Raises:
        TypeError: the name is no text.
        InvalidParameter: it is empty, or can't be sent.
    """
    return ColumnName(name)


def all_of(*conditions: Condition) -> Condition:
    """All of the conditions, as `&` between them says it; of none: every row."""
    return _together("and", conditions)


def any_of(*conditions: Condition) -> Condition:
    """At least one of the conditions, as `|` between them says it; of none: no row."""
    return _together("or", conditions)


def equal(values: Mapping[str, Any]) -> list[Condition]:
    """The conditions that `where(state="paid")` stands for."""
    return [col(name) == value for name, value in values.items()]


def checked_condition(given: object) -> Condition:
    """A condition.

    Raises:
        TypeError: it is something else.
    """
    if isinstance(given, Condition):
        return given
    if isinstance(given, ColumnName):
        given._no_condition()  # noqa: SLF001 - the error that its own operators raise
    hint = ": spread a dict of columns and values with **" if isinstance(given, Mapping) else ""
    raise TypeError(f"a condition is made like col('id') == 7, not of {a_kind(given)}{hint}")


def _together(kind: Literal["and", "or"], conditions: Iterable[object]) -> Condition:
    """One flat list, whichever way it was put together: a hundred `|` must not be a tree a hundred nodes deep."""
    filters: list[pb.Filter] = []
    for wire in (checked_condition(condition).to_wire() for condition in conditions):
        filters.extend(getattr(wire, kind).filters if wire.HasField(kind) else [wire])
    if len(filters) == 1:
        return Condition(filters[0])
    return Condition(_node(kind, pb.FilterList(filters=filters)))


def _node(kind: Literal["and", "or", "not"], content: pb.FilterList | pb.Filter) -> pb.Filter:
    """A node whose kind is a word of Python's, which can't be written as an argument's name."""
    arm: dict[str, Any] = {kind: content}
    return pb.Filter(**arm)


def _several(values: Iterable[Any], method: str) -> Iterable[Any]:
    if isinstance(values, str | bytes | bytearray | memoryview | Mapping) or not isinstance(values, Iterable):
        raise TypeError(f"{method} takes several values, such as a list, not {a_kind(values)}")
    return values


def _told(wire: pb.Filter) -> str:
    """A filter for people: like SQL, and without the values, which may be secrets."""
    kind = wire.WhichOneof("kind")
    if kind == "compare":
        return _told_comparison(wire.compare)
    if kind == "not":
        return f"not ({_told(getattr(wire, 'not'))})"
    parts = [_told(part) for part in getattr(wire, str(kind)).filters]
    if not parts:
        return "every row" if kind == "and" else "no row"
    return f" {kind} ".join(f"({part})" if " and " in part or " or " in part else part for part in parts)


def _told_comparison(comparison: pb.Comparison) -> str:
    word = pb.ComparisonOperator.Name(comparison.op).removeprefix("COMPARISON_OPERATOR_").lower().replace("_", " ")
    marks = "?" if comparison.HasField("value") else f"({', '.join('?' * len(comparison.values))})"
    if comparison.op in (pb.COMPARISON_OPERATOR_IS_NULL, pb.COMPARISON_OPERATOR_IS_NOT_NULL):
        marks = ""
    return f"{comparison.column} {_SIGNS.get(comparison.op, word)} {marks}".rstrip()
