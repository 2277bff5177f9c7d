"""What roles come to together: never more than one of their rules gives by itself, and nothing without one."""

from __future__ import annotations

from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.core.crud.filters import Comparison, Filter, Operator, Or
from rowgate_server.core.policy.access import Grant, combined
from rowgate_server.core.policy.masks import Masker, partial
from rowgate_server.core.policy.names import ALL, Names, matches, meets_schema, meets_table
from rowgate_server.core.policy.needs import OF_ROWS, Operation
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Limits, Mask, Policy, Role, Rule
from rowgate_server.core.policy.row_filters import Claim, Compared, RowFilter
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.identity.principal import Method, Principal

_COLUMNS = ("a", "b", "c")


def _is(number: int) -> Filter:
    return Comparison("n", Operator.EQ, BoundValue(ValueType.INT, number))


_names = st.builds(Names, st.frozensets(st.sampled_from(_COLUMNS)), st.booleans())
_masks = st.dictionaries(st.sampled_from(_COLUMNS), st.sampled_from(Mask))
_grants = st.builds(
    lambda names, rows, masks: Grant(
        names, rows, MappingProxyType({name: mask for name, mask in masks.items() if name in names})
    ),
    _names,
    st.one_of(st.none(), st.integers(0, 2).map(_is)),
    _masks,
)


def _holds(rows: Filter | None, number: int) -> bool:
    if rows is None:
        return True
    if isinstance(rows, Or):
        return any(_holds(each, number) for each in rows.filters)
    assert isinstance(rows, Comparison)
    assert rows.value is not None
    return bool(rows.value.value == number)


@given(st.lists(_grants, min_size=1, max_size=5))
def test_a_cell_is_shown_only_where_one_rule_alone_shows_it(grants: list[Grant]) -> None:
    found = combined(grants)
    for number in range(4):
        for name in _COLUMNS:
            if _holds(found.rows, number) and name in found.columns:
                giving = [grant for grant in grants if _holds(grant.rows, number) and name in grant.columns]
                assert giving
                if name not in found.masks:
                    assert any(name not in grant.masks for grant in giving)


@given(st.lists(_grants, min_size=1, max_size=4))
def test_rules_come_to_the_same_in_any_order(grants: list[Grant]) -> None:
    one, two = combined(grants), combined(list(reversed(grants)))
    assert one.columns == two.columns
    assert dict(one.masks) == dict(two.masks)
    assert all(_holds(one.rows, number) is _holds(two.rows, number) for number in range(4))


@given(_names, _names, st.sampled_from((*_COLUMNS, "d")))
def test_sets_of_names_are_sets(one: Names, two: Names, name: str) -> None:
    assert (name in one.union(two)) is (name in one or name in two)
    assert (name in one.intersection(two)) is (name in one and name in two)
    assert (name in one.complement()) is not (name in one)


def test_a_star_stands_for_any_run_and_everything_else_for_itself() -> None:
    assert matches("order_*", "order_lines")
    assert matches("*", "")
    assert not matches("order.", "orders")
    assert not matches("[a-z]*", "orders")
    assert not matches("Orders", "orders")


@pytest.mark.parametrize(
    ("pattern", "schema", "expected"),
    [
        ("", "public", True),
        ("", "other", False),
        ("*", "other", True),
        ("*", "information_schema", False),
        ("*", "pg_catalog", False),
        ("p*", "pg_temp_1", False),
        ("pg_catalog", "pg_catalog", True),
    ],
)
def test_a_star_is_no_schema_of_the_system(pattern: str, schema: str, expected: bool) -> None:
    assert meets_schema(pattern, schema, "public") is expected


@pytest.mark.parametrize(
    ("dialect", "table"),
    [
        (Dialect.SQLITE, "sqlite_master"),
        (Dialect.SQLITE, "SQLITE_SCHEMA"),
        (Dialect.SQLITE, "pragma_table_list"),
        (Dialect.SQLITE, "dbstat"),
        (Dialect.POSTGRESQL, "pg_class"),
    ],
)
def test_a_star_is_no_table_of_the_system(dialect: Dialect, table: str) -> None:
    assert not meets_table("*", table, dialect)
    assert meets_table(table, table, dialect)


def _policies(*rules: Rule, limits: Limits | None = None, logins: dict[str, str] | None = None) -> Policies:
    role = Role("r", rules, limits or Limits(), MappingProxyType(logins or {}))
    other = Role("s", (), Limits(rate=1.0, rows=10), MappingProxyType({"db": "two"}))
    return Policies(Policy({"r": role, "s": other}, ("r",)))


_READ = frozenset({Operation.READ})
_OWN = RowFilter(Compared("tenant", Operator.EQ, (Claim("org.tenant"),)))


def _caller(*roles: str, **claims: object) -> Principal:
    return Principal("somebody", Method.API_KEY, roles, claims)


def test_a_claim_within_another_is_found_and_one_that_is_missing_gives_nothing() -> None:
    policies = _policies(Rule(("*",), _READ, tables=("t",), rows=_OWN))
    found = policies.access(_caller("r", org={"tenant": "acme"}), "db", Dialect.SQLITE)
    assert found is not None
    table = found.table("", "t", "main")
    assert table is not None
    assert table.rows(Operation.READ) == Comparison("tenant", Operator.EQ, BoundValue(ValueType.STRING, "acme"))
    without: list[dict[str, object]] = [
        {},
        {"org": {}},
        {"org": "acme"},
        {"org": {"tenant": None}},
        {"org": {"tenant": ["a"]}},
    ]
    for claims in without:
        assert policies.access(_caller("r", **claims), "db", Dialect.SQLITE) is None


def test_callers_with_other_claims_are_told_apart() -> None:
    policies = _policies(Rule(("*",), _READ, tables=("t",), rows=_OWN))
    found = {
        tenant: policies.access(_caller("r", org={"tenant": tenant}), "db", Dialect.SQLITE)
        for tenant in ("1", 1, True, "a", "A")
    }
    assert len({id(access) for access in found.values()}) == 4, "1 and True are one key of this dictionary"
    again = policies.access(_caller("r", org={"tenant": "a"}), "db", Dialect.SQLITE)
    assert again is found["a"]
    assert policies.access(_caller("r", org={"tenant": 1}), "db", Dialect.SQLITE) is not found["1"]


def test_nothing_is_allowed_without_a_rule_and_roles_that_are_not_there_give_nothing() -> None:
    policies = _policies(Rule(("shop*",), frozenset(OF_ROWS), tables=("orders",)))
    assert policies.access(_caller("r"), "archive", Dialect.SQLITE) is None
    assert policies.access(_caller("nowhere"), "shop", Dialect.SQLITE) is None
    access = policies.access(_caller("r"), "shop_1", Dialect.SQLITE)
    assert access is not None
    assert access.table("", "orders", "main") is not None
    assert access.table("", "order", "main") is None
    assert access.table("other", "orders", "main") is None
    assert not access.sees_everything


def test_logins_that_contradict_one_another_give_nothing_and_limits_are_the_least() -> None:
    rule = Rule(("*",), frozenset({Operation.RAW}))
    policies = _policies(rule, limits=Limits(rate=5.0, time=2.0), logins={"db": "one"})
    alone = policies.access(_caller("r"), "db", Dialect.SQLITE)
    assert alone is not None
    assert alone.login == "one"
    assert policies.access(_caller("r", "s"), "db", Dialect.SQLITE) is None
    assert policies.limits(_caller("r", "s")) == Limits(rate=1.0, rows=10, time=2.0)


def test_a_new_policy_holds_at_once() -> None:
    policies = _policies(Rule(("*",), frozenset({Operation.RAW})))
    assert policies.access(_caller("r"), "db", Dialect.SQLITE) is not None
    policies.replace(Policy({"r": Role("r")}))
    assert policies.access(_caller("r"), "db", Dialect.SQLITE) is None


@given(st.text())
def test_a_partial_mask_hides_half_at_least(text: str) -> None:
    shown = partial(text).removeprefix("****")
    assert len(shown) <= min(4, len(text) // 2)
    assert text.endswith(shown)


def test_hashes_are_keyed_and_the_same_for_the_same_value() -> None:
    one, two = Masker("a secret of sixteen"), Masker("another of sixteen.")
    assert one.cell(Mask.HASH, 5) == one.cell(Mask.HASH, "5") == one.cell(Mask.HASH, 5.0)
    assert one.cell(Mask.HASH, "5") != two.cell(Mask.HASH, "5")
    assert [one.cell(mask, None) for mask in Mask] == [None, None, None]
    assert one.cell(Mask.HIDE, "x") is None
    assert "a" in ALL
