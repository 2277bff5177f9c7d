"""Filters find the same rows on every engine: those that a few lines of Python find."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import rowgate
from support.engines import Engine
from support.tables import Filter, Tables, compare, every, fields, no, some

_BYTEWISE = {"sqlite": "", "mariadb": "character set utf8mb4 collate utf8mb4_nopad_bin", "postgresql": ""}
_TEXTS = [
    *("", "a", "A", "ab", "aB", "AB", "b", "a%b", "a_b", "a\\b", "a!b", "a*b", "a?b", "a[b]", "[a]", "%", "_", "\\"),
    *(
        "%%",
        "it's",
        'a"b',
        "Ä",
        "ä",
        "äÄ",
        "Straße",
        "STRASSE",
        "é",
        "É",
        "中文",
        "🌵",
        " a",
        "a ",
        "a\nb",
        "A\nB",
        "^a",
    ),
    *("Привет", "привет", "100%", "1e3", "123", "NULL", "--", "/*"),
]
_ROWS: list[tuple[int, int | None, int, str | None]] = [
    (index, None if index % 4 == 0 else index % 7 - 3, index % 5, None if index % 11 == 10 else text)
    for index, text in enumerate(_TEXTS)
]
_PLACES = {"id": 0, "n": 1, "m": 2, "t": 3}

Row = tuple[Any, ...]
Test = Callable[[Row], bool]


@pytest.fixture(scope="module")
async def _made(client: rowgate.Client) -> AsyncIterator[None]:
    for name, bytewise in _BYTEWISE.items():
        db = client.using(name)
        await db.query(
            f"create table filtered (id integer primary key, n integer, m integer not null, t varchar(60) {bytewise})"
        )
        for row in _ROWS:
            await db.query("insert into filtered values (?, ?, ?, ?)", *row)
    yield
    for name in _BYTEWISE:
        await client.using(name).query("drop table filtered")


@pytest.fixture
def filtered(_made: None, tables: Tables) -> Tables:
    return tables


async def _ids(tables: Tables, where: Filter) -> list[int]:
    return [row[0] for row in (await tables.page("filtered", where=where, columns=["id"], size=1000)).rows]


def _expected(test: Test) -> list[int]:
    return [row[0] for row in _ROWS if test(row)]


def _regex(pattern: str, *, folded: bool = False) -> re.Pattern[str]:
    pieces = re.findall(r"\\.|[%_]|[^%_]", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    text = "".join(wild.get(piece) or re.escape(piece[-1]) for piece in pieces)
    return re.compile(text.lower() if folded else text, re.DOTALL)


# One comparison

_NUMBERS = st.integers(-4, 4)
_LIKES = st.one_of(
    st.sampled_from(
        ["%", "_", "a%", "%b", "A_%", "%\\%%", "\\_", "%[%", "a*b", "a?b", "Ä%", "%ß%", "\\\\", "a\\", "a!_", "%\n%"]
    ),
    st.text("aAbB%_\\[]*?!Ää中🌵", max_size=5),
)
_PARTS = st.one_of(st.sampled_from(_TEXTS), st.text("aAbB%_\\[]*?!^Ää ", max_size=3))


def _comparisons() -> st.SearchStrategy[tuple[Filter, Test]]:
    """A comparison as the wire has it, and as Python has it."""
    return st.one_of(_of_numbers(), _of_texts(), _of_nulls())


def _of_numbers() -> st.SearchStrategy[tuple[Filter, Test]]:
    orders: dict[str, Callable[[Any, Any], bool]] = {
        "LT": lambda a, b: a is not None and a < b,
        "LE": lambda a, b: a is not None and a <= b,
        "GT": lambda a, b: a is not None and a > b,
        "GE": lambda a, b: a is not None and a >= b,
        "EQ": lambda a, b: a == b,
        "NE": lambda a, b: a != b,
    }
    one = st.builds(
        lambda column, op, number: (
            compare(column, op, number),
            lambda row: orders[op](row[_PLACES[column]], number),
        ),
        st.sampled_from(["n", "m"]),
        st.sampled_from(list(orders)),
        _NUMBERS,
    )
    several = st.builds(
        lambda column, negated, numbers: (
            compare(column, "NOT_IN" if negated else "IN", *numbers),
            lambda row: (row[_PLACES[column]] in numbers) is not negated,
        ),
        st.sampled_from(["n", "m"]),
        st.booleans(),
        st.lists(st.one_of(_NUMBERS, st.none()), max_size=4),
    )
    between = st.builds(
        lambda column, least, most: (
            compare(column, "BETWEEN", least, most),
            lambda row: row[_PLACES[column]] is not None and least <= row[_PLACES[column]] <= most,
        ),
        st.sampled_from(["n", "m"]),
        _NUMBERS,
        _NUMBERS,
    )
    return st.one_of(one, several, between)


def _of_texts() -> st.SearchStrategy[tuple[Filter, Test]]:
    def text(row: Row) -> str | None:
        found: str | None = row[3]
        return found

    def like(op: str, pattern: str) -> tuple[Filter, Test]:
        folded = op == "ILIKE"
        regex = _regex(pattern, folded=folded)

        def matches(row: Row) -> bool:
            found = text(row)
            return found is not None and regex.fullmatch(found.lower() if folded else found) is not None

        return compare("t", op, pattern), (lambda row: not matches(row)) if op == "NOT_LIKE" else matches

    parts: dict[str, Callable[[str, str], bool]] = {
        "STARTS_WITH": str.startswith,
        "ENDS_WITH": str.endswith,
        "CONTAINS": lambda whole, part: part in whole,
        "EQ": lambda whole, part: whole == part,
        "GT": lambda whole, part: whole > part,
    }
    part = st.builds(
        lambda op, piece: (
            compare("t", op, piece),
            lambda row: (found := text(row)) is not None and parts[op](found, piece),
        ),
        st.sampled_from(list(parts)),
        _PARTS,
    )
    return st.one_of(st.builds(like, st.sampled_from(["LIKE", "NOT_LIKE", "ILIKE"]), _LIKES), part)


def _of_nulls() -> st.SearchStrategy[tuple[Filter, Test]]:
    def null(column: str, op: str) -> tuple[Filter, Test]:
        values = (None,) if op in ("EQ", "NE") else ()
        wanted = op in ("EQ", "IS_NULL")
        return compare(column, op, *values), lambda row: (row[_PLACES[column]] is None) is wanted

    return st.builds(null, st.sampled_from(["n", "m", "t"]), st.sampled_from(["EQ", "NE", "IS_NULL", "IS_NOT_NULL"]))


_BY_THE_PAGE = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@_BY_THE_PAGE
@given(_comparisons())
async def test_a_comparison_finds_what_python_finds(filtered: Tables, comparison: tuple[Filter, Test]) -> None:
    where, test = comparison
    assert await _ids(filtered, where) == _expected(test)


@_BY_THE_PAGE
@given(_comparisons())
async def test_not_finds_exactly_the_other_rows(filtered: Tables, comparison: tuple[Filter, Test]) -> None:
    where, test = comparison
    assert await _ids(filtered, no(where)) == _expected(lambda row: not test(row))


def _trees(below: st.SearchStrategy[tuple[Filter, Test]]) -> st.SearchStrategy[tuple[Filter, Test]]:
    lists = st.lists(below, max_size=4)
    return st.one_of(
        lists.map(lambda all_: (every(*(w for w, _ in all_)), lambda row: all(test(row) for _, test in all_))),
        lists.map(lambda any_: (some(*(w for w, _ in any_)), lambda row: any(test(row) for _, test in any_))),
        below.map(lambda one: (no(one[0]), lambda row: not one[1](row))),
    )


@_BY_THE_PAGE
@given(st.recursive(_comparisons(), _trees, max_leaves=12))
async def test_any_tree_finds_what_python_finds(filtered: Tables, tree: tuple[Filter, Test]) -> None:
    where, test = tree
    assert await _ids(filtered, where) == _expected(test)
    assert (await filtered.count("filtered", where)).count == len(_expected(test))


async def test_a_database_of_its_own_collation_decides_what_is_equal(
    db: rowgate.Database, tables: Tables, engine: Engine, table: str
) -> None:
    await db.query(f"insert into {table} (id, name) values (1, 'Ada'), (2, 'ada'), (3, 'ADA')")
    equal = await tables.page(table, where=compare("name", "EQ", "ada"))
    assert len(equal.rows) == (3 if engine.name == "mariadb" else 1)
    for op, count in (("LIKE", 1), ("STARTS_WITH", 1), ("ENDS_WITH", 1), ("CONTAINS", 1), ("ILIKE", 3)):
        assert len((await tables.page(table, where=compare("name", op, "ada"))).rows) == count, op
    assert len((await tables.page(table, where=compare("name", "NOT_LIKE", "ada"))).rows) == 2


# Values of other kinds than the column's

_UNFIT: list[tuple[str, str, tuple[Any, ...], str]] = [
    ("id", "EQ", ("7",), "filter.compare.value"),
    ("id", "EQ", (2**63,), "filter.compare.value"),
    ("id", "LT", (3.5,), "filter.compare.value"),
    ("id", "LT", (None,), "filter.compare.value"),
    ("id", "BETWEEN", (1, None), "filter.compare.values[1]"),
    ("id", "BETWEEN", (1,), "filter.compare.values"),
    ("id", "BETWEEN", (1, 2, 3), "filter.compare.values"),
    ("id", "IN", (1, "x"), "filter.compare.values[1]"),
    ("name", "EQ", (7,), "filter.compare.value"),
    ("name", "EQ", ("x" * 41,), "filter.compare.value"),
    ("name", "LIKE", (7,), "filter.compare.value"),
    ("name", "LIKE", (None,), "filter.compare.value"),
    ("name", "CONTAINS", ("x" * 10_001,), "filter.compare.value"),
    ("amount", "EQ", ("1.234",), "filter.compare.value"),
]


@pytest.mark.parametrize(("column", "op", "values", "field"), _UNFIT, ids=lambda each: str(each)[:20])
async def test_a_value_that_does_not_fit_is_refused_with_its_place(
    tables: Tables, table: str, column: str, op: str, values: tuple[Any, ...], field: str
) -> None:
    with pytest.raises(rowgate.RequestError) as caught:
        await tables.page(table, where=compare(column, op, *values))
    assert caught.value.reason in ("INVALID_PARAMETER", "VALUE_OUT_OF_RANGE")
    assert fields(caught.value) == [field]


@pytest.mark.engines("mariadb", "postgresql")
async def test_a_pattern_for_what_is_no_text_is_refused(tables: Tables, table: str) -> None:
    with pytest.raises(rowgate.InvalidParameter) as caught:
        await tables.page(table, where=compare("id", "LIKE", "1%"))
    assert fields(caught.value) == ["filter.compare.op"]


@pytest.mark.engines("sqlite")
async def test_a_pattern_finds_text_in_any_column_of_sqlite(db: rowgate.Database, tables: Tables, table: str) -> None:
    await db.query(f"insert into {table} (id, name, amount) values (1, 'a', '10%'), (2, 'b', 10)")
    assert (await tables.page(table, where=compare("amount", "LIKE", "1_\\%"), columns=["id"])).rows == [(1,)]


# The filter itself

_NESTED = every(some(compare("id", "EQ", 1), no(compare("nmae", "EQ", 1))), compare("id", "EQ", 2))


def _deep(depth: int) -> Filter:
    found = compare("id", "GE", 0)
    for _ in range(depth - 1):
        found = no(found)
    return found


async def test_an_unknown_column_is_told_with_its_place_and_a_near_miss(tables: Tables, table: str) -> None:
    with pytest.raises(rowgate.UnknownColumn) as caught:
        await tables.page(table, where=_NESTED)
    assert fields(caught.value) == ["filter.and.filters[0].or.filters[1].not.compare.column"]
    assert caught.value.metadata["hint"] == "did you mean name?"
    assert (caught.value.metadata["table"], caught.value.metadata["column"]) == (table, "nmae")


async def test_filters_may_be_16_deep_and_no_deeper(tables: Tables, table: str) -> None:
    await tables.page(table, where=_deep(16))
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await tables.page(table, where=_deep(17))
    assert caught.value.metadata["limit"] == "16 nodes deep"
    assert fields(caught.value) == ["filter" + 16 * ".not"]


async def test_filters_may_have_500_nodes_and_no_more(tables: Tables, table: str) -> None:
    one = compare("id", "EQ", 1)
    await tables.page(table, where=some(*[one] * 499))
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await tables.page(table, where=some(*[one] * 500))
    assert caught.value.metadata["limit"] == "500 nodes"


async def test_lists_may_have_10000_values_and_no_more(db: rowgate.Database, tables: Tables, table: str) -> None:
    await db.query(f"insert into {table} (id, name) values (9999, 'x'), (10001, 'y')")
    found = await tables.page(table, where=compare("id", "IN", *range(10_000)), columns=["id"])
    assert found.rows == [(9999,)]
    with pytest.raises(rowgate.InvalidRequest) as caught:
        await tables.page(table, where=compare("id", "IN", *range(10_001)))
    assert caught.value.metadata["limit"] == "10000 values"


async def test_a_filter_with_a_node_that_is_not_set_is_refused(tables: Tables, table: str) -> None:
    for where, field in (
        (Filter(), "filter"),
        (every(compare("id", "EQ", 1), Filter()), "filter.and.filters[1]"),
        (no(Filter()), "filter.not"),
    ):
        with pytest.raises(rowgate.InvalidRequest) as caught:
            await tables.page(table, where=where)
        assert fields(caught.value) == [field]


async def test_a_comparison_without_its_operator_or_value_is_refused(tables: Tables, table: str) -> None:
    without_operator, without_value, with_both = (compare("id", "EQ", 1) for _ in range(3))
    without_operator.compare.ClearField("op")
    without_value.compare.ClearField("value")
    with_both.compare.values.add().int_value = 2
    for where, field in (
        (without_operator, "filter.compare.op"),
        (without_value, "filter.compare.value"),
        (with_both, "filter.compare.values"),
    ):
        with pytest.raises(rowgate.RequestError) as caught:
            await tables.page(table, where=where)
        assert fields(caught.value) == [field]
