"""The shape of a statement tells what it does, and nothing of the values in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.sqltext import fingerprint
from rowgate_server.engines.dialects import Dialect

each_dialect = pytest.mark.parametrize("dialect", Dialect)


@each_dialect
@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("select  a,b\n\tfrom t", "select a, b from t"),
        ("select a from t where b = 'x' and c = 5", "select a from t where b = ? and c = ?"),
        ("select 'it''s', 1.5, .5, 0x1F, 1e5, 1.5e-10, -3", "select ?, ?, ?, ?, ?, ?, -?"),
        ("select t1.c2, a_1 from t1", "select t1.c2, a_1 from t1"),
        ("select :name, ?, a::text", "select ?, ?, a::text"),
        ("select /* note */ 1 -- note", "select ?"),
        ("select a from t where b in (1, 'x',:c , -4)", "select a from t where b in (?)"),
        ("SELECT a FROM t WHERE b NOT IN(1)", "SELECT a FROM t WHERE b NOT IN (?)"),
        ("select a from t where (b, c) in ((1, 2), (3, 4))", "select a from t where (b, c) in ((?, ?))"),
        ("insert into t values (1,'a'),\n( 2, 'b' ), (?, ?)", "insert into t values (?, ?)"),
        ("insert into t values (now(), 1), (now(), 2)", "insert into t values (now(), ?), (now(), ?)"),
        ("select 'not closed", "select ?"),
        ("", ""),
    ],
)
def test_values_become_question_marks_and_space_is_folded(sql: str, shape: str, dialect: Dialect) -> None:
    assert fingerprint(sql, dialect) == shape


@pytest.mark.parametrize(
    ("sql", "dialect", "shape"),
    [
        ("select \"a\\\"b\", 'c\\'d', `e` # f", Dialect.MYSQL, "select ?, ?, `e`"),
        ("select E'a\\'b', $$c$$, $q$ $$ $q$, \"d\"", Dialect.POSTGRESQL, 'select ?, ?, ?, "d"'),
        ("select 1 /* a /* b */ c */ + 2 /* d /* e */", Dialect.POSTGRESQL, "select ? + ?"),
        ("select 1$q$ secret $q$, 1e'\\' secret', bE'\\', 'secret'", Dialect.POSTGRESQL, "select ??, ??, bE?, ?"),
        ("select a ? 'b', c ?| d", Dialect.POSTGRESQL, "select a ? ?, c ?| d"),
        ('select "a", [b c], `d` /* e', Dialect.SQLITE, "select ?, [b c], `d`"),
        ("create table t (a default [b])", Dialect.SQLITE, "create table t (a default [b])"),
    ],
)
def test_each_dialect_has_literals_of_its_own(sql: str, dialect: Dialect, shape: str) -> None:
    assert fingerprint(sql, dialect) == shape


@each_dialect
@pytest.mark.parametrize("columns", [200, 1_000])
def test_a_long_statement_has_a_short_shape(dialect: Dialect, columns: int) -> None:
    shape = fingerprint("select " + ", ".join(f"column_{number}" for number in range(columns)), dialect)
    assert shape.startswith("select column_0, column_1, ")
    assert 2_030 < len(shape) <= 2_048
    assert shape.endswith("…")


@each_dialect
@pytest.mark.parametrize("opening", ["'", '"', "/* ", "-- "])
def test_a_literal_that_outlasts_what_is_read_is_not_shown(opening: str, dialect: Dialect) -> None:
    assert fingerprint(f"select a, {opening}{'secret ' * 10_000}", dialect) == "select a…"


@each_dialect
@given(numbers=st.lists(st.integers(), min_size=1, max_size=50))
def test_a_list_has_the_same_shape_however_long(dialect: Dialect, numbers: list[int]) -> None:
    listed = ", ".join(map(str, numbers))
    assert fingerprint(f"select a from t where b in ({listed})", dialect) == "select a from t where b in (?)"


@each_dialect
@pytest.mark.parametrize("extra", range(8))
def test_of_a_large_list_only_the_beginning_is_read(dialect: Dialect, extra: int) -> None:
    rows = ",".join([f"({'1' * extra}1,'a')"] * 2_000)
    assert fingerprint(f"insert into t values {rows} returning b", dialect) == "insert into t values (?, ?)…"
    numbers = ",".join(["1"] * 10_000)
    assert fingerprint(f"select {'a' * extra} from t where b in ({numbers}) or c", dialect).endswith(
        " from t where b in…"
    )
