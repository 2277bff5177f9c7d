"""A plain statement is written so that no view can stand for a table in it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.guard import Guarded, guarded, is_ordinary

GROUP, ORDER = " USE INDEX FOR GROUP BY ()", " USE INDEX FOR ORDER BY ()"


def guard(sql: str) -> Guarded | None:
    return guarded(tuple(sql.split("?")))


@pytest.mark.parametrize(
    ("sql", "written"),
    [
        ("select 1", "select 1"),
        ("select a from t where b = ?", "select a from t! where b = ?"),
        ("select a from rg . `a t` as `x` order by 1", "select a from rg . `a t` as `x`! order by 1"),
        ("select x.a from t as x, u\nas y where ? = ?", "select x.a from t as x!, u\nas y! where ? = ?"),
        ("select ?, a from t limit ?, ?", "select ?, a from t! limit ?, ?"),
        ("select 1 from t join u on t.a in (1, 2), v", "select 1 from t! join u! on t.a in (1, 2), v!"),
        ("select 1 from t left join (u, v) using (a, b)", "select 1 from t! left join (u!, v!) using (a, b)"),
        ("select a from (t)", "select a from (t!)"),
        ("select a from (select b from t) as d, u", "select a from (select b from t!) as d, u!"),
        ("select (select a from t), b from u", "select (select a from t!), b from u!"),
        ("select a, b from t union select c, d from u", "select a, b from t! union select c, d from u!"),
        ("select a from t where exists (select 1 from u)", "select a from t! where exists (select 1 from u!)"),
        (
            "select 1 from t join u on (select 1 from v) = 1, w",
            "select 1 from t! join u! on (select 1 from v!) = 1, w!",
        ),
    ],
)
def test_each_table_has_its_hint(sql: str, written: str) -> None:
    found = guard(sql)
    assert found is not None
    assert "?".join(found.fragments) == written.replace("!", GROUP)
    assert len(found.fragments) == sql.count("?") + 1


@pytest.mark.parametrize("select", ["count(*)", "max(a)", "distinct a", "a, sum(b)"])
def test_a_hint_is_for_a_clause_that_the_statement_does_not_have(select: str) -> None:
    found = guard(f"select {select} from t")
    assert found is not None
    assert found.fragments == (f"select {select} from t{ORDER}",)
    assert guard(f"select {select} from t order by 1") is None


def test_the_tables_are_told_once_each() -> None:
    found = guard("select 1 from t as a, rg.t as b, `odd one`, t as c where a.x in (select x from u)")
    assert found is not None
    assert found.tables == (("", "t"), ("rg", "t"), ("", "odd one"), ("", "u"))


@pytest.mark.parametrize(
    "sql",
    [
        "select a from information_schema.session_status",
        "select a from Information_Schema . session_status",
        "select a from `performance_schema`.threads",
        "select a from mysql.proc",
        "select 1 from t join sys.x on 1 = 1",
        "select a from `İnformation_schema`.session_status",
        "select a from `#mysql50#rg`.t",
        "select a from a.b.c",
        "select a from ?",
        "select a from 't'",
        "select a from t as 'x'",
        "select a from t,",
        "select a from (t, )",
        "select a from t)",
        "select a from where",
        "select a from",
        "insert into t select a from u",
    ],
)
def test_what_is_no_table_for_sure_is_not_guarded(sql: str) -> None:
    assert guard(sql) is None


def test_the_server_s_own_schemas_are_no_ordinary_ones() -> None:
    assert is_ordinary("shop_1-a$")
    assert not any(map(is_ordinary, ("", "SYS", "MySQL", "größe", "a b")))


_TABLES = st.sampled_from(["t!", "rg.t!", "`a, b`!", "t as x!", "rg . t as\n`where`!"])
_BEHIND = st.sampled_from(
    ["", " where a in (1, ?)", " where exists (select 1 from u!)", " limit ?, 1", " union select a, b from u!"]
)


def _joined(tables: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    joins = st.sampled_from([", ", " join ", " left outer join "])
    ons = st.sampled_from(
        ["", " on x.a = b", " on (select ?, 'from v' from u!) = 1", " using (a, b)", " on coalesce(a, b)"]
    )
    queries = st.builds("(select a, b from {}{}) as q".format, tables, _BEHIND)
    return st.builds("{}{}{}{}".format, tables, joins, tables, ons) | st.builds("({})".format, tables) | queries


@given(st.builds("select a, b from {}{}".format, st.recursive(_TABLES, _joined, max_leaves=8), _BEHIND))
def test_however_tables_are_nested_each_has_its_hint(sql: str) -> None:
    """The marks are where the hints belong."""
    found = guard(sql.replace("!", ""))
    assert found is not None
    assert "?".join(found.fragments) == sql.replace("!", GROUP)
    assert len(found.fragments) == sql.count("?") + 1
