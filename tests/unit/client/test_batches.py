"""Results that come by column: the same Python values as from rows, whatever is in them."""

from __future__ import annotations

from typing import Any

import pytest
from google.protobuf.struct_pb2 import NULL_VALUE
from hypothesis import given
from hypothesis import strategies as st
from unit.client.packed import answer_of, packed
from unit.client.scripted import PRODUCTS, ScriptedGateway, product

import rowgate
from rowgate._results import Result
from rowgate.v1 import result_pb2
from rowgate.v1.result_pb2 import Column, ColumnBatch, ColumnVector, QueryStats, ResultSet, Row
from rowgate.v1.value_pb2 import Value, ValueList

NULL = Value(null_value=NULL_VALUE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INTS = st.integers(-(2**63), 2**63 - 1)


def iso(text: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    return text.map(lambda value: value.isoformat())


def micros(value: st.SearchStrategy[Any], suffix: str = "") -> st.SearchStrategy[str]:
    return value.map(lambda each: each.isoformat(timespec="microseconds") + suffix)


# Of each kind what Python holds, and what it does not.
CONTENTS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "int": INTS,
    "uint": st.integers(0, 2**64 - 1),
    "double": st.floats(allow_nan=False),
    "decimal": st.decimals(allow_nan=False, allow_infinity=False).map(lambda value: format(value, "f")),
    "string": TEXT,
    "bytes": st.binary(),
    "date": iso(st.dates()) | st.sampled_from(["0000-00-00", "2024-02-00", "infinity", "+10000-01-01", "20240131"]),
    "time": micros(st.times())
    | micros(st.times(), "+02:30")
    | st.sampled_from(["24:00:00.000000", "-838:59:59.000000", "23:59:59", "23:59:59.1234567", "23:59:60.000000"]),
    "datetime": micros(st.datetimes())
    | st.sampled_from(["0000-00-00T00:00:00.000000", "2024-01-31T24:00:00.000000", "-infinity", "2024-01-31T23:59:59"]),
    "timestamp": micros(st.datetimes(), "+00:00")
    | micros(st.datetimes(), "-15:59:59")
    | st.sampled_from(["infinity", "2024-01-31T23:59:59Z", "2024-01-31T24:00:00.000000+00:00"]),
    "json": st.sampled_from(["null", '{"a": 1.10}', '"é\\n"']),
    "uuid": st.uuids().map(str),
    "interval": st.builds(rowgate.Interval, st.integers(), st.integers(), st.integers()).map(str) | st.just("infinity"),
}


def values_of(kind: str) -> st.SearchStrategy[Value]:
    return CONTENTS[kind].map(lambda content: Value(**{f"{kind}_value": content}))


SCALARS = st.one_of(*map(values_of, CONTENTS))
LISTS = st.lists(st.just(NULL) | SCALARS, max_size=4).map(lambda values: Value(list_value=ValueList(values=values)))
KINDS = [*CONTENTS, "list", "dynamic", "unspecified"]


def cells_of(kind: str) -> st.SearchStrategy[Value]:
    cells = values_of(kind) if kind in CONTENTS else LISTS if kind == "list" else SCALARS
    return st.just(NULL) | cells | cells


@st.composite
def results(draw: st.DrawFn) -> tuple[list[Column], list[Row]]:
    kinds = draw(st.lists(st.sampled_from(KINDS), min_size=1, max_size=4))
    rows = draw(st.lists(st.tuples(*map(cells_of, kinds)), max_size=20))
    columns = [
        Column(name=f"c{at}", type=result_pb2.ColumnType.Value(f"COLUMN_TYPE_{kind.upper()}"))
        for at, kind in enumerate(kinds)
    ]
    return columns, [Row(values=row) for row in rows]


def result_of(message: ResultSet) -> Result:
    return Result.from_wire(message, QueryStats())


def described(values: Any) -> list[tuple[type, Any]]:
    """Values with their types, and those of the members of lists."""
    return [(type(value), described(value) if isinstance(value, list) else value) for value in values]


@given(results())
def test_columns_and_rows_are_the_same_values(result: tuple[list[Column], list[Row]]) -> None:
    columns, rows = result
    expected = result_of(ResultSet(columns=columns, rows=rows))
    found = result_of(packed(columns, rows))
    assert len(found) == len(expected) == len(rows)
    assert found.columns == expected.columns
    for at in range(len(columns)):
        assert described(found.scalars(at)) == described(expected.scalars(at))
    assert list(map(described, found)) == list(map(described, expected))
    # And once more, now of the rows that were made.
    assert described(found.scalars(0)) == described(expected.scalars(0))


@pytest.mark.parametrize("count", [1, 7, 8, 9, 64, 1000])
def test_every_row_knows_whether_it_is_null(count: int) -> None:
    column = Column(name="a", type=result_pb2.COLUMN_TYPE_INT)
    for step in (1, 2, 3, 8, 1001):
        values = [NULL if at % step == 0 else Value(int_value=at) for at in range(count)]
        found = result_of(packed([column], [Row(values=[value]) for value in values])).scalars()
        assert found == [None if at % step == 0 else at for at in range(count)]


async def test_a_query_takes_its_answer_by_column(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer_of(packed(PRODUCTS, [product(1), product(2, "Lamp")]), row_count=2))
    result = await db.query("select id, name from products")
    assert result.rows == [(1, "Oak table"), (2, "Lamp")]
    assert result.rows is result.rows
    assert result.first() == (1, "Oak table")
    assert repr(result) == "<Result of 2 columns and 2 rows>"


def test_an_empty_result_has_its_columns() -> None:
    for message in (packed(PRODUCTS, []), ResultSet(columns=PRODUCTS)):
        result = result_of(message)
        assert (result.rows, len(result), result.scalars("name")) == ([], 0, [])
        assert [column.name for column in result.columns] == ["id", "name"]


def test_rows_may_have_no_columns() -> None:
    assert result_of(ResultSet(column_batch=ColumnBatch(row_count=3))).rows == [(), (), ()]


def test_a_type_of_a_newer_gateway_is_read_as_values() -> None:
    column = Column(name="a", type=99)  # type: ignore[arg-type]  # what is tested
    assert result_of(packed([column], [Row(values=[Value(int_value=1)])])).scalar() == 1


def test_one_column_is_read_without_the_others() -> None:
    columns = [Column(name="a", type=result_pb2.COLUMN_TYPE_INT), Column(name="b", type=result_pb2.COLUMN_TYPE_DECIMAL)]
    result = result_of(packed(columns, [Row(values=[Value(int_value=1), Value(decimal_value="1,5")])]))
    assert result.scalars("a") == [1]
    for read in (lambda: result.scalars("b"), lambda: result.rows):
        with pytest.raises(rowgate.ProtocolError, match="DECIMAL column is malformed"):
            read()


@pytest.mark.parametrize(
    "batch",
    [
        ColumnBatch(row_count=1),
        ColumnBatch(row_count=-1, vectors=[ColumnVector()]),
        ColumnBatch(row_count=1, vectors=[ColumnVector()]),
        ColumnBatch(row_count=1, vectors=[ColumnVector(texts=["x"])]),
        ColumnBatch(row_count=1, vectors=[ColumnVector(ints=[1, 2])]),
        ColumnBatch(row_count=1, vectors=[ColumnVector(ints=[1]), ColumnVector(ints=[1])]),
        ColumnBatch(row_count=9, vectors=[ColumnVector(ints=range(9), nulls=b"\x01")]),
        ColumnBatch(row_count=1, vectors=[ColumnVector(ints=[1], nulls=b"\x00\x00")]),
    ],
)
async def test_a_batch_that_does_not_fit_together_is_refused(
    db: rowgate.Client, gateway: ScriptedGateway, batch: ColumnBatch
) -> None:
    column = Column(name="a", type=result_pb2.COLUMN_TYPE_INT)
    gateway.will(answer_of(ResultSet(columns=[column], column_batch=batch)))
    with pytest.raises(rowgate.ProtocolError):
        await db.query("select 1")


def test_a_number_of_rows_below_zero_is_refused() -> None:
    with pytest.raises(rowgate.ProtocolError, match="a batch of -1 rows"):
        result_of(ResultSet(column_batch=ColumnBatch(row_count=-1)))


async def test_an_answer_in_arrow_is_refused(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(answer_of(ResultSet(columns=PRODUCTS, arrow_ipc=b"\xff")))
    with pytest.raises(rowgate.ProtocolError, match="Arrow"):
        await db.query("select 1")
