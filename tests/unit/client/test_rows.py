from __future__ import annotations

import pytest
from unit.client.scripted import PRODUCTS, product

import rowgate
from rowgate import ColumnType
from rowgate._results import Result
from rowgate.v1 import result_pb2
from rowgate.v1.result_pb2 import Column, QueryStats, ResultSet, Row
from rowgate.v1.value_pb2 import Value


def result_of(*rows: Row, columns: tuple[Column, ...] = PRODUCTS, truncated: bool = False) -> Result:
    return Result.from_wire(ResultSet(columns=columns, rows=rows), QueryStats(truncated=truncated))


@pytest.fixture
def row() -> rowgate.Row:
    return result_of(product(1)).one()


@pytest.fixture
def joined() -> rowgate.Row:
    """A row of two columns that are both named id, and one that has no name."""
    columns = (Column(name="id"), Column(name="id"), Column(name=""))
    return result_of(Row(values=[Value(int_value=n) for n in (1, 2, 3)]), columns=columns).one()


def test_a_row_is_a_sequence_of_values(row: rowgate.Row) -> None:
    number, name = row
    assert (number, name) == (1, "Oak table") == tuple(row)
    assert (row[0], row[-1], row[:1], len(row)) == (1, "Oak table", (1,), 2)
    assert 1 in row
    assert "id" not in row
    match row:
        case [1, str(text)]:
            assert text == "Oak table"
        case _:
            pytest.fail("a row matches a sequence pattern")


def test_a_row_takes_names(row: rowgate.Row) -> None:
    assert row["name"] == "Oak table"
    assert row.as_dict() == dict(row) == {"id": 1, "name": "Oak table"} == dict(**row)
    assert list(row.keys()) == ["id", "name"]
    assert repr(row) == "Row(id=1, name='Oak table')"


def test_a_row_never_changes(row: rowgate.Row) -> None:
    with pytest.raises(TypeError):
        row[0] = 2  # type: ignore[index]  # what is tested
    with pytest.raises(AttributeError):
        row.name = "Pine table"  # type: ignore[attr-defined]  # what is tested


def test_rows_are_equal_when_their_values_are(row: rowgate.Row) -> None:
    assert row == result_of(product(1)).one()
    assert row == (1, "Oak table")
    assert row != (1, "Pine table")
    assert row != [1, "Oak table"]
    assert len({row, result_of(product(1)).one()}) == 1


def test_a_name_that_is_not_there_is_a_key_error_that_tells_the_names(row: rowgate.Row) -> None:
    with pytest.raises(KeyError) as caught:
        row["Name"]
    assert isinstance(caught.value, rowgate.NoSuchColumn)
    assert str(caught.value) == "there is no column 'Name'; the columns are 'id', 'name'"


def test_a_name_that_repeats_is_only_taken_by_position(joined: rowgate.Row) -> None:
    assert tuple(joined) == (1, 2, 3)
    assert joined[""] == 3
    with pytest.raises(rowgate.AmbiguousColumn, match=r"several columns are named 'id': take one by position \(0, 1\)"):
        joined["id"]
    for lossy in (joined.as_dict, lambda: dict(joined)):
        with pytest.raises(rowgate.AmbiguousColumn):
            lossy()
    assert repr(joined) == "Row(id=1, id=2, =3)"


def test_a_row_of_the_wrong_length_is_refused() -> None:
    with pytest.raises(rowgate.ProtocolError, match="1 cells for 2 columns"):
        result_of(Row(values=[Value(int_value=1)]))


def test_a_column_tells_what_the_database_tells() -> None:
    told = Column(
        name="price",
        type=result_pb2.COLUMN_TYPE_DECIMAL,
        database_type="decimal(10,2)",
        nullable=False,
        precision=10,
        scale=0,
        table="products",
    )
    bare, newer = Column(name="x"), Column(name="y", type=99)  # type: ignore[arg-type]  # a newer gateway's
    result = result_of(columns=(told, bare, newer))
    assert result.columns == (
        rowgate.Column(
            "price", ColumnType.DECIMAL, "decimal(10,2)", nullable=False, precision=10, scale=0, table="products"
        ),
        rowgate.Column("x", ColumnType.UNSPECIFIED, "", nullable=None, precision=None, scale=None, table=""),
        rowgate.Column("y", ColumnType.UNSPECIFIED),
    )


def test_every_column_type_has_its_word() -> None:
    assert [f"COLUMN_TYPE_{word}" for word in ColumnType] == result_pb2.ColumnType.keys()
    assert [f"TRUNCATION_REASON_{word}" for word in rowgate.TruncationReason] == result_pb2.TruncationReason.keys()[1:]


def test_a_result_is_its_rows() -> None:
    result = result_of(product(1), product(2, "Lamp"))
    assert len(result) == 2
    assert list(result) == result.rows == [(1, "Oak table"), (2, "Lamp")]
    assert result.first() == (1, "Oak table")
    assert result.scalars() == [1, 2]
    assert result.scalars("name") == result.scalars(-1) == ["Oak table", "Lamp"]
    assert repr(result) == "<Result of 2 columns and 2 rows>"


def test_one_row_is_one_row() -> None:
    none, one, two = result_of(), result_of(product(1)), result_of(product(1), product(2))
    assert one.one() == one.one_or_none() == (1, "Oak table")
    assert none.one_or_none() is None
    assert none.first() is None
    with pytest.raises(rowgate.NoRows):
        none.one()
    for ask in (two.one, two.one_or_none):
        with pytest.raises(rowgate.MultipleRows):
            ask()


def test_the_one_row_of_a_cut_result_may_not_be_the_only_one() -> None:
    with pytest.raises(rowgate.MultipleRows):
        result_of(product(1), truncated=True).one()


def test_a_scalar_is_the_only_value() -> None:
    columns = (Column(name="count(*)"),)
    null = Value(null_value=0)  # type: ignore[arg-type]  # the enum's only number
    assert result_of(Row(values=[Value(int_value=7)]), columns=columns).scalar() == 7
    assert result_of(Row(values=[null]), columns=columns).scalar() is None
    with pytest.raises(rowgate.NoRows):
        result_of(columns=columns).scalar()
    with pytest.raises(rowgate.ResultError, match="a row has 2"):
        result_of(product(1)).scalar()


def test_scalars_of_an_empty_result_still_need_a_column_that_is_there() -> None:
    assert result_of().scalars("name") == []
    with pytest.raises(rowgate.NoSuchColumn):
        result_of().scalars("nmae")
    with pytest.raises(IndexError):
        result_of().scalars(2)
