"""COPY to or from the client is found however it is written, in time that grows with the text alone; others are not."""

from __future__ import annotations

import pytest

from rowgate_server.core.sqltext import parse
from rowgate_server.core.sqltext.copying import copies_over_the_wire
from rowgate_server.engines.dialects import Dialect

OVER_THE_WIRE = (
    "copy t from stdin",
    "copy t to stdout",
    "COPY t (a, b) FROM STDIN WITH (format csv)",
    "copy binary t from stdin",
    # The server does not mind which of the two words it is.
    "copy t from stdout",
    "copy (select 1) to stdin",
    "copy t from/**/stdin",
    "copy t from -- x\n stdin",
    "copy t from/* a /* b */ c */stdin",
    "/* a /* b */ c */ copy t from stdin",
    "copy (select generate_series(1, 1000)) to/**/stdout",
    "copy (select ')', $$ ) to '/tmp/x' $$ from t) to stdout",
    "copy (select 1 from t where a in (select b from u)) to stdout;",
    'copy "from" from stdin',
    'copy "a"."to" ("from") to stdout',
    "copy schema_x.tö to stdout",
    # Any word may stand behind a point.
    "copy s.from to stdout",
    "copy s.to from stdin",
    "copy s . /* . */ FROM (a) from stdin",
    "copy d.from.to -- .\n from stdin",
)
NOT = (
    "copy t from '/tmp/stdin'",
    "copy (select 'to stdout') to '/tmp/x'",
    "copy (select 1 as a /* to stdout */) to '/tmp/x'",
    "copy (select a from stdin) to '/tmp/x'",
    "copy t to program 'cat' -- to stdout",
    "copy t from E'/tmp/x' (delimiter 'from stdin')",
    "copy s.from to '/tmp/x'",
    "copy s.to from '/tmp/stdin'",
    "copy t to $$stdout$$",
    'copy t to "stdout"',
    "select 'copy t from stdin'",
    "copy",
    "copy t",
)


@pytest.mark.parametrize("sql", OVER_THE_WIRE)
def test_copy_over_the_wire_is_found(sql: str) -> None:
    assert copies_over_the_wire(parse(sql, Dialect.POSTGRESQL))


@pytest.mark.parametrize("sql", NOT)
def test_what_only_looks_like_it_is_not(sql: str) -> None:
    assert not copies_over_the_wire(parse(sql, Dialect.POSTGRESQL))


@pytest.mark.parametrize("between", ["-- a\n", "/**/" * 10_000, "-- a\n/* b */\t" * 10_000])
def test_comments_cost_no_time(between: str) -> None:
    assert copies_over_the_wire(parse(f"{between}copy{between}t{between}from{between}stdin", Dialect.POSTGRESQL))


def test_other_dialects_have_no_such_statement() -> None:
    assert not copies_over_the_wire(parse("copy t from stdin", Dialect.MYSQL))
