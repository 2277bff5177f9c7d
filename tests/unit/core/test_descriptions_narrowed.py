"""What GetTable tells a caller whose rules are about tables: no statement that names what it may not see."""

from __future__ import annotations

from dataclasses import replace

from rowgate_server.core.narrowing import described
from rowgate_server.core.policy.access import TableAccess
from rowgate_server.core.policy.needs import OF_ROWS, Operation
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Policy, Role, Rule
from rowgate_server.core.tables import ForeignKey, Table, TableKind
from rowgate_server.engines.dialects import Dialect
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


def _access(operations: frozenset[Operation]) -> TableAccess:
    role = Role("r", (Rule(("*",), operations, tables=("orders",)),))
    access = Policies(Policy({"r": role})).access(Principal("x", Method.API_KEY, ("r",)), "db", Dialect.POSTGRESQL)
    assert access is not None
    found = access.table("public", "orders", "public")
    assert found is not None
    return found


def _told(table: Table, operations: frozenset[Operation], *, sees: bool) -> tuple[str, int | None, int]:
    told = described(table, _access(operations), lambda _schema, _name: sees)
    return told.create_statement, told.row_estimate, len(told.foreign_keys)


def test_a_statement_is_told_to_whoever_may_do_anything_with_all_that_it_names() -> None:
    assert _told(_ORDERS, frozenset(OF_ROWS), sees=True) == ("CREATE ...", 7, 1)


def test_a_statement_that_refers_to_a_hidden_table_is_not_told() -> None:
    assert _told(_ORDERS, frozenset(OF_ROWS), sees=False) == ("", 7, 0)


def test_what_a_view_is_of_is_not_told() -> None:
    view = replace(_ORDERS, kind=TableKind.VIEW, foreign_keys=())
    assert _told(view, frozenset(OF_ROWS), sees=True) == ("", 7, 0)


def test_whoever_may_only_write_is_told_neither_statement_nor_row_count() -> None:
    assert _told(_ORDERS, frozenset({Operation.INSERT}), sees=True) == ("", None, 0)
    assert _told(_ORDERS, frozenset({Operation.READ}), sees=True) == ("", 7, 0)
