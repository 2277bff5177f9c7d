"""Expressions of one engine written for another: what means the same there, and a refusal of what may not."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rowgate_server.core.ddl.defaults import ported_default
from rowgate_server.core.ddl.expressions import literal, text_of
from rowgate_server.core.ddl.kinds import Family, Kind
from rowgate_server.core.ddl.porting import ported, ported_value
from rowgate_server.core.tables import TableColumn
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError

_OF_POSTGRESQL = {
    "a": "integer",
    "price": "numeric(5,2)",
    "t": "text",
    "v": "character varying(5)",
    "c": "character(5)",
    "f": "double precision",
    "b": "boolean",
    "d": "date",
    "m": "timestamp without time zone",
    "a`b": "text",
    "m2": "mood",
}
_OF_MYSQL = {"a": "int(11)", "t": "varchar(5)", "folded": "varchar(5)", "flag": "tinyint(1)"}
_OF_SQLITE = {"a": "int", "t": "text", "b": "boolean", "made": "datetime", "day": "date"}


def _columns(types: dict[str, str]) -> list[TableColumn]:
    collations, labels = {"folded": "utf8mb4_general_ci"}, {"mood": ("sad", "it's ok")}
    return [
        TableColumn(
            name,
            ValueType.STRING,
            kind,
            nullable=True,
            collation=collations.get(name, ""),
            labels=labels.get(kind, ()),
        )
        for name, kind in types.items()
    ]


_COLUMNS = {
    Dialect.POSTGRESQL: _columns(_OF_POSTGRESQL),
    Dialect.MYSQL: _columns(_OF_MYSQL),
    Dialect.SQLITE: _columns(_OF_SQLITE),
}
_P, _M, _S = Dialect.POSTGRESQL, Dialect.MYSQL, Dialect.SQLITE


@pytest.mark.parametrize(
    ("text", "source", "target", "expected"),
    [
        ("a = ANY (ARRAY[1, 2])", _P, _S, '"a" IN (1, 2)'),
        ("((v)::text <> ALL ((ARRAY['x'::character varying, ']'::character varying])::text[]))", _P, _M,
         "`v` NOT IN ('x', ']')"),
        ("length(T) > 1", _P, _M, "char_length(`t`) > 1"),
        ("(price >= (0)::numeric)", _P, _S, '"price" >= 0'),
        ("((t)::text <> 'x'::text)", _P, _S, "\"t\" <> 'x'"),
        ("(a)::numeric > 1.5", _P, _M, "`a` > 1.5"),
        ("((a)::bigint + 5::smallint) > '7'::bigint", _P, _S, '("a" + 5) > 7'),
        ('"a`b" = \'\\\'', _P, _M, "`a``b` = '\\\\'"),
        ("a > 1 OR a IS NULL AND NOT b", _P, _S, '("a" > 1) OR (("a" IS NULL) AND (NOT "b"))'),
        ("a IS DISTINCT FROM 3", _P, _M, "NOT (`a` <=> 3)"),
        ("a IS NOT DISTINCT FROM 3", _P, _S, '"a" IS 3'),
        ("(d >= '2024-01-01'::date)", _P, _S, "\"d\" >= '2024-01-01'"),
        ("m >= '2024-01-01 00:00:00'::timestamp without time zone", _P, _M, "`m` >= '2024-01-01 00:00:00'"),
        ("('x'::text || t) <> 'xy'", _P, _M, "concat('x', `t`) <> 'xy'"),
        ("`a` <=> -3", _M, _P, '"a" IS NOT DISTINCT FROM (-3)'),
        ("`t` <> 'it\\'s' and `t` <> 'x\\\\y?%:z'", _M, _P, "(\"t\" <> 'it''s') AND (\"t\" <> 'x\\y?%:z')"),
        ("`flag`", _M, _P, '"flag" <> 0'),
        ("!(`a` > 1)", _M, _S, 'NOT ("a" > 1)'),
        ("char_length(`folded`) > 1", _M, _S, 'length("folded") > 1'),
        ("ifnull(`a`,0) % 2 = 0", _M, _P, None),
        ("`a` % 2 = 0", _M, _P, '("a" % 2) = 0'),
        ("`a` MOD 2 = 0", _M, _S, '("a" % 2) = 0'),
        ("m2 <> 'sad'::mood", _P, _M, "`m2` <> 'sad'"),
        ("b IN (0, 1)", _S, _P, '"b" IN (FALSE, TRUE)'),
        ("[b] = 1 and `t` in ('x','y')", _S, _P, "(\"b\" = TRUE) AND (\"t\" IN ('x', 'y'))"),
        ("day < '2024-01-01'", _S, _P, "\"day\" < '2024-01-01'"),
        ("a BETWEEN 0 AND 30", _S, _M, "`a` BETWEEN 0 AND 30"),
    ],
)  # fmt: skip
def test_conditions_are_carried_over(text: str, source: Dialect, target: Dialect, expected: str | None) -> None:
    if expected is None:
        with pytest.raises(RowgateError):
            ported(text, _COLUMNS[source], source, target, "x")
    else:
        assert ported(text, _COLUMNS[source], source, target, "x") == expected


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("json_valid(`t`)", _M),
        ("`folded` = 'x'", _M),
        ("`folded` <> `t`", _M),
        ("`t` like 'x'", _M),
        ("length(`t`) > 1", _M),
        ("`a` <> 0x1f", _M),
        ("m2 <> 'other'::mood", _P),
        ("a # 3 > 0", _P),
        ("`t` = 0", _M),
        ("(`a` > 0) + (`a` > 1) = 1", _M),
        ("t ~ 'x'", _P),
        ("a = ALL (ARRAY[1, 2])", _P),
        ("a / 2 = 1", _P),
        ("nobody = 1", _P),
        ("t > 'x'", _P),
        ("(price)::integer = 1", _P),
        ("(a)::text = '1'", _P),
        ("(a)::smallint = 1", _P),
        ("(a + 1.5)::integer = 1", _P),
        ("(m)::time without time zone = '01:00:00'::time without time zone", _P),
        ("c = 'ab'", _P),
        ("m = d", _P),
        ("`t` = 'x '", _M),
        ("(t)::character varying(2) = 'xy'", _P),
        ("f % 2 = 1", _P),
        ("a = 1 = b", _P),
        ("(c)::text || t = 'x'", _P),
        ("m = 'now'::timestamp without time zone", _P),
        ("made > '2024-01-01'", _S),
        ("t like 'x'", _S),
        ("t -> 'x' = 1", _S),
    ],
)
def test_conditions_that_may_mean_something_else_are_refused(text: str, source: Dialect) -> None:
    others = {_M: _S, _P: _S, _S: _M}
    with pytest.raises(RowgateError) as caught:
        ported(text, _COLUMNS[source], source, others[source], "table.checks[0].expression")
    assert caught.value.field == "table.checks[0].expression"


@pytest.mark.parametrize("word", ["AND", "OR"])
def test_a_list_of_alternatives_may_be_long(word: str) -> None:
    text = f" {word} ".join(f"a <> {number}" for number in range(700))
    expected = f" {word} ".join(f'("a" <> {number})' for number in range(700))
    assert ported(text, _COLUMNS[_P], _P, _S, "x") == expected


@pytest.mark.parametrize(
    "text",
    [
        "(" * 3000 + "`a`" + ")" * 3000,
        "NOT " * 2000 + "`a`",
        "!" * 4000 + "`a`",
        "`a`" + " + 1" * 2000,
        "abs(" * 1500 + "`a`" + ")" * 1500,
    ],
)
def test_what_is_nested_too_deeply_is_refused(text: str) -> None:
    for port in (ported, ported_value):
        with pytest.raises(RowgateError, match="nested too deeply") as caught:
            port(text, _COLUMNS[_M], _M, _S, "table.checks[0].expression")
        assert (caught.value.reason, caught.value.field) == (Reason.INVALID_REQUEST, "table.checks[0].expression")
    with pytest.raises(RowgateError):
        ported_default(text, Kind(Family.INTEGER), _M, _S, "x")
    with pytest.raises(RowgateError, match="nested too deeply"):
        ported_default("7" + "::integer" * 1000, Kind(Family.INTEGER), _P, _S, "x")


@pytest.mark.parametrize(
    ("text", "family", "source", "target", "expected"),
    [
        ("'x'::character varying", Family.VARCHAR, _P, _M, "'x'"),
        ("'x'::text", Family.TEXT, _P, _M, "('x')"),
        ("(0)::numeric", Family.DECIMAL, _P, _S, "0"),
        ("'-5'::integer", Family.INTEGER, _P, _S, "'-5'"),
        ("now()", Family.DATETIME, _P, _S, "CURRENT_TIMESTAMP"),
        ("now()", Family.DATE, _P, _S, "CURRENT_DATE"),
        ("now()", Family.DATETIME, _P, _M, "CURRENT_TIMESTAMP(6)"),
        ("curdate()", Family.DATE, _M, _P, "CURRENT_DATE"),
        ("current_timestamp(6)", Family.DATETIME, _M, _P, "CURRENT_TIMESTAMP"),
        ("-1.5e3", Family.FLOAT, _P, _M, "-1.5e3"),
        ("NULL::character varying", Family.VARCHAR, _P, _M, "NULL"),
        ("'it\\'s'", Family.VARCHAR, _M, _P, "'it''s'"),
        ("'a\\\\b?%:x'", Family.VARCHAR, _M, _P, "'a\\b?%:x'"),
        ("b'101'", Family.INTEGER, _M, _P, "5"),
        ("1", Family.BOOLEAN, _S, _P, "TRUE"),
        ("false", Family.BOOLEAN, _P, _M, "FALSE"),
        ("'\\x00ff'::bytea", Family.BYTES, _P, _S, "x'00ff'"),
        ("x'00ff'", Family.BYTES, _S, _P, "'\\x00ff'"),
        ("'ab\\0'", Family.BYTES, _M, _P, "'\\x616200'"),
        ("'2024-01-31'::date", Family.DATE, _P, _M, "'2024-01-31'"),
        ("('x'::text)::character varying", Family.VARCHAR, _P, _M, "'x'"),
        ("NULL::character varying(3)", Family.TEXT, _P, _M, "NULL"),
        ("'0.1'::real", Kind(Family.FLOAT, 32), _P, _M, "'0.1'"),
        ("1.2300", Kind(Family.DECIMAL, 5, 2), _P, _M, "1.2300"),
        ("1.239", Family.DECIMAL, _P, _S, "1.239"),
        ("(5)::bigint", Family.INTEGER, _P, _M, "5"),
        ("5", Family.TEXT, _P, _S, "'5'"),
        ("true", Family.INTEGER, _S, _P, "1"),
        ("'2024-01-31 12:00:00.700'", Kind(Family.DATETIME, 1), _S, _P, "'2024-01-31 12:00:00.700'"),
    ],
)
def test_defaults_are_carried_over(
    text: str, family: Family | Kind, source: Dialect, target: Dialect, expected: str
) -> None:
    kind = family if isinstance(family, Kind) else Kind(family)
    assert ported_default(text, kind, source, target, "x") == expected


@pytest.mark.parametrize(
    ("text", "family", "source"),
    [
        ("uuid()", Family.VARCHAR, _M),
        ("nextval('x'::regclass)", Family.INTEGER, _P),
        ("current_timestamp() ON UPDATE current_timestamp()", Family.DATETIME, _M),
        ("a + 1", Family.INTEGER, _M),
        ("1 + 1", Family.INTEGER, _S),
        ("('now'::text)::date", Family.DATE, _P),
        ("'\\0?'", Family.BYTES, _M),
        ("5", Family.BOOLEAN, _S),
        ("1.7", Family.INTEGER, _P),
        ("(1.7)::integer", Family.FLOAT, _P),
        ("'1.7'::numeric", Family.INTEGER, _P),
        ("1.239", Kind(Family.DECIMAL, 5, 2), _P),
        ("(1.239)::numeric(5,2)", Family.DECIMAL, _P),
        ("(true)::text", Family.TEXT, _P),
        ("true", Family.TEXT, _P),
        ("(5)::text", Family.TEXT, _P),
        ("1.50", Family.TEXT, _P),
        ("'abcdef'::character varying(3)", Family.TEXT, _P),
        ("('00011111'::\"bit\")::integer", Family.INTEGER, _P),
        ("(0.1)::real", Kind(Family.FLOAT, 64), _P),
        ("'0.1'::real", Kind(Family.FLOAT, 64), _P),
        ("'0.1'::double precision", Family.DECIMAL, _P),
        ("'2024-01-31 12:00:00'::timestamp without time zone", Family.DATE, _P),
        ("'2024-01-31 12:00:00.7'::timestamp without time zone", Kind(Family.DATETIME, 0), _P),
        ("20240131", Family.DATE, _S),
    ],
)
def test_defaults_that_may_mean_something_else_are_refused(text: str, family: Family | Kind, source: Dialect) -> None:
    target = Dialect.SQLITE if source is not Dialect.SQLITE else Dialect.POSTGRESQL
    with pytest.raises(RowgateError):
        ported_default(text, family if isinstance(family, Kind) else Kind(family), source, target, "x")


@settings(deadline=None)
@given(st.text(st.sampled_from("ab'\\\n\"%?: é")))
def test_a_text_stays_itself_through_every_engines_quotes(text: str) -> None:
    for source in Dialect:
        assert text_of(literal(text, source), source) == text
        for target in Dialect:
            written = ported_default(literal(text, source), Kind(Family.VARCHAR), source, target, "x")
            assert text_of(written, target) == text
