"""Rows that come back in any order are put into that of the rows that were given."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.crud.returned import in_order, telling_columns
from rowgate_server.core.known_table import KnownTable, known
from rowgate_server.core.tables import Key, Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType


def a_table(dialect: Dialect, *, key: str | None = "id") -> KnownTable:
    columns = (
        TableColumn("id", ValueType.INT, "integer", nullable=False),
        TableColumn("code", ValueType.STRING, "varchar(9)", nullable=True, length=9),
        TableColumn("padded", ValueType.STRING, "char(9)", nullable=True, length=9),
        TableColumn("long", ValueType.STRING, "text", nullable=True),
        TableColumn("ratio", ValueType.DOUBLE, "double precision", nullable=True),
    )
    primary = None if key is None else Key("", (key,))
    return known("db", dialect, Table("t", "s", TableKind.TABLE, "", columns, primary, (), (), (), ()), None)


@given(st.lists(st.sampled_from(["a", "b", None]), min_size=1, max_size=12), st.randoms())
def test_whatever_the_order_each_row_gets_one_that_is_its_own(codes: list[str | None], dice: random.Random) -> None:
    returned = [(number, code) for number, code in enumerate(codes)]
    dice.shuffle(returned)
    ordered = in_order(returned, ("id", "code"), ("code",), [(code,) for code in codes])
    assert [code for _, code in ordered] == codes
    assert sorted(number for number, _ in ordered) == list(range(len(codes)))


def test_rows_that_a_trigger_changed_stay_as_they_came() -> None:
    returned = [(2, "B"), (1, "A")]
    assert in_order(returned, ("id", "code"), ("code",), [("a",), ("b",)]) == returned


def test_rows_are_known_again_by_their_key_or_by_what_comes_back_as_it_was() -> None:
    table = a_table(Dialect.POSTGRESQL)
    assert telling_columns(table, 2, ("id", "code")) == ("id",)
    assert telling_columns(table, 2, ("code", "padded", "long", "ratio")) == ("code",)
    assert telling_columns(table, 2, ("ratio",)) == ()
    assert telling_columns(table, 1, ("id",)) == ()
    assert telling_columns(a_table(Dialect.POSTGRESQL, key=None), 2, ("id", "code")) == ("id", "code")
    # MariaDB answers with rows as it inserts them, and MySQL not at all.
    assert telling_columns(a_table(Dialect.MYSQL), 2, ("id",)) == ()
