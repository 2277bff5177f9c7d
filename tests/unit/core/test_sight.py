"""What a caller sees of a tree by its access: tables and columns that are hidden are not there, and do not count."""

from __future__ import annotations

from rowgate_server.core.policy.access import Access
from rowgate_server.core.policy.names import Names
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Policy, Role, Rule
from rowgate_server.core.policy.sights import PolicySight
from rowgate_server.core.tables import TableKind
from rowgate_server.core.tree import Routine, SchemaName, Tree, TreeColumn, TreeTable, seen
from rowgate_server.core.tree.records import Sealing
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.identity.principal import Method, Principal

_READ = frozenset({Operation.READ})


def _access(*rules: Rule) -> Access:
    principal = Principal("somebody", Method.API_KEY, ("r",))
    access = Policies(Policy({"r": Role("r", rules)})).access(principal, "db", Dialect.POSTGRESQL)
    assert access is not None
    return access


def _table(name: str, *columns: str) -> TreeTable:
    return TreeTable(
        name,
        TableKind.TABLE,
        tuple(
            TreeColumn(column, ValueType.INT, "int", nullable=False, primary_key=column == "id") for column in columns
        ),
    )


def _tree(secret: str = "secret") -> Tree:
    schemas = []
    for name in ("audit", "public"):
        sealing = Sealing(SchemaName(name, is_default=name == "public"))
        sealing.add(_table("orders", "id", "price", secret))
        sealing.add(_table("salaries", "id", "sum"))
        schemas.append(sealing.sealed((Routine("pay"),)))
    return Tree(tuple(schemas), 0.0)


def _sight(*rules: Rule) -> PolicySight:
    return PolicySight(_access(*rules), "public")


_PRICES = Rule(("*",), _READ, tables=("order*",), read=Names.of(["*"], without=["secret", "hidden"]))


async def test_a_caller_sees_its_tables_and_columns_and_no_other_schema_and_no_routines() -> None:
    (schema,) = (await seen(_tree(), _sight(_PRICES))).schemas
    assert schema.name.name == "public"
    (table,) = schema.tables.values()
    assert [column.name for column in table.columns] == ["id", "price"]
    assert not schema.routines


def test_the_comment_of_a_table_is_not_told_where_columns_are_hidden() -> None:
    whole = _table("orders", "id", "price", "secret")._replace(comment="secret is the card's number")
    found = [_sight(_PRICES).table("public", whole._replace(columns=whole.columns[:most])) for most in (2, 3)]
    assert [table.comment for table in found if table is not None] == [whole.comment, ""]


async def test_what_is_hidden_does_not_count_in_the_etag() -> None:
    one, other = await seen(_tree(), _sight(_PRICES)), await seen(_tree("hidden"), _sight(_PRICES))
    assert one.etag == other.etag
    assert _tree().etag != _tree("hidden").etag


async def test_a_primary_key_of_which_some_is_hidden_is_none() -> None:
    shown = _table("orders", "id", "price")._replace(
        columns=tuple(column._replace(primary_key=True) for column in _table("orders", "id", "price").columns)
    )
    sight = _sight(Rule(("*",), _READ, tables=("orders",), read=Names.of(["price"])))
    found = sight.table("public", shown)
    assert found is not None
    assert [(column.name, column.primary_key) for column in found.columns] == [("price", False)]


def test_the_key_is_the_same_for_the_same_rules_alone() -> None:
    other = Rule(("*",), _READ, tables=("orders",))
    assert _sight(_PRICES, other).key == _sight(other, _PRICES).key
    assert _sight(_PRICES).key != _sight(other).key
