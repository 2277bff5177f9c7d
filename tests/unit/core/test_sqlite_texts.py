"""Names and expressions taken out of the SQL that SQLite keeps of its tables and indexes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.sqlite_schema import _inside, _members

NAMES = st.text(st.sampled_from("ab,()'\"`[] .-/*\n日"), min_size=1, max_size=8).filter(
    lambda name: name.strip() == name
)
EXPRESSIONS = st.sampled_from(
    ["lower(x)", "x || ',('", "(x)", "coalesce(x, '', \"x\")", "x -- ,(\n + 1", "x /* ,( */ + 1", "[x] + `x`", "1 - 2"]
)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


@given(
    names=st.lists(NAMES, min_size=1, max_size=4, unique_by=str.lower), expressions=st.lists(EXPRESSIONS, max_size=3)
)
def test_members_are_found_between_commas_of_their_own(names: list[str], expressions: list[str]) -> None:
    members = [*map(_quoted, names), *expressions]
    text = f"create index {_quoted(names[0])} on {_quoted(names[-1])}({' , '.join(members)}) where (x > 1)"
    found = _members(_inside(text))
    assert found[: len(names)] == [_quoted(name) for name in names]
    assert len(found) == len(members)


@given(st.text(st.sampled_from("ab,()'\"`[]-/*\n as"), max_size=30))
def test_text_of_any_kind_is_taken_without_end_or_error(text: str) -> None:
    _members(_inside(text))
    _inside(text, after="as")


@pytest.mark.parametrize(
    ("definition", "expression"),
    [
        ("x int as (a + 1)", "a + 1"),
        ("x int generated always AS(a) stored", "a"),
        ("x int check (a > (1)) as (f(a, ')')) virtual", "f(a, ')')"),
        ('"as" alias(3) as (b)', "b"),
        ("x has(3) as (b)", "b"),
        ("x int /* as (no) */ as -- as (no)\n (yes)", "yes"),
        ("x int", ""),
    ],
)
def test_the_expression_of_a_generated_column_comes_after_as(definition: str, expression: str) -> None:
    assert _inside(definition, after="as") == expression
