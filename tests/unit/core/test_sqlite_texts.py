"""Names and expressions taken out of the SQL that SQLite keeps of its tables and indexes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rowgate_server.core.sqlite_text import Reference, index_words, table_words
from rowgate_server.core.tables import Check, Deferral

NAMES = st.text(st.sampled_from("ab,()'\"`[] .-/*\n日"), min_size=1, max_size=8)
EXPRESSIONS = st.sampled_from(
    ["lower(x)", "x || ',('", "coalesce(x, '', \"x\")", "x -- ,(\n + 1", "x /* ,( */ + 1", "[x] + `x`", "1 - 2"]
)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@settings(max_examples=30, deadline=None)
@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower),
    expressions=st.lists(EXPRESSIONS, max_size=3),
    directed=st.booleans(),
)
def test_members_are_found_between_commas_of_their_own(
    names: list[str], expressions: list[str], *, directed: bool
) -> None:
    members = [*map(_quoted, names), *expressions]
    order = " collate nocase desc" if directed else ""
    listed = " , ".join(member + order for member in members)
    found = index_words(f"create index {_quoted(names[0])} on {_quoted(names[-1])}({listed}) where (x > ')')")
    assert found.parts[: len(names)] == tuple(map(_quoted, names))
    assert found.collations == ("nocase" if directed else "",) * len(members)
    assert found.condition == "x > ')'"


@settings(max_examples=30, deadline=None)
@given(names=st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower))
def test_columns_and_constraints_are_told_apart_whatever_they_are_called(names: list[str]) -> None:
    columns = [f"{_quoted(name)} text collate nocase check ({_quoted(name)} <> ',check(1)')" for name in names]
    found = table_words(f"create table t({', '.join(columns)}, unique ({_quoted(names[0])})) strict, without rowid")
    assert [(column.name, column.type, column.collation) for column in found.columns] == [
        (name, "text", "nocase") for name in names
    ]
    assert found.checks == [Check("", f"{_quoted(name)} <> ',check(1)'") for name in names]
    assert found.unique == [("", (names[0],))]
    assert (found.options, found.besides) == (["STRICT", "WITHOUT ROWID"], [])


@settings(max_examples=30, deadline=None)
@given(st.text(st.sampled_from("ab,()'\"`[]-/*\n as"), max_size=30))
def test_text_of_any_kind_is_taken_without_end_or_error(text: str) -> None:
    table_words(text)
    table_words(f"create table t ({text})")
    index_words(text)


@pytest.mark.parametrize(
    ("definition", "expression"),
    [
        ("x int as (a + 1)", "a + 1"),
        ("x int generated always AS(a) stored", "a"),
        ("x int check (a > (1)) as (f(a, ')')) virtual", "f(a, ')')"),
        ('"as" alias(3) as (b)', "b"),
        ("x has(3) as (b)", "b"),
        ("x int /* as (no) */ as -- as (no)\n (yes /* x */ + 1)", "yes + 1"),
        ("x int", ""),
    ],
)
def test_the_expression_of_a_generated_column_comes_after_as(definition: str, expression: str) -> None:
    (column,) = table_words(f"create table t ({definition})").columns
    assert column.generation == expression
    assert column.virtual is (expression != "" and "stored" not in definition)


def test_comments_and_literals_make_no_checks() -> None:
    found = table_words(
        "create table t (a int check (a > 0) /* check (a < 5) */, b text default 'check (b > 1)' -- check (no)\n"
        ", constraint named check (b not like '%)%'))"
    )
    assert found.checks == [Check("", "a > 0"), Check("named", "b not like '%)%'")]
    assert found.besides == []


def test_constraints_of_a_table_need_no_commas_between_them() -> None:
    found = table_words(
        "create table t (a int constraint n not null default -1 unique, b references u (x) on delete set null"
        " deferrable initially deferred, c default x'00' references v not deferrable,"
        " constraint p primary key (a, b) constraint f foreign key (a, b) references w (y, z) match full"
        " on update no action deferrable check (a > 1))"
    )
    assert (found.primary_name, found.unique, found.checks) == ("p", [("", ("a",))], [Check("", "a > 1")])
    assert found.references == [
        Reference("", ("b",), "u", Deferral.DEFERRED),
        Reference("", ("c",), "v", Deferral.NEVER),
        Reference("f", ("a", "b"), "w", Deferral.IMMEDIATE),
    ]
    assert found.besides == []


@pytest.mark.parametrize(
    ("definition", "told"),
    [
        ("a int unique on conflict replace", "UNIQUE (a) ON CONFLICT REPLACE"),
        ("a int not null on conflict ignore", "a NOT NULL ON CONFLICT IGNORE"),
        ("a int, primary key (a) on conflict fail", "PRIMARY KEY (a) ON CONFLICT FAIL"),
        ("a int, unique (a collate nocase)", "a collate nocase"),
        ("a integer primary key desc", "a PRIMARY KEY DESC"),
        ("a int surprising", None),
        ("a int default 1 surprising", "a surprising"),
        ("a int default 0x1F surprising", "a surprising"),
        ("a int default -0x1F, b int default +1.5e3", None),
        ("a int default X'00'check(a), b text default 'x'check(b)", None),
        ("a int unique on conflict abort", None),
    ],
)
def test_what_has_no_place_in_a_description_is_told_as_it_is_written(definition: str, told: str | None) -> None:
    assert table_words(f"create table t ({definition})").besides == ([] if told is None else [told])
