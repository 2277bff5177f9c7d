"""Rows taken column by column are what they are row by row, at every station: decoded, planned, written."""

from __future__ import annotations

from typing import Any

from google.protobuf.struct_pb2 import NULL_VALUE
from hypothesis import given
from hypothesis import strategies as st

from rowgate.v1 import table_service_pb2, value_pb2
from rowgate_server.core.crud.batches import batches
from rowgate_server.core.crud.row_columns import RowColumns, plan_columns
from rowgate_server.core.crud.row_values import RowValues, plan_rows
from rowgate_server.core.known_table import KnownTable, known
from rowgate_server.core.tables import Key, Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.dialects.mysql import literals
from rowgate_server.engines.values import BoundRows, BoundValue, ValueType
from rowgate_server.errors import RowgateError
from rowgate_server.transport.codec.row_columns import decode_row_columns
from rowgate_server.transport.codec.tables import decode_values

V = ValueType
NULL_CELL = value_pb2.Value(null_value=NULL_VALUE)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8) | st.sampled_from(["x" * 9, "'", "\\", "é" * 9])
ARMS: dict[str, st.SearchStrategy[Any]] = {
    "int_value": st.integers(-200, 200) | st.integers(-(2**63), 2**63 - 1),
    "uint_value": st.integers(0, 300),
    "string_value": TEXTS,
    "decimal_value": st.sampled_from(["1", "1.50", "-999.99", "1000", "007.5", "1e2", "12345.678", "x", "", "NaN"]),
    "double_value": st.floats(allow_nan=False),
    "bool_value": st.booleans(),
    "bytes_value": st.binary(max_size=6),
    "uuid_value": st.sampled_from(["123E4567E89B12D3A456426614174000", "no"]),
    "date_value": st.sampled_from(["2024-01-31", "2024-01-28", "2024-02-30"]),
    "datetime_value": st.sampled_from(
        [
            *("2024-01-28T10:11:12.131415", "2024-01-31T10:11:12.131415", "2024-01-28 10:11:12.131415"),
            *("2024-01-28T10:11:12", "2023-02-29T10:11:12.131415", "2024-01-28T24:00:00.000000"),
        ]
    ),
    "timestamp_value": st.sampled_from(
        [
            *(
                "2024-01-28T10:11:12.131415+00:00",
                "2024-01-28T10:11:12.131415+01:00",
                "1950-01-28T10:11:12.131415+00:00",
            ),
        ]
    ),
}
COLUMNS = {
    "tiny": TableColumn("tiny", V.INT, "tinyint(4)", nullable=False),
    "name": TableColumn("name", V.STRING, "varchar(8)", nullable=True, length=8),
    "note": TableColumn("note", V.STRING, "tinytext", nullable=True),
    "price": TableColumn("price", V.DECIMAL, "decimal(5, 2)", nullable=True, precision=5, scale=2),
    "ratio": TableColumn("ratio", V.DOUBLE, "double", nullable=True),
    "day": TableColumn("day", V.DATE, "date", nullable=True),
    "at": TableColumn("at", V.DATETIME, "datetime(6)", nullable=True, precision=6),
    "moment": TableColumn("moment", V.TIMESTAMP, "timestamp(6)", nullable=True, precision=6),
    "second": TableColumn("second", V.DATETIME, "datetime", nullable=True, precision=0),
    "blob": TableColumn("blob", V.BYTES, "binary(4)", nullable=True, length=4),
    "mood": TableColumn("mood", V.STRING, "enum('x','y')", nullable=True, labels=("x", "y")),
    "sum": TableColumn("sum", V.INT, "integer(11)", nullable=True, generated=True),
}


def a_table(dialect: Dialect) -> KnownTable:
    columns = tuple(COLUMNS.values())
    table = Table("t", "s", TableKind.TABLE, "", columns, Key("", ("tiny",)), (), (), (), ())
    return known("db", dialect, table, None)


@st.composite
def messages(draw: st.DrawFn) -> list[table_service_pb2.RowValues]:
    """Rows as a request has them: mostly alike, but not always."""
    names = draw(st.lists(st.sampled_from([*COLUMNS, "other"]), min_size=1, max_size=4, unique=True))
    arms = {name: draw(st.sampled_from(list(ARMS))) for name in names}
    odd = draw(st.integers(0, 3)) == 0

    def cell(name: str) -> value_pb2.Value:
        if draw(st.integers(0, 9)) == 0:
            return NULL_CELL
        if odd and draw(st.integers(0, 5)) == 0:
            return value_pb2.Value()
        return value_pb2.Value(**{arms[name]: draw(ARMS[arms[name]])})

    rows = [table_service_pb2.RowValues(values={name: cell(name) for name in names}) for _ in range(16)]
    if odd:
        del rows[-1].values[names[0]]
    return rows


def decoded(rows: list[table_service_pb2.RowValues]) -> list[RowValues] | None:
    """Row by row; None where a value is malformed."""
    try:
        return [decode_values(row.values, "") for row in rows]
    except RowgateError:
        return None


@given(messages())
def test_rows_are_decoded_by_column_as_they_are_by_row_or_not_at_all(
    rows: list[table_service_pb2.RowValues],
) -> None:
    before = [row.SerializeToString(deterministic=True) for row in rows]
    columns = decode_row_columns(rows)
    assert [row.SerializeToString(deterministic=True) for row in rows] == before
    if columns is not None:
        assert columns.rows() == decoded(rows)


@given(messages(), st.sampled_from(list(Dialect)))
def test_columns_are_planned_as_rows_are_or_not_at_all(
    rows: list[table_service_pb2.RowValues], dialect: Dialect
) -> None:
    columns, table = decode_row_columns(rows), a_table(dialect)
    planned = None if columns is None else plan_columns(table, columns)
    if planned is not None and columns is not None:
        assert planned.rows() == plan_rows(table, columns.rows())
        assert list(planned.names) == [name for name in table.columns if name in columns.names]


def test_what_is_plain_is_planned_by_column() -> None:
    cells: dict[str, list[Any]] = {"name": ["a"] * 16, "tiny": list(range(16)), "price": ["1.5", None] * 8}
    given_rows = RowColumns(tuple(cells), (V.STRING, V.INT, V.DECIMAL), tuple(cells.values()))
    planned = plan_columns(a_table(Dialect.MYSQL), given_rows)
    assert planned is not None
    assert planned.names == ("tiny", "name", "price")


@given(
    st.lists(st.sampled_from([V.INT, V.STRING, V.DOUBLE, V.BYTES, V.BOOL, V.DATE]), min_size=1, max_size=4),
    st.integers(1, 5),
    st.data(),
)
def test_rows_are_written_as_one_statement_of_literals_is(
    kinds: list[ValueType], count: int, data: st.DataObject
) -> None:
    contents = {
        V.INT: ARMS["int_value"],
        V.STRING: TEXTS,
        V.DOUBLE: st.floats(allow_nan=False, allow_infinity=False).map(lambda number: number + 0.0),
        V.BYTES: ARMS["bytes_value"],
        V.BOOL: ARMS["bool_value"],
        V.DATE: st.just("2024-01-31"),
    }
    cells = tuple(data.draw(st.lists(st.none() | contents[kind], min_size=count, max_size=count)) for kind in kinds)
    rows = BoundRows(("insert into t (a) values ", " returning a"), tuple(kinds), cells)
    assert literals.render_rows(rows) == literals.render(rows.spread())


@given(st.lists(st.sampled_from(["a", "b", "ab", ""]), min_size=1, max_size=30), st.booleans())
def test_batches_hold_all_rows_in_order_and_alike_where_they_must(shapes: list[str], alike: bool) -> None:
    one = BoundValue(V.INT, 1)
    rows: list[RowValues] = [dict.fromkeys(shape or "c", one) for shape in shapes]
    parts = list(batches(Dialect.MYSQL, rows, alike=alike))
    assert [row for part in parts for row in part.rows] == rows
    assert [part.first for part in parts] == [sum(map(len, parts[:index])) for index in range(len(parts))]
    for part in parts:
        assert set(part.columns) == {name for row in part.rows for name in row}
        assert not alike or all(row.keys() == set(part.columns) for row in part.rows)


def test_a_batch_keeps_within_what_an_engine_takes() -> None:
    rows: list[RowValues] = [{"a": BoundValue(V.STRING, "x" * 100_000), "b": BoundValue(V.INT, 1)} for _ in range(50)]
    assert max(len(part) for part in batches(Dialect.MYSQL, rows)) < 20
    short: list[RowValues] = [{"a": BoundValue(V.INT, 1), "b": BoundValue(V.INT, 1)} for _ in range(40_000)]
    assert max(2 * len(part) for part in batches(Dialect.POSTGRESQL, short)) <= 32_767
    assert max(2 * len(part) for part in batches(Dialect.SQLITE, short)) <= 32_766
    columns = RowColumns(("a",), (V.STRING,), (["x" * 2_000_000] * 9,))
    assert [len(part) for part in columns.parts(a_table(Dialect.MYSQL))] == [1] * 9
