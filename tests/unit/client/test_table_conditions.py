"""`col`, conditions and orders: what they say on the wire, and what is refused in the line that wrote it."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import Any, cast

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE
from hypothesis import given
from hypothesis import strategies as st

import rowgate
from rowgate import ColumnName, Condition, SortOrder, all_of, any_of, col
from rowgate.v1 import filter_pb2 as pb
from rowgate.v1 import table_service_pb2 as table_pb
from rowgate.v1.value_pb2 import Value, ValueList

A = col("a") == 1
B = col("b") == 2
C = col("c") == 3


def compare(column: str, op: str, *values: Value, value: Value | None = None) -> pb.Filter:
    number = pb.ComparisonOperator.Value(f"COMPARISON_OPERATOR_{op}")
    return pb.Filter(compare=pb.Comparison(column=column, op=number, value=value, values=values))


def one(number: int) -> Value:
    return Value(int_value=number)


def text(content: str) -> Value:
    return Value(string_value=content)


@pytest.mark.parametrize(
    ("condition", "op", "value"),
    [
        (col("a") == 1, "EQ", one(1)),
        (col("a") != 1, "NE", one(1)),
        (col("a") < 1, "LT", one(1)),
        (col("a") <= 1, "LE", one(1)),
        (col("a") > 1, "GT", one(1)),
        (col("a") >= 1, "GE", one(1)),
        (1 < col("a"), "GT", one(1)),  # noqa: SIM300 - the order is what is tested
        (col("a") == None, "EQ", Value(null_value=NULL_VALUE)),  # noqa: E711 - it makes a condition
        (col("a") != None, "NE", Value(null_value=NULL_VALUE)),  # noqa: E711
        (col("a") == True, "EQ", Value(bool_value=True)),  # noqa: E712
        (col("a") == [1], "EQ", Value(list_value=ValueList(values=[one(1)]))),
        (col("a").like("b%"), "LIKE", text("b%")),
        (col("a").not_like("b%"), "NOT_LIKE", text("b%")),
        (col("a").ilike("b%"), "ILIKE", text("b%")),
        (col("a").starts_with("50%"), "STARTS_WITH", text("50%")),
        (col("a").ends_with("b"), "ENDS_WITH", text("b")),
        (col("a").contains("b"), "CONTAINS", text("b")),
    ],
)
def test_a_comparison_names_column_operator_and_value(condition: Condition, op: str, value: Value) -> None:
    assert condition.to_wire() == compare("a", op, value=value)


@pytest.mark.parametrize(
    ("condition", "op", "values"),
    [
        (col("a").in_([1, 2]), "IN", [one(1), one(2)]),
        (col("a").in_(number for number in (1, 2)), "IN", [one(1), one(2)]),
        (col("a").in_([]), "IN", []),
        (col("a").not_in((1, None)), "NOT_IN", [one(1), Value(null_value=NULL_VALUE)]),
        (col("a").between(1, 2), "BETWEEN", [one(1), one(2)]),
        (col("a").is_null(), "IS_NULL", []),
        (col("a").is_not_null(), "IS_NOT_NULL", []),
    ],
)
def test_a_comparison_with_several_values_or_none_names_them_in_order(
    condition: Condition, op: str, values: list[Value]
) -> None:
    assert condition.to_wire() == compare("a", op, *values)


def test_every_operator_of_the_proto_can_be_said() -> None:
    column = col("a")
    said = [
        *(sign(column, 1) for sign in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge)),
        *(column.in_([]), column.not_in([]), column.between(1, 2), column.is_null(), column.is_not_null()),
        *(column.like(""), column.not_like(""), column.ilike("")),
        *(column.starts_with(""), column.ends_with(""), column.contains("")),
    ]
    assert {condition.to_wire().compare.op for condition in said} == set(pb.ComparisonOperator.values()) - {0}


def kind(condition: Condition) -> tuple[str, list[pb.Filter]]:
    wire = condition.to_wire()
    word = wire.WhichOneof("kind")
    return str(word), list(getattr(wire, str(word)).filters)


def test_and_and_or_take_conditions_together() -> None:
    assert kind(A & B) == ("and", [A.to_wire(), B.to_wire()])
    assert kind(A | B) == ("or", [A.to_wire(), B.to_wire()])
    assert kind(A & B | C) == ("or", [(A & B).to_wire(), C.to_wire()])


@pytest.mark.parametrize(("join", "word"), [(operator.and_, "and"), (operator.or_, "or")])
def test_a_long_chain_is_flat_and_in_order(join: Callable[[Any, Any], Any], word: str) -> None:
    chain = [col("a") == number for number in range(100)]
    flat = (word, [condition.to_wire() for condition in chain])
    assert kind(functools.reduce(join, chain)) == flat
    assert kind(functools.reduce(lambda right, left: join(left, right), reversed(chain))) == flat
    assert kind((all_of if word == "and" else any_of)(*chain)) == flat


def test_not_gives_what_is_left_out_and_twice_gives_it_back() -> None:
    assert getattr((~A).to_wire(), "not") == A.to_wire()
    assert (~~A).to_wire() == A.to_wire()
    assert kind(~A & B) == ("and", [(~A).to_wire(), B.to_wire()])


def test_all_of_nothing_is_every_row_and_any_of_nothing_is_none() -> None:
    assert kind(all_of()) == ("and", [])
    assert kind(any_of()) == ("or", [])
    assert all_of(A).to_wire() == any_of(A).to_wire() == A.to_wire()


def test_putting_conditions_together_leaves_them_as_they_were() -> None:
    before = (A & B).to_wire()
    first = A & B
    _ = (first & C, first | C, ~first)
    assert first.to_wire() == before


def test_a_list_that_changes_afterwards_does_not_change_the_condition() -> None:
    states = ["packed"]
    condition = col("status").in_(states)
    states.append("shipped")
    assert condition.to_wire() == compare("status", "IN", text("packed"))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda column: bool(column == 1),
        lambda column: column == 1 and column == 2,
        lambda column: column == 1 or A,
        lambda column: not (column == 1),  # noqa: SIM201 - what is tested
        lambda column: 1 < column < 3,
        lambda column: column in [3, 4],
        lambda column: 1 if column == 1 else 2,
    ],
)
def test_a_condition_is_neither_true_nor_false(misuse: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"neither true nor false.*&, \| and ~"):
        misuse(col("a"))


@pytest.mark.parametrize(
    "misuse",
    [
        lambda column: column == 1 & column == 2,
        lambda column: column & A,
        lambda column: ~column,
        lambda column: True | column,
        bool,
        all_of,
    ],
)
def test_a_column_alone_is_no_condition(misuse: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError, match=r"alone is no condition.*parentheses"):
        misuse(col("a"))


@pytest.mark.parametrize(
    ("misuse", "told"),
    [
        (lambda column: column == col("b"), "compared with values, not with a ColumnName"),
        (lambda column: column.in_([A]), "compared with values, not with a Condition"),
        (lambda column: column.in_("abc"), "in_ takes several values, such as a list, not a str"),
        (lambda column: column.in_({"b": 1}), "in_ takes several values"),
        (lambda column: column.not_in(7), "not_in takes several values"),
        (lambda _: col(cast("str", 7)), "a column's name is a str, not a int"),
        (lambda column: column.asc(nulls="middle"), "nulls is 'first', 'last' or None"),
        (lambda column: (column == 1) & True, "unsupported operand"),
        (lambda column: all_of(column == 1, cast("Condition", True)), "a condition is made like"),
        (lambda _: any_of(cast("Condition", {"a": 1})), "spread a dict"),
        (lambda column: {column}, "unhashable"),
        (lambda column: "a" in column, "not iterable|not a container"),
    ],
)
def test_what_is_no_condition_is_refused(misuse: Callable[[Any], object], told: str) -> None:
    with pytest.raises(TypeError, match=told):
        misuse(col("a"))


@pytest.mark.parametrize("value", [{"a": 1}, {1, 2}, 2**70, object(), "\ud800"])
def test_a_value_that_cant_be_sent_is_refused_where_it_is_written(value: Any) -> None:
    with pytest.raises(rowgate.InvalidParameter, match="column 'total': ") as caught:
        _ = col("total") >= value
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN
    assert caught.value.metadata == {"column": "total"}
    assert [violation.field for violation in caught.value.field_violations] == ["filter.compare.value"]


@pytest.mark.parametrize("name", ["", "\ud800"])
def test_a_name_that_cant_be_sent_is_refused(name: str) -> None:
    with pytest.raises(rowgate.InvalidParameter, match="the column's name") as caught:
        col(name)
    assert caught.value.outcome is rowgate.Outcome.NOT_RUN


def test_orders_name_column_direction_and_nulls() -> None:
    assert col("a").asc().to_wire() == table_pb.SortOrder(column="a")
    assert col("a").desc().to_wire() == table_pb.SortOrder(column="a", descending=True)
    assert col("a").asc(nulls="last").to_wire().nulls == table_pb.NULLS_ORDER_LAST
    assert col("a").desc(nulls="first").to_wire().nulls == table_pb.NULLS_ORDER_FIRST


@pytest.mark.parametrize(
    ("shown", "told"),
    [
        (col("a"), "col('a')"),
        (col("a").desc(nulls="last"), "col('a').desc(nulls='last')"),
        (col("a").asc(), "col('a').asc()"),
        ((A | B) & ~(col("c") >= 3), "<Condition (a = ? or b = ?) and not (c >= ?)>"),
        (col("a").in_([1, 2]) & col("b").is_null(), "<Condition a in (?, ?) and b is null>"),
        (any_of(), "<Condition no row>"),
        (all_of(), "<Condition every row>"),
        (col("card").starts_with("4111"), "<Condition card starts with ?>"),
    ],
)
def test_a_condition_shows_itself_without_its_values(shown: ColumnName | SortOrder | Condition, told: str) -> None:
    assert repr(shown) == told


ROW = st.fixed_dictionaries({name: st.none() | st.integers(0, 3) for name in "abc"})
LEAVES = st.builds(
    lambda name, sign, value: sign(col(name), value),
    st.sampled_from("abc"),
    st.sampled_from([operator.eq, operator.ne, operator.lt, operator.ge]),
    st.integers(0, 3),
)
TREES = st.recursive(
    LEAVES,
    lambda some: st.one_of(
        st.tuples(some, some).map(lambda pair: ("&", *pair)),
        st.tuples(some, some).map(lambda pair: ("|", *pair)),
        st.tuples(some).map(lambda single: ("~", *single)),
    ),
)
SIGNS: dict[int, Callable[[Any, Any], bool]] = {1: operator.eq, 2: operator.ne, 3: operator.lt, 6: operator.ge}


def built(tree: Any) -> Condition:
    if isinstance(tree, Condition):
        return tree
    parts = [built(part) for part in tree[1:]]
    return ~parts[0] if tree[0] == "~" else (parts[0] & parts[1] if tree[0] == "&" else parts[0] | parts[1])


def meant(tree: Any, row: dict[str, Any]) -> bool:
    if isinstance(tree, Condition):
        return held(tree.to_wire(), row)
    parts = [meant(part, row) for part in tree[1:]]
    return not parts[0] if tree[0] == "~" else (all(parts) if tree[0] == "&" else any(parts))


def held(wire: pb.Filter, row: dict[str, Any]) -> bool:
    """What the proto says of a filter and a row."""
    match wire.WhichOneof("kind"):
        case "compare":
            cell, op = row[wire.compare.column], wire.compare.op
            return op == 2 if cell is None else SIGNS[op](cell, wire.compare.value.int_value)
        case "and":
            return all(held(part, row) for part in getattr(wire, "and").filters)
        case "or":
            return any(held(part, row) for part in getattr(wire, "or").filters)
        case _:
            return not held(getattr(wire, "not"), row)


@given(TREES, ROW)
def test_a_flattened_condition_means_what_was_written(tree: Any, row: dict[str, Any]) -> None:
    assert held(built(tree).to_wire(), row) is meant(tree, row)
