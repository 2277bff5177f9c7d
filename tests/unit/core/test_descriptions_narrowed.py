"""What GetTable tells a caller whose rules are about tables: no statement that names what it may not see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import pytest

from rowgate_server.core.narrowing import described
from rowgate_server.core.policy.access import Access, TableAccess
from rowgate_server.core.policy.names import Names
from rowgate_server.core.policy.needs import OF_ROWS, Operation
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Policy, Role, Rule
from rowgate_server.core.tables import ForeignKey, Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.identity.principal import Method, Principal

_ORDERS = Table(
    name="orders",
    schema="public",
    kind=TableKind.TABLE,
    comment="",
    columns=(),
    primary_key=None,
    foreign_keys=(ForeignKey("fk", ("buyer",), "public", "buyers", ("id",)),),
    unique_constraints=(),
    indexes=(),
    checks=(),
    row_estimate=7,
    create_statement="CREATE ...",
)


def _database(*rules: Rule) -> Access:
    role = Role("r", rules)
    access = Policies(Policy({"r": role})).access(Principal("x", Method.API_KEY, ("r",)), "db", Dialect.POSTGRESQL)
    assert access is not None
    return access


def _access(operations: frozenset[Operation]) -> TableAccess:
    found = _database(Rule(("*",), operations, tables=("orders",))).table("public", "orders", "public")
    assert found is not None
    return found


def _told(table: Table, operations: frozenset[Operation], *, sees: bool) -> tuple[str, int | None, int]:
    told = described(table, _access(operations), lambda _schema, _name, _columns: sees)
    return told.create_statement, told.row_estimate, len(told.foreign_keys)


def test_a_statement_is_told_to_whoever_may_do_anything_with_all_that_it_names() -> None:
    assert _told(_ORDERS, frozenset(OF_ROWS), sees=True) == ("CREATE ...", 7, 1)


def test_a_statement_that_refers_to_a_hidden_table_is_not_told() -> None:
    assert _told(_ORDERS, frozenset(OF_ROWS), sees=False) == ("", 7, 0)


@pytest.mark.parametrize("operations", [frozenset(OF_ROWS), frozenset({Operation.READ})])
@pytest.mark.parametrize("sees", [True, False])
def test_what_no_field_is_for_is_told_without_its_words(operations: frozenset[Operation], *, sees: bool) -> None:
    """It may name any table; that there is something has a copy refused."""
    table = replace(_ORDERS, besides=("CONSTRAINT k FOREIGN KEY (s) REFERENCES secret (id) NOT VALID", "POLICY p"))
    told = described(table, _access(operations), lambda _schema, _name, _columns: sees)
    assert told.besides == ("what the caller may not know of",)
    assert told.create_statement == ""
    columns = tuple(TableColumn(name, ValueType.INT, "int", nullable=True) for name in ("id", "secret"))
    rule = Rule(("*",), frozenset(OF_ROWS), tables=("orders",), read=Names.of(["*"], ["secret"]))
    access = _database(rule).table("public", "orders", "public")
    assert access is not None
    for besides, expected in ((table.besides, told.besides), ((), ())):
        found = described(replace(table, columns=columns, besides=besides), access, lambda _s, _n, _c: sees)
        assert found.besides == expected


def test_what_a_view_is_of_is_not_told() -> None:
    view = replace(_ORDERS, kind=TableKind.VIEW, foreign_keys=())
    assert _told(view, frozenset(OF_ROWS), sees=True) == ("", 7, 0)


def test_whoever_may_only_write_is_told_neither_statement_nor_row_count() -> None:
    assert _told(_ORDERS, frozenset({Operation.INSERT}), sees=True) == ("", None, 0)
    assert _told(_ORDERS, frozenset({Operation.READ}), sees=True) == ("", 7, 0)


@pytest.mark.parametrize(
    ("default", "told"), [("(secret + 1)", None), ("'it''s'::text", "'it''s'::text"), ("-5", "-5")]
)
def test_neither_a_comment_nor_an_expression_tells_of_a_hidden_column(default: str, told: str | None) -> None:
    columns = tuple(
        TableColumn(name, ValueType.INT, "int", nullable=True, default=default) for name in ("id", "secret")
    )
    table = replace(_ORDERS, comment="secret is the card's number", columns=columns)
    for without, expected in ((["secret"], ("", told)), ([], (table.comment, default))):
        rule = Rule(("*",), frozenset({Operation.READ}), tables=("orders",), read=Names.of(["*"], without))
        access = _database(rule).table("public", "orders", "public")
        assert access is not None
        found = described(table, access, lambda _schema, _name, _columns: True)
        assert (found.comment, found.columns[0].default) == expected


def test_a_foreign_key_is_told_where_the_columns_that_it_leads_to_may_be_known() -> None:
    orders = Rule(("*",), frozenset(OF_ROWS), tables=("orders",))
    for without, keys in (["name"], 1), (["id"], 0):
        buyers = Rule(("*",), frozenset({Operation.READ}), tables=("buyers",), read=Names.of(["*"], without))
        access = _database(orders, buyers)
        allowed = access.table("public", "orders", "public")
        assert allowed is not None
        sees = partial(_sees, access)
        found = described(_ORDERS, allowed, sees)
        assert (len(found.foreign_keys), bool(found.create_statement)) == (keys, bool(keys))


def _sees(access: Access, schema: str, name: str, columns: Sequence[str]) -> bool:
    return access.sees(schema, name, "public", columns)
