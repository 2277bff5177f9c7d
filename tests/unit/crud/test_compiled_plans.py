"""Plans compiled: values stay out of the text, texts are made once, and none too many are kept."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import literal, select

from rowgate_server.core.compiler import statements
from rowgate_server.core.compiler.statements import Compiler, compile_select
from rowgate_server.core.compiler.texts import cut
from rowgate_server.core.crud.plans import FALSE, TRUE, Condition, SelectPlan, SortTerm, Term, both, either
from rowgate_server.core.crud.plans import Test as Predicate
from rowgate_server.core.known_table import KnownTable, known
from rowgate_server.core.tables import Key, Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType

_ONE = BoundValue(ValueType.INT, 1)
_NAMES = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1, max_size=30)


def _table(dialect: Dialect, *names: str, table: str = "things") -> KnownTable:
    columns = tuple(TableColumn(name, ValueType.DYNAMIC, "integer", nullable=True) for name in names)
    described = Table(table, "main", TableKind.TABLE, "", columns, Key("", names[:1]), (), (), (), ())
    return known("main", dialect, described, None)


def _plan(column: str) -> SelectPlan:
    where = both(
        Term(Predicate.IN, column, (0,)), either(Term(Predicate.GT, column, (1,)), Term(Predicate.IS_NULL, column))
    )
    return SelectPlan((column,), where, (SortTerm(column, nulls_first=False),), limit=2)


_QUOTES = {Dialect.MYSQL: "`", Dialect.POSTGRESQL: '"', Dialect.SQLITE: '"'}


@pytest.mark.parametrize("dialect", Dialect)
@given(st.data())
def test_a_name_is_quoted_whatever_is_in_it(dialect: Dialect, data: st.DataObject) -> None:
    name, table = data.draw(_NAMES), data.draw(_NAMES)
    text = compile_select(_table(dialect, name, table=table), _plan(name))
    assert text.numbers == (0, 1, 2)
    quote = _QUOTES[dialect]
    written = [quote + each.replace(quote, quote * 2) + quote for each in (name, table)]
    rest = "".join(text.fragments)
    assert rest.count(written[0]) >= 4
    for each in sorted(written, key=len, reverse=True):
        rest = rest.replace(each, "")
    assert set(rest) <= set('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ .,()<>=0\n`"')


@pytest.mark.parametrize("dialect", Dialect)
def test_a_list_becomes_its_members_and_an_array_does_not(dialect: Dialect) -> None:
    compiler, table = Compiler(), _table(dialect, "a")
    values = [BoundValue(ValueType.LIST, (_ONE, _ONE, _ONE)), BoundValue(ValueType.LIST, [_ONE]), _ONE]
    bound = compiler.select(table, _plan("a"), values)
    assert bound.values == (_ONE, _ONE, _ONE, values[1], _ONE)
    assert bound.fragments[1:3] == (", ", ", ")
    assert len(bound.fragments) == 6


def test_requests_that_differ_in_values_alone_share_their_text(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler, table, made = Compiler(), _table(Dialect.MYSQL, "a"), []

    def counting(table: KnownTable, plan: SelectPlan) -> object:
        made.append(plan)
        return compile_select(table, plan)

    monkeypatch.setattr(statements, "compile_select", counting)
    for number in range(5):
        values = [BoundValue(ValueType.LIST, (BoundValue(ValueType.INT, number),) * number), _ONE, _ONE]
        compiler.select(table, _plan("a"), values)
    assert len(made) == 1
    compiler.select(_table(Dialect.MYSQL, "a"), _plan("a"), [_ONE] * 3)
    assert len(made) == 2, "another table, or the same one read anew"


def test_few_texts_are_kept_and_no_long_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statements, "_MOST", 3)
    compiler, table = Compiler(), _table(Dialect.MYSQL, "a")
    for number in range(10):
        compiler.select(table, SelectPlan(("a",), either(*[Term(Predicate.EQ, "a", (0,))] * (number + 1))), [_ONE])
    assert len(compiler._kept) == 3
    compiler.select(table, SelectPlan(("a",), either(*[Term(Predicate.EQ, "a", (0,))] * 490)), [_ONE])
    assert all(len("".join(text.fragments)) <= 4096 for text in compiler._kept.values())


def test_plans_that_differ_are_never_taken_for_each_other() -> None:
    first, second = Term(Predicate.EQ, "a", (0,)), Term(Predicate.NE, "a", (0,))
    conditions: list[Condition] = [
        TRUE,
        FALSE,
        first,
        second,
        both(first, second),
        either(first, second),
        both(second, first),
    ]
    plans = {SelectPlan(("a",), condition) for condition in conditions}
    assert len(plans) == len(conditions)


def test_a_value_that_is_not_numbered_never_gets_into_a_text() -> None:
    for dialect in Dialect:
        with pytest.raises(TypeError):
            cut(select(literal("a value")), dialect)
