"""Policy files: what is right is read, and what is wrong is refused with its place, all of it at once."""

from __future__ import annotations

from pathlib import Path

import pytest

from rowgate_server.config import ConfigError
from rowgate_server.config.policy import load_policy
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.records import Limits, Mask

DATABASES = {"shop": {"clerk"}, "archive": {"reader"}, "bare": set[str]()}


def problems(tmp_path: Path, text: str) -> tuple[str, ...]:
    file = tmp_path / "policy.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_policy(str(file), DATABASES, {("archive", "reader")})
    return tuple(line.replace(str(file), "FILE") for line in caught.value.problems)


def of_rule(tmp_path: Path, rule: str) -> tuple[str, ...]:
    return problems(tmp_path, f"roles:\n  clerk:\n    rules:\n      - {{database: shop, {rule}}}\n")


def test_a_whole_policy_is_read(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        """
anonymous: [guest]
roles:
  guest:
    rules: [{databases: "*", table: products, allow: read, read: [id, name]}]
  clerk:
    rules:
      - database: shop
        schema: sales
        tables: [orders, "order_*"]
        allow: [read, update]
        except: [card]
        write: [status]
        rows:
          and:
            - {column: tenant, op: IN, values: {claim: tenants}}
            - {not: {column: region, op: in, values: [north, 5, true]}}
            - {column: owner, value: {principal: name}}
        masks: {email: partial, phone: hide}
      - {database: shop, allow: [raw_read]}
    limits: {rate: 100/m, burst: 20, concurrent: 4, rows: 5000, bytes: 1MiB, time: 10s}
    logins: {shop: clerk}
""",
        encoding="utf-8",
    )
    policy = load_policy(str(file), DATABASES)
    assert policy.anonymous == ("guest",)
    clerk = policy.roles["clerk"]
    rule = clerk.rules[0]
    assert rule.operations == {Operation.READ, Operation.UPDATE}
    assert ("card" in rule.read, "card" in rule.write, "id" in rule.read, "id" in rule.write) == (
        *(False, False, True, False),
    )
    assert "status" in rule.write
    assert dict(rule.masks) == {"email": Mask.PARTIAL, "phone": Mask.HIDE}
    assert rule.rows is not None
    assert {name for name in rule.rows.claims if name.isidentifier()} == {"tenants"}
    assert clerk.limits == Limits(100 / 60, 20, 4, 5000, 1 << 20, 10.0)
    assert dict(clerk.logins) == {"shop": "clerk"}


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("table: orders, allow: [raed]", "raed is no operation; did you mean read?"),
        ("table: orders", "allows nothing: `allow` is some of read,"),
        ("table: orders, allow: raw", "raw is allowed of databases as a whole only"),
        ("allow: read", "read is about tables, and the rule names none; `*` is any"),
        ("allow: raw, columns: [a]", "is about tables, and the rule names none"),
        ("table: orders, allow: update", "update and delete need read too, to say which rows are meant"),
        ("table: orders, allow: read, write: [a]", "names columns for what the rule does not allow"),
        ("table: orders, tables: [a], allow: read", "stands beside table; keep one of them"),
        ("table: [], allow: read", "is empty; leave it out"),
        ("table: off, allow: read", "must be a list"),
        ("table: orders, allow: read, colums: [a]", "no such setting; did you mean columns?"),
        ("table: orders, allow: read, masks: {a: hidden}", "hidden is no mask; did you mean hide?"),
        ("table: orders, allow: read, read: [a], masks: {b: hide}", "masks a column that the rule does not let read"),
        ("table: orders, allow: read, rows: {column: a, op: EQQ, value: 1}", "EQQ is no operator; did you mean EQ?"),
        ("table: orders, allow: read, rows: {column: a}", "EQ takes value"),
        ("table: orders, allow: read, rows: {column: a, op: IN, value: 1}", "IN takes values"),
        ("table: orders, allow: read, rows: {column: a, op: IS_NULL, value: 1}", "IS_NULL takes neither"),
        ("table: orders, allow: read, rows: {column: a, op: BETWEEN, values: [1]}", "BETWEEN takes two values"),
        ("table: orders, allow: read, rows: {value: 1}", "names no column"),
        ("table: orders, allow: read, rows: {and: []}", "is empty"),
        ("table: orders, allow: read, rows: {}", "must be {column, op, value or values}"),
        ("table: orders, allow: read, rows: {column: a, value: {claims: b}}", "must be text, a number"),
        ("table: orders, allow: read, rows: {column: a, value: {claim: '$b'}}", "must be text, a number"),
        ("table: orders, allow: read, rows: {column: a, value: {claim: b, or: c}}", "must be text, a number"),
        ("table: orders, allow: read, rows: {column: a, value: null}", "must be text, a number"),
    ],
)
def test_what_is_wrong_with_a_rule_is_told_with_its_place(tmp_path: Path, rule: str, words: str) -> None:
    problem, *_ = of_rule(tmp_path, rule)
    assert problem.startswith("roles.clerk.rules[0]")
    assert "(policy FILE line 4)" in problem
    assert words in problem


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "must be settings by name: anonymous, roles"),
        ("roles:", "has none: without a role nobody may do anything"),
        ("roles: {a: {rules: []}}\nanonymous: [b]", "b is no role; there are a"),
        ("roles: {a: {logins: {shop: clark}}}", "clark is no login of databases.shop.logins; did you mean clerk?"),
        ("roles: {a: {logins: {bare: clerk}}}", "databases.bare.logins has none"),
        ("roles: {a: {logins: {shpo: clerk}}}", "shpo is no database; did you mean shop?"),
        ("roles: {a: {rules: [{database: shpo, allow: raw}]}}", "is about database shpo, which is not served"),
        ("roles: {a: {limits: {rate: fast}}}", "must be a number of calls a second"),
        ("roles: {a: {limits: {rows: 0}}}", "must be at least 1"),
        ("roles: {a: {limits: {burst: 5}}}", "needs a rate, at which it fills again"),
        ("roles: {a: {limits: {time: soon}}}", "must be a duration"),
        ("roles: {a: {}, a: {}}", "is given twice"),
        ("roles: {a: {rules: !!python/none x}}", "has a YAML tag"),
        ("roles: {a: [", "is not YAML"),
    ],
)
def test_what_is_wrong_with_a_policy_is_told(tmp_path: Path, text: str, expected: str) -> None:
    assert any(expected in problem for problem in problems(tmp_path, text))


def test_all_that_is_wrong_is_told_at_once_and_no_value_that_may_be_a_secret(tmp_path: Path) -> None:
    text = "roles:\n  a:\n    rules:\n      - {database: 'p:w!d y', allow: x}\n    limits: {rows: 'hunter2!'}\n"
    found = problems(tmp_path, text)
    assert len(found) == 3
    assert not any("hunter2" in line or "w!d" in line for line in found)


@pytest.mark.parametrize(
    ("first", "second", "words"),
    [
        (
            'table: "*", allow: [read, update]',
            "table: orders, allow: read, rows: {column: a, value: 1}",
            "rules[0] gives every row of the same",
        ),
        (
            "table: orders, allow: read",
            "table: orders, allow: read, masks: {email: hide}",
            "rules[0] gives masked columns as they are",
        ),
    ],
)
def test_a_rule_that_would_have_no_effect_is_a_contradiction(
    tmp_path: Path, first: str, second: str, words: str
) -> None:
    text = f"roles:\n  a:\n    rules:\n      - {{database: shop, {first}}}\n      - {{database: shop, {second}}}\n"
    (problem,) = problems(tmp_path, text)
    assert problem.startswith("roles.a.rules[1] (policy FILE line 5): has no effect")
    assert words in problem


def test_a_rule_that_allows_more_of_fewer_rows_is_none(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(
        "roles: {a: {rules: [{database: shop, table: orders, allow: read},"
        " {database: shop, table: orders, allow: [read, update], rows: {column: a, value: 1}}]}}",
        encoding="utf-8",
    )
    assert len(load_policy(str(file), DATABASES).roles["a"].rules) == 2


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load_policy(str(tmp_path / "nowhere"), DATABASES)


def test_the_example_of_the_page_is_a_policy(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "authorization.md").read_text(encoding="utf-8")
    file = tmp_path / "policy.yaml"
    file.write_text(page.partition("```text\n")[2].partition("```")[0], encoding="utf-8")
    policy = load_policy(str(file), {"shop": {"analyst"}})
    assert set(policy.roles) == {"guest", "clerk", "analyst"}
