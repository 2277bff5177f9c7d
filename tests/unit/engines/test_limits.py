"""The meter against a model that looks at one row at a time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.limits import ResultLimits, ResultMeter, cell_size, wire_bytes
from rowgate_server.engines.results import Column, Row, Truncation
from rowgate_server.engines.values import Array, ValueType
from rowgate_server.errors import Reason, RowgateError

CELLS: dict[ValueType, st.SearchStrategy[Any]] = {
    ValueType.BOOL: st.booleans(),
    ValueType.INT: st.integers(-(2**63), 2**63 - 1),
    ValueType.UINT: st.integers(0, 2**64 - 1),
    ValueType.DOUBLE: st.floats(),
    ValueType.STRING: st.text(max_size=6),
    ValueType.BYTES: st.binary(max_size=6),
    ValueType.DECIMAL: st.decimals(allow_nan=False, allow_infinity=False).map(str),
    ValueType.JSON: st.just('{"a": 1}'),
    ValueType.UUID: st.uuids().map(str),
    ValueType.INTERVAL: st.just("P1D"),
    ValueType.DATE: st.just("2024-01-31"),
    ValueType.TIME: st.just("12:00:00.000000"),
    ValueType.DATETIME: st.just("2024-01-31T12:00:00.000000"),
    ValueType.TIMESTAMP: st.just("2024-01-31T12:00:00.000000+00:00"),
    ValueType.DYNAMIC: st.one_of(st.integers(0, 9), st.floats(), st.text(max_size=6), st.binary(max_size=6)),
    ValueType.LIST: st.one_of(
        st.lists(st.none() | st.text(max_size=3), max_size=3).map(partial(Array, ValueType.STRING)),
        st.lists(st.none() | st.integers(0, 9), max_size=3).map(partial(Array, ValueType.INT)),
        st.lists(st.none() | st.booleans() | st.binary(max_size=3), max_size=3).map(partial(Array, ValueType.DYNAMIC)),
    ),
    ValueType.NULL: st.none(),
}
# What a cell of these counts for does not depend on what it holds.
OF_ONE_SIZE = {
    *(ValueType.BOOL, ValueType.INT, ValueType.UINT, ValueType.DOUBLE, ValueType.NULL),
    *(ValueType.DATE, ValueType.TIME, ValueType.DATETIME, ValueType.TIMESTAMP),
}
LIMIT = st.none() | st.integers(0, 12)
BYTE_LIMIT = st.none() | st.integers(0, 120)


@st.composite
def results(draw: st.DrawFn) -> tuple[list[Column], list[list[Row]]]:
    """Columns, and rows in batches, none of them empty."""
    types = draw(st.lists(st.sampled_from(list(CELLS)), min_size=1, max_size=4))
    row = st.tuples(*(st.none() | CELLS[value_type] for value_type in types))
    batches = draw(st.lists(st.lists(row, min_size=1, max_size=5), max_size=4))
    return [Column(f"c{index}", value_type) for index, value_type in enumerate(types)], batches


def size_of(cell: Any) -> int:
    match cell:
        case None:
            return 0
        case str():
            return len(cell.encode())
        case bytes():
            return len(cell)
        case Array():
            return sum(map(size_of, cell.members))
        case _:
            return 8


def kept_by_the_model(
    columns: Sequence[Column], rows: Sequence[Row], limits: ResultLimits
) -> tuple[list[Row], int, Truncation | None]:
    kept: list[Row] = []
    size = 0
    for row in rows:
        width = sum(
            8 if column.type in OF_ONE_SIZE else size_of(cell) for column, cell in zip(columns, row, strict=True)
        )
        if limits.max_rows is not None and len(kept) >= limits.max_rows:
            return kept, size, Truncation.MAX_ROWS
        if limits.max_bytes is not None and size + width > limits.max_bytes:
            return kept, size, Truncation.MAX_BYTES
        kept.append(row)
        size += width
    return kept, size, None


def kept_by_the_meter(meter: ResultMeter, batches: Sequence[Sequence[Row]]) -> list[Row]:
    kept: list[Row] = []
    for batch in batches:
        kept += meter.take(batch)
        if meter.truncation is not None:
            break
    return kept


@given(results(), LIMIT, BYTE_LIMIT)
def test_the_caller_s_limits_cut_where_the_model_cuts(
    result: tuple[list[Column], list[list[Row]]], max_rows: int | None, max_bytes: int | None
) -> None:
    columns, batches = result
    limits = ResultLimits(max_rows=max_rows, max_bytes=max_bytes)
    meter = ResultMeter(columns, limits)
    kept = kept_by_the_meter(meter, batches)
    rows = [row for batch in batches for row in batch]
    assert (kept, meter.bytes, meter.truncation) == kept_by_the_model(columns, rows, limits)
    assert meter.rows == len(kept)


@given(results(), LIMIT, BYTE_LIMIT, LIMIT, BYTE_LIMIT)
def test_the_server_s_caps_fail_exactly_when_what_is_kept_is_over_them(
    result: tuple[list[Column], list[list[Row]]],
    max_rows: int | None,
    max_bytes: int | None,
    cap_rows: int | None,
    cap_bytes: int | None,
) -> None:
    columns, batches = result
    limits = ResultLimits(max_rows, max_bytes, cap_rows, cap_bytes)
    kept, size, _ = kept_by_the_model(columns, [row for batch in batches for row in batch], limits)
    over = (cap_rows is not None and len(kept) > cap_rows) or (cap_bytes is not None and size > cap_bytes)
    meter = ResultMeter(columns, limits)
    if not over:
        assert kept_by_the_meter(meter, batches) == kept
        return
    with pytest.raises(RowgateError) as caught:
        kept_by_the_meter(meter, batches)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    assert caught.value.metadata["limit"] in {f"{cap_rows} rows", f"{cap_bytes} bytes"}


def test_a_result_of_exactly_the_limits_is_whole() -> None:
    columns = [Column("a", ValueType.STRING)]
    meter = ResultMeter(columns, ResultLimits(max_rows=2, max_bytes=4, cap_rows=2, cap_bytes=4))
    assert meter.take([("ab",), ("cd",)]) == [("ab",), ("cd",)]
    assert meter.truncation is None


def test_a_first_row_that_is_too_wide_is_cut_and_told() -> None:
    meter = ResultMeter([Column("a", ValueType.STRING)], ResultLimits(max_bytes=3))
    assert list(meter.take([("abcd",)])) == []
    assert meter.truncation is Truncation.MAX_BYTES


def test_a_result_without_columns_has_no_size() -> None:
    meter = ResultMeter([], ResultLimits(max_rows=0, max_bytes=0, cap_rows=0, cap_bytes=0))
    assert list(meter.take([])) == []
    assert (meter.rows, meter.bytes, meter.truncation) == (0, 0, None)


@given(st.sampled_from(list(CELLS)).flatmap(lambda value_type: CELLS[value_type]))
def test_a_cell_s_size_is_that_of_its_bytes(cell: Any) -> None:
    assert cell_size(cell) == size_of(cell)


@given(st.lists(st.one_of(*CELLS.values(), st.none()), max_size=6))
def test_a_columns_size_is_that_of_its_cells(cells: list[Any]) -> None:
    meter = ResultMeter([Column("x", ValueType.DYNAMIC)], ResultLimits())
    assert meter.size([(cell,) for cell in cells]) == sum(map(cell_size, cells))


def test_members_of_inner_arrays_count_too() -> None:
    assert cell_size(Array(ValueType.STRING, [["ab", None], ["é", "c"]])) == 5
    assert cell_size(Array(ValueType.INT, [[[1, None]], [[2, 3]]])) == 24
    assert cell_size(Array(ValueType.INT, [None, [], [1, 2], [[3], None, [4, 5]]])) == 40


@pytest.mark.parametrize(
    ("limits", "rows"),
    [
        (ResultLimits(), None),
        (ResultLimits(max_rows=5), 5),
        (ResultLimits(cap_rows=7), 7),
        (ResultLimits(max_rows=5, cap_rows=7), 5),
        (ResultLimits(max_rows=9, cap_rows=7), 7),
        (ResultLimits(max_rows=0), 0),
    ],
)
def test_a_driver_may_stop_after_the_lesser_number_of_rows(limits: ResultLimits, rows: int | None) -> None:
    assert limits.row_limit == rows


def test_a_driver_may_hold_somewhat_more_than_the_cap() -> None:
    assert 32 * 2**20 < wire_bytes(32 * 2**20, rows=100_000, columns=6) < 50 * 2**20
