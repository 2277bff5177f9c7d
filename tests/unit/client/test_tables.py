"""Results as Arrow tables and data frames: exact, in the natural type where that holds every value."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from google.protobuf.struct_pb2 import NULL_VALUE
from hypothesis import given
from hypothesis import strategies as st
from unit.client.packed import message_of, packed
from unit.client.scripted import PRODUCTS, ScriptedGateway, product

import rowgate
from rowgate._results import Result
from rowgate.v1 import result_pb2
from rowgate.v1.result_pb2 import Column, QueryStats, ResultSet, Row
from rowgate.v1.value_pb2 import Value, ValueList

NULL = Value(null_value=NULL_VALUE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]))


def column_of(word: str, **told: Any) -> Column:
    return Column(name="a", type=result_pb2.ColumnType.Value(f"COLUMN_TYPE_{word}"), **told)


def cells(kind: str, *contents: Any) -> list[Value]:
    return [NULL if content is None else Value(**{f"{kind}_value": content}) for content in contents]


def list_of(*values: Value) -> Value:
    return Value(list_value=ValueList(values=values))


def result_of(column: Column, values: Sequence[Value], *, by_row: bool = False) -> Result:
    rows = [Row(values=[value]) for value in values]
    message = ResultSet(columns=[column], rows=rows) if by_row else packed([column], rows)
    return Result.from_wire(message, QueryStats())


@pytest.fixture(params=[False, True], ids=["columns", "rows"])
def by_row(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


NATURAL: list[tuple[Column, list[Value], pa.DataType]] = [
    (column_of("BOOL"), cells("bool", *(True, None, False)), pa.bool_()),
    (column_of("INT"), cells("int", 2**63 - 1, None, -(2**63)), pa.int64()),
    (column_of("UINT"), cells("uint", 2**64 - 1, None), pa.uint64()),
    (column_of("DOUBLE"), cells("double", 0.1, None, float("inf")), pa.float64()),
    (column_of("STRING"), cells("string", "é", None, ""), pa.utf8()),
    (column_of("BYTES"), cells("bytes", b"\x00", None, b""), pa.binary()),
    (column_of("DECIMAL", precision=12, scale=2), cells("decimal", "-9999999999.99", None), pa.decimal128(38, 2)),
    (column_of("DECIMAL", precision=65, scale=30), cells("decimal", "9" * 35 + "." + "9" * 30), pa.decimal256(76, 30)),
    (column_of("DECIMAL"), cells("decimal", "1.5", None, "0.125"), pa.decimal128(38, 3)),
    (column_of("DATE"), cells("date", "0001-01-01", None, "9999-12-31"), pa.date32()),
    (column_of("TIME"), cells("time", "23:59:59.999999", None), pa.time64("us")),
    (
        column_of("DATETIME"),
        cells("datetime", "0001-01-01T00:00:00.000000", None, "9999-12-31T23:59:59.999999"),
        pa.timestamp("us"),
    ),
    (column_of("TIMESTAMP"), cells("timestamp", "2024-01-31T23:59:59.000000+00:00", None), pa.timestamp("us", "UTC")),
    (column_of("DYNAMIC"), cells("int", 1, None, 2), pa.int64()),
    (column_of("DYNAMIC"), cells("int", None, None), pa.null()),
    (column_of("UNSPECIFIED"), cells("date", "2024-01-31"), pa.date32()),
    (column_of("LIST"), [list_of(*cells("int", 1, None)), NULL, list_of()], pa.list_(pa.int64())),
    (
        column_of("LIST"),
        [list_of(list_of(*cells("decimal", "1.50")), list_of())],
        pa.list_(pa.list_(pa.decimal128(38, 2))),
    ),
]


@pytest.mark.parametrize(("column", "values", "expected"), NATURAL)
def test_a_column_has_its_natural_type(
    column: Column, values: list[Value], expected: pa.DataType, by_row: bool
) -> None:
    result = result_of(column, values, by_row=by_row)
    table = result.to_arrow()
    table.validate(full=True)
    assert table.schema.types == [expected]
    assert table.column(0).to_pylist() == result.scalars()


AS_TEXT: list[tuple[str, list[str | None]]] = [
    ("DATE", ["2024-01-31", None, "0000-00-00"]),
    ("DATE", ["0000-01-01"]),
    ("DATE", ["infinity"]),
    ("TIME", ["12:00:00.000000", "24:00:00.000000"]),
    ("TIME", ["-838:59:59.000000"]),
    ("TIME", ["12:00:00.000000+02:00"]),
    ("DATETIME", ["+10000-01-01T00:00:00.000000"]),
    ("DATETIME", ["0000-00-00T00:00:00.000000", None]),
    ("TIMESTAMP", ["-infinity"]),
    ("TIMESTAMP", ["2024-01-31T23:59:59.000000+00:00:30"]),
    ("DECIMAL", ["1.5", "NaN"]),
    ("DECIMAL", ["1" * 77]),
    ("DECIMAL", ["9" * 200]),
    ("DECIMAL", ["1" * 76, "0.5"]),
    ("DECIMAL", ["0." + "1" * 77]),
    ("JSON", ['{"a": 1.10}', None]),
    ("UUID", ["123e4567-e89b-12d3-a456-426614174000"]),
    ("INTERVAL", ["P1Y2M3DT4H5M6.700000S"]),
]


@pytest.mark.parametrize(("word", "texts"), AS_TEXT)
def test_what_arrow_can_not_hold_makes_its_column_text(word: str, texts: list[str | None], by_row: bool) -> None:
    column = column_of(word, database_type="the database's own")
    table = result_of(column, cells(word.lower(), *texts), by_row=by_row).to_arrow()
    assert table.schema.types == [pa.utf8()]
    assert table.column(0).to_pylist() == texts
    assert table.schema.field(0).metadata == {
        b"rowgate.type": word.encode(),
        b"rowgate.database_type": b"the database's own",
    }


def test_a_decimal_with_more_digits_than_told_is_not_rounded(by_row: bool) -> None:
    column = column_of("DECIMAL", precision=5, scale=1)
    assert result_of(column, cells("decimal", "0.25"), by_row=by_row).to_arrow().column(0).to_pylist() == ["0.25"]


SCALARS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(lambda content: Value(int_value=content)),
    st.floats(allow_nan=False).map(lambda content: Value(double_value=content)),
    TEXT.map(lambda content: Value(string_value=content)),
    st.binary().map(lambda content: Value(bytes_value=content)),
    st.just(NULL),
)
VALUES = st.recursive(
    SCALARS, lambda values: st.lists(values, max_size=3).map(lambda each: list_of(*each)), max_leaves=8
)


@given(st.lists(VALUES, max_size=12), st.sampled_from(["DYNAMIC", "LIST", "UNSPECIFIED"]))
def test_cells_of_several_kinds_stay_what_they_are(values: list[Value], word: str) -> None:
    result = result_of(column_of(word), values)
    table = result.to_arrow()
    table.validate(full=True)
    assert described(table.column(0).to_pylist()) == described(result.scalars())
    frame = result.to_pandas()
    if frame.dtypes.iloc[0] is np.dtype(object):
        assert described(list(frame[frame.columns[0]])) == described(result.scalars())


def described(values: list[Any]) -> list[Any]:
    return [(type(value), described(value) if isinstance(value, list) else value) for value in values]


def test_a_table_has_every_column_even_where_names_repeat() -> None:
    columns = [*PRODUCTS, PRODUCTS[0]]
    row = Row(values=[Value(int_value=1), Value(string_value="x"), Value(int_value=2)])
    result = Result.from_wire(packed(columns, [row]), QueryStats())
    assert result.to_arrow().column_names == ["id", "name", "id"]
    frame = result.to_pandas()
    assert list(frame.columns) == ["id", "name", "id"]
    assert frame.iloc[0].to_list() == [1, "x", 2]


@pytest.mark.parametrize("message", [ResultSet(columns=PRODUCTS), packed(PRODUCTS, []), ResultSet()])
def test_a_result_without_rows_is_an_empty_table(message: ResultSet) -> None:
    result = Result.from_wire(message, QueryStats())
    names = [column.name for column in result.columns]
    assert (result.to_arrow().column_names, result.to_arrow().num_rows) == (names, 0)
    assert (list(result.to_pandas().columns), len(result.to_pandas())) == (names, 0)


def test_a_frame_keeps_integers_and_null_apart() -> None:
    columns = [
        Column(name="i", type=result_pb2.COLUMN_TYPE_INT),
        Column(name="u", type=result_pb2.COLUMN_TYPE_UINT),
        Column(name="b", type=result_pb2.COLUMN_TYPE_BOOL),
    ]
    rows = [
        Row(values=[Value(int_value=2**53 + 1), Value(uint_value=2**64 - 1), Value(bool_value=True)]),
        Row(values=[NULL, NULL, NULL]),
    ]
    frame = Result.from_wire(packed(columns, rows), QueryStats()).to_pandas()
    assert list(frame.dtypes) == [pd.Int64Dtype(), pd.UInt64Dtype(), pd.BooleanDtype()]
    assert frame.iloc[0].to_list() == [2**53 + 1, 2**64 - 1, True]
    assert all(cell is pd.NA for cell in frame.iloc[1])


def test_a_frame_has_pandas_types_or_python_objects() -> None:
    told = {
        "DECIMAL": (cells("decimal", "1.50"), Decimal("1.50")),
        "DATE": (cells("date", "2024-01-31"), date(2024, 1, 31)),
        "TIME": (cells("time", "23:59:59.000000"), time(23, 59, 59)),
        "BYTES": (cells("bytes", b"x"), b"x"),
        "LIST": ([list_of(*cells("int", 1, None))], [1, None]),
        "DATETIME": (cells("datetime", "9999-12-31T23:59:59.999999"), datetime(9999, 12, 31, 23, 59, 59, 999999)),
        "TIMESTAMP": (
            cells("timestamp", "2024-01-31T23:59:59.000000+00:00"),
            datetime(2024, 1, 31, 23, 59, 59, tzinfo=UTC),
        ),
    }
    kinds = {}
    for word, (values, expected) in told.items():
        frame = result_of(column_of(word), values).to_pandas()
        kinds[word] = str(frame.dtypes.iloc[0])
        assert frame.iloc[0, 0] == expected
    assert (kinds.pop("DATETIME"), kinds.pop("TIMESTAMP")) == ("datetime64[us]", "datetime64[us, UTC]")
    assert set(kinds.values()) == {"object"}


async def test_batches_of_a_stream_make_one_table(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(
        [
            message_of(packed(PRODUCTS, [product(1)])),
            message_of(packed(PRODUCTS, [product(2)], described=False)),
            message_of(last=True),
        ]
    )
    async with db.stream("select id, name from products") as stream:
        table = pa.concat_tables([batch.to_arrow() async for batch in stream.batches()])
    assert table.column("id").to_pylist() == [1, 2]


@pytest.mark.parametrize(
    ("missing", "method", "hint"),
    [
        ("pyarrow", "to_arrow", r"pip install 'rowgate\[arrow\]'"),
        ("pyarrow", "to_pandas", r"pip install 'rowgate\[pandas\]'"),
        ("pandas", "to_pandas", r"pip install 'rowgate\[pandas\]'"),
    ],
)
def test_what_is_not_installed_is_told_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, missing: str, method: str, hint: str
) -> None:
    for module in ("rowgate._arrow", "rowgate._pandas"):
        monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, missing, None)
    result = Result.from_wire(packed(PRODUCTS, [product(1)]), QueryStats())
    with pytest.raises(ImportError, match=hint):
        getattr(result, method)()
    assert result.one() == (1, "Oak table")


def test_a_row_that_is_too_short_makes_no_table() -> None:
    batch = rowgate.Batch(Result.from_wire(ResultSet(columns=PRODUCTS), QueryStats())._layout, ResultSet(rows=[Row()]))
    with pytest.raises(rowgate.ProtocolError):
        batch.to_arrow()


def test_a_value_of_no_kind_makes_no_table() -> None:
    with pytest.raises(rowgate.ProtocolError):
        result_of(column_of("DYNAMIC"), [Value()]).to_arrow()
