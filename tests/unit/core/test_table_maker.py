"""Tables are made only where the configuration says so, and expressions are carried over exactly or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.ddl import TableMaker, TableOrder, expressions, porting
from rowgate_server.core.sqltext import parse
from rowgate_server.core.tables import Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError

TABLE = Table(
    "made", "", TableKind.TABLE, "", (TableColumn("id", ValueType.INT, "", nullable=False),), None, (), (), (), ()
)


@pytest.mark.parametrize(
    ("allowed", "read_only", "reason"), [(False, "false", Reason.DDL_NOT_ALLOWED), (True, "true", Reason.READ_ONLY)]
)
async def test_what_is_not_allowed_is_refused_and_not_even_looked_at(
    tmp_path: Path, reason: Reason, read_only: str, *, allowed: bool
) -> None:
    changed: list[str] = []
    file = fill(tmp_path / "main.db", "create table there (id)")
    async with databases({"main": file}, limits__read_only=read_only) as found:
        maker = TableMaker(found, Catalog(found), {"main": allowed}, changed.append)
        with pytest.raises(RowgateError) as caught:
            await maker.create(TableOrder("main", "", TABLE))
        assert caught.value.reason is reason
        with pytest.raises(RowgateError) as caught:
            await maker.drop("main", "", "there", if_exists=False, call_timeout=None)
        assert caught.value.reason is reason
    assert not changed


@pytest.mark.parametrize(
    ("text", "target", "expected"),
    [
        ("'x'::character varying", Dialect.MYSQL, "'x'"),
        ("(0)::numeric", Dialect.SQLITE, "0"),
        ("now()", Dialect.SQLITE, "CURRENT_TIMESTAMP"),
        ("current_timestamp(6)", Dialect.POSTGRESQL, "CURRENT_TIMESTAMP"),
        ("-1.5e3", Dialect.MYSQL, "-1.5e3"),
        ("NULL::character varying", Dialect.MYSQL, "NULL"),
    ],
)
def test_defaults_are_carried_over(text: str, target: Dialect, expected: str) -> None:
    assert porting.ported_default(text, _other(target), target, "x") == expected


@pytest.mark.parametrize(
    "text", ["uuid()", "nextval('x')", "current_timestamp() ON UPDATE current_timestamp()", "a + 1"]
)
def test_defaults_that_may_mean_something_else_are_refused(text: str) -> None:
    with pytest.raises(RowgateError):
        porting.ported_default(text, Dialect.MYSQL, Dialect.SQLITE, "x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a = ANY (ARRAY['x', 'y'])", "\"a\" IN ('x', 'y')"),
        (
            "((a)::text <> ALL ((ARRAY['x'::character varying, ']'::character varying])::text[]))",
            "((\"a\") NOT IN ('x', ']'))",
        ),
        ("char_length(A) > 1", 'char_length("a") > 1'),
        ("`price` >= 0", '"price" >= 0'),
        ("(price >= (0)::numeric)", '("price" >= (0))'),
        ("`a``b` in ('x','y') and c is not null", "\"a`b\" in ('x','y') and \"c\" is not null"),
    ],
)
def test_conditions_are_carried_over(text: str, expected: str) -> None:
    assert porting.ported(text, ("price", "a`b", "a", "b", "c"), Dialect.MYSQL, Dialect.POSTGRESQL, "x") == expected


@pytest.mark.parametrize(
    "text",
    [
        "json_valid(`a`)",
        "a ~ 'x'",
        "a || b = 'x'",
        "a = ALL (ARRAY[1, 2])",
        "a like 'x'",
        "a / 2 = 1",
        "nobody = 1",
        "a -> 'x' = 1",
        "length(b) > 1",
    ],
)
def test_conditions_that_may_mean_something_else_are_refused(text: str) -> None:
    with pytest.raises(RowgateError):
        porting.ported(text, ("price", "a`b", "a", "b", "c"), Dialect.MYSQL, Dialect.POSTGRESQL, "x")


_PIECES = ("'", "''", '"', "`", "(", ")", "--", "/*", "*/", ";", "#", "\\", "$$", " ", "\n", ",", "a", "1", "or")


def _other(target: Dialect) -> Dialect:
    return Dialect.MYSQL if target is Dialect.POSTGRESQL else Dialect.POSTGRESQL


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_what_passes_is_one_expression_to_every_engine(text: str) -> None:
    for dialect in Dialect:
        try:
            expressions.checked(text, dialect, "x")
        except RowgateError:
            continue
        statement = parse(f"select ({text}\n) + 1", dialect)
        assert (statement.named, statement.positional, statement.keyword) == ((), 0, "SELECT")
