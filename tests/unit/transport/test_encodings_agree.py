"""One result in three encodings, read by what `result.proto` says of each: the same cells, whatever they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate.v1 import result_pb2
from rowgate.v1.result_pb2 import ResultSet
from rowgate_server.engines.results import Column
from rowgate_server.engines.values import TYPE_OF_FORM, Array, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.codec.encodings import choose_encoding
from support.encodings import READERS, Reader, read_arrow, read_columns, read_rows

ROWS, COLUMNS, ARROW = READERS
Rows = list[tuple[Any, ...]]

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
INT = st.integers(-(2**63), 2**63 - 1)
CELLS: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.NULL: st.none(),
    ValueType.BOOL: st.booleans(),
    ValueType.INT: INT,
    ValueType.UINT: st.integers(0, 2**64 - 1),
    ValueType.DOUBLE: st.floats(),
    ValueType.DECIMAL: st.decimals(allow_nan=True, allow_infinity=True).map(str),
    ValueType.STRING: TEXT,
    ValueType.BYTES: st.binary(),
    ValueType.DATE: st.sampled_from(["2024-01-31", "0000-00-00", "infinity", "+10000-01-01"]),
    ValueType.TIME: st.sampled_from(["23:59:59.000000", "24:00:00.000000", "-838:59:59.000000"]),
    ValueType.DATETIME: st.sampled_from(["2024-01-31T23:59:59.000000", "0000-00-00T00:00:00.000000"]),
    ValueType.TIMESTAMP: st.sampled_from(["2024-01-31T23:59:59.000000+00:00", "-infinity"]),
    ValueType.JSON: st.sampled_from(["null", '{"a": 1.10}', '"é"']),
    ValueType.UUID: st.uuids().map(str),
    ValueType.INTERVAL: st.sampled_from(["PT0S", "P1Y2M3DT4H5M6.700000S"]),
    ValueType.DYNAMIC: st.one_of(INT, st.floats(), TEXT, st.binary()),
}
BY_FORM = set(TYPE_OF_FORM.values())
"""Of which the members' own form tells."""
MEMBERS = {
    "bool[]": ValueType.BOOL,
    "int8[]": ValueType.INT,
    "float8[]": ValueType.DOUBLE,
    "bytea[]": ValueType.BYTES,
    "text[]": ValueType.STRING,
    "numeric[]": ValueType.DECIMAL,
    "date[]": ValueType.DATE,
    "timestamptz[]": ValueType.TIMESTAMP,
    "json[]": ValueType.JSON,
    "uuid[]": ValueType.UUID,
    "interval[]": ValueType.INTERVAL,
}


def arrays_of(member: ValueType) -> st.SearchStrategy[Array]:
    """Arrays of any number of dimensions, with NULLs among their members."""
    members = st.recursive(
        st.lists(st.none() | CELLS[member], max_size=4),
        lambda lists: st.lists(st.none() | lists, min_size=1, max_size=3),
        max_leaves=6,
    )
    told = st.sampled_from([member, ValueType.DYNAMIC] if member in BY_FORM else [member])
    return st.builds(Array, told, members)


def decimal_text(units: int, scale: int) -> str:
    digits = f"{abs(units):0{scale + 1}}"
    whole = len(digits) - scale
    return ("-" if units < 0 else "") + digits[:whole] + ("." + digits[whole:] if scale else "")


@st.composite
def decimals(draw: st.DrawFn) -> tuple[Column, st.SearchStrategy[Any]]:
    """A column that tells its digits, as MySQL's do."""
    precision = draw(st.integers(1, 65))
    scale = draw(st.integers(0, min(precision, 38)))
    largest = 10**precision - 1
    cells = st.integers(-largest, largest).map(lambda units: decimal_text(units, scale))
    return Column("decimal", ValueType.DECIMAL, "decimal", precision=precision, scale=scale), cells


PLAIN = st.sampled_from(list(CELLS)).map(lambda kind: (Column(kind.name, kind), CELLS[kind]))
LISTS = st.sampled_from(list(MEMBERS)).map(lambda name: (Column(name, ValueType.LIST, name), arrays_of(MEMBERS[name])))
COLUMN = st.one_of(PLAIN, LISTS, decimals())


@st.composite
def results(draw: st.DrawFn) -> tuple[tuple[Column, ...], list[Rows]]:
    """Columns, and chunks of rows."""
    drawn = draw(st.lists(COLUMN, min_size=1, max_size=4))
    row = st.tuples(*(st.none() | cells for _, cells in drawn))
    chunks = draw(st.lists(st.lists(row, max_size=20), min_size=1, max_size=3))
    return tuple(column for column, _ in drawn), chunks


def messages_of(number: int, columns: tuple[Column, ...], chunks: Sequence[Rows]) -> list[ResultSet]:
    """What goes over the wire, a message for each chunk, and back."""
    messages = [ResultSet() for _ in chunks]
    encoder = choose_encoding(number).start(columns, messages[0])
    for message, rows in zip(messages, chunks, strict=True):
        encoder.put(rows, message)
    encoder.end(messages[-1])
    return [ResultSet.FromString(message.SerializeToString()) for message in messages]


@given(results())
def test_every_encoding_says_the_same(result: tuple[tuple[Column, ...], list[Rows]]) -> None:
    columns, chunks = result
    expected = read_rows(messages_of(ROWS, columns, chunks))
    assert read_columns(messages_of(COLUMNS, columns, chunks)) == expected
    assert read_arrow(messages_of(ARROW, columns, chunks)) == expected
    assert len(expected) == sum(map(len, chunks))


@given(st.lists(st.none() | CELLS[ValueType.DYNAMIC], min_size=1, max_size=10))
def test_a_cell_tells_what_it_is_where_its_column_does_not(cells: list[Any]) -> None:
    words = {int: "int", float: "double", str: "string", bytes: "bytes"}
    rows = [(cell,) for cell in cells]
    columns = (Column("a", ValueType.DYNAMIC),)
    for number, read in READERS.items():
        found = [cell for (cell,) in read(messages_of(number, columns, [rows]))]
        assert [cell and cell[0] for cell in found] == [cell if cell is None else words[type(cell)] for cell in cells]
        assert [cell and cell[1] for cell in found if cell is None or cell[0] != "double"] == [
            cell for cell in cells if not isinstance(cell, float)
        ]


@given(st.lists(st.none() | INT, min_size=1, max_size=70))
def test_nulls_are_where_they_were(cells: list[int | None]) -> None:
    columns = (Column("a", ValueType.INT),)
    for number, read in READERS.items():
        found = read(messages_of(number, columns, [[(cell,) for cell in cells]]))
        assert found == [(None if cell is None else ("int", cell),) for cell in cells]


@pytest.mark.parametrize("number", READERS)
def test_only_the_first_message_describes_the_columns(number: int) -> None:
    columns = (
        Column("a", ValueType.DECIMAL, "decimal", nullable=False, precision=5, scale=0, table="t"),
        Column("a", ValueType.STRING),
    )
    first, second = messages_of(number, columns, [[("1", "x")], [("2", "y")]])
    told, bare = first.columns
    assert (told.name, told.database_type, told.nullable, told.table) == ("a", "decimal", False, "t")
    assert (told.precision, told.scale) == (5, 0)
    assert not any(bare.HasField(field) for field in ("nullable", "precision", "scale"))
    assert [column.type for column in first.columns] == [result_pb2.COLUMN_TYPE_DECIMAL, result_pb2.COLUMN_TYPE_STRING]
    assert not second.columns


@pytest.mark.parametrize(("number", "read"), READERS.items())
@pytest.mark.parametrize("chunks", [[[]], [[], [], [(1,), (2,)], []]])
def test_a_message_without_rows_is_none_the_worse(number: int, read: Reader, chunks: list[Rows]) -> None:
    rows = [row for chunk in chunks for row in chunk]
    messages = messages_of(number, (Column("a", ValueType.INT),), chunks)
    assert read(messages) == [(("int", row[0]),) for row in rows]


@pytest.mark.parametrize(("number", "read"), READERS.items())
def test_a_statement_that_returns_no_rows_has_no_columns(number: int, read: Reader) -> None:
    (message,) = messages_of(number, (), [[]])
    assert read([message]) == []
    assert not message.columns


@pytest.mark.parametrize(("number", "read"), [(ROWS, read_rows), (COLUMNS, read_columns)])
def test_rows_without_columns_are_counted(number: int, read: Reader) -> None:
    messages = messages_of(number, (), [[(), (), ()]])
    assert read(messages) == [(), (), ()]


@pytest.mark.parametrize(
    ("member", "values", "expected"),
    [
        (ValueType.INT, [2**63 - 1, None], "[9223372036854775807,null]"),
        (ValueType.DOUBLE, [0.1, float("nan"), float("inf"), float("-inf")], '[0.1,"NaN","Infinity","-Infinity"]'),
        (ValueType.DECIMAL, ["1.50", "NaN"], '["1.50","NaN"]'),
        (ValueType.STRING, ["é", '"', ""], '["é","\\"",""]'),
        (ValueType.BYTES, [b"\x00\xff"], '["AP8="]'),
        (ValueType.JSON, ['{"a": 1}'], '["{\\"a\\": 1}"]'),
        (ValueType.BOOL, [[True, None], []], "[[true,null],[]]"),
    ],
)
def test_a_list_is_json_in_arrow(member: ValueType, values: list[Any], expected: str) -> None:
    (message,) = messages_of(ARROW, (Column("a", ValueType.LIST),), [[(Array(member, values),), (None,)]])
    table = pa.ipc.open_stream(message.arrow_ipc).read_all()
    assert table.column(0).to_pylist() == [expected, None]


def test_a_column_without_nulls_has_no_bitmap() -> None:
    columns = (Column("a", ValueType.INT), Column("b", ValueType.STRING))
    (message,) = messages_of(COLUMNS, columns, [[(1, "x"), (2, None)]])
    assert [vector.nulls for vector in message.column_batch.vectors] == [b"", b"\x02"]


def test_the_first_message_has_the_schema_and_the_last_one_the_marker() -> None:
    columns = (Column("id", ValueType.INT, "int"), Column("at", ValueType.TIMESTAMP))
    first, last = messages_of(ARROW, columns, [[(1, None)], []])
    schema = pa.ipc.read_schema(pa.py_buffer(first.arrow_ipc))
    assert schema.types == [pa.int64(), pa.utf8()]
    assert schema.field("id").metadata == {b"rowgate.type": b"INT", b"rowgate.database_type": b"int"}
    assert schema.field("at").metadata == {b"rowgate.type": b"TIMESTAMP"}
    assert last.arrow_ipc == b"\xff\xff\xff\xff\0\0\0\0"


@pytest.mark.parametrize(
    ("precision", "scale", "expected"),
    [
        (12, 2, pa.decimal128(38, 2)),
        (37, 37, pa.decimal128(38, 37)),
        (38, 0, pa.decimal256(76, 0)),
        (64, 30, pa.decimal256(76, 30)),
        (65, 30, pa.utf8()),
        (81, 38, pa.utf8()),
        (None, None, pa.utf8()),
    ],
)
def test_a_decimal_has_digits_to_spare_in_arrow(
    precision: int | None, scale: int | None, expected: pa.DataType
) -> None:
    column = Column("d", ValueType.DECIMAL, precision=precision, scale=scale)
    (message,) = messages_of(ARROW, (column,), [[("1",)]])
    assert pa.ipc.open_stream(message.arrow_ipc).schema.types == [expected]


@pytest.mark.parametrize("cell", ["1" * 37, "-" + "9" * 77, "0.125", "1." + "1" * 60])
def test_a_decimal_that_arrow_has_no_room_for_is_an_error_and_never_rounded(cell: str) -> None:
    column = Column("d", ValueType.DECIMAL, precision=12, scale=2)
    with pytest.raises(RowgateError) as caught:
        messages_of(ARROW, (column,), [[(cell,)]])
    assert caught.value.reason is Reason.VALUE_OUT_OF_RANGE
    assert caught.value.metadata["column"] == "d"
    assert cell not in str(caught.value)


@pytest.mark.parametrize("number", [4, 99, -1])
def test_an_encoding_that_is_not_known_is_refused(number: int) -> None:
    with pytest.raises(RowgateError) as caught:
        choose_encoding(number)
    assert caught.value.reason is Reason.NOT_SUPPORTED
    assert caught.value.field == "options.encoding"
    assert caught.value.outcome == Outcome.NOT_RUN


def test_no_encoding_is_rows() -> None:
    assert choose_encoding(result_pb2.RESULT_ENCODING_UNSPECIFIED) is choose_encoding(ROWS)
