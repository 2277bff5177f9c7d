"""The names that a write begins with."""

from __future__ import annotations

import pytest

from rowgate_server.core.sqltext import parse
from rowgate_server.core.sqltext.targets import targets
from rowgate_server.engines.dialects import Dialect


@pytest.mark.parametrize(
    ("sql", "named"),
    [
        ("insert into Things (a, b) values (1, 2)", {("", "Things")}),
        ("insert things values (1)", {("", "things")}),
        ("replace low_priority into shop.things set a = 1", {("shop", "things")}),
        ("insert into `sh``op` . `set` values (1)", {("sh`op", "set")}),
        ("insert into shop.values(a) select b from others", {("shop", "values")}),
        ("update a join b.c on a.x = c.x join d set a.y = 1", {("", "a"), ("b", "c"), ("", "d")}),
        ("delete x from things as x /* others */ where a in (select 1 from z)", {("", "things")}),
        ("load data infile '/x' into table things (a)", {("", "things")}),
    ],
)
def test_the_tables_that_are_written_are_among_them(sql: str, named: set[tuple[str, str]]) -> None:
    found = set(targets(parse(sql, Dialect.MYSQL)) or ())
    assert named <= found
    assert not {("", "others"), ("", "z")} & found


def test_where_there_are_too_many_none_are_told() -> None:
    tables = ", ".join(f"t{number}" for number in range(40))
    assert targets(parse(f"update {tables} set a = 1", Dialect.MYSQL)) is None
