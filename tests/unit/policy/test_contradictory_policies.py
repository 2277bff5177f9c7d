"""Policies that contradict themselves, or have parts that do nothing, are refused with the line of what is in vain."""

from __future__ import annotations

from pathlib import Path

import pytest
from unit.policy.test_policy_files import DATABASES, of_rule, problems

from rowgate_server.config.policy import load_policy

_FILTER = "rows: {column: a, value: 1}"


def _role(*rules: str, more: str = "") -> str:
    lines = "".join(f"      - {{{rule}}}\n" for rule in rules)
    return f"roles:\n  a:\n    rules:\n{lines}{more}"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("table: orders, allow: read, read: [id], except: [id]", "leaves id out, which the same rule names"),
        ("table: orders, allow: [insert], write: [id, card], except: [card]", "leaves card out, which the same rule"),
        ("table: orders, allow: read, read: [id], except: [card]", "out of columns that are named one by one"),
        ("table: orders, allow: read, except: ['card_*']", "columns are named whole, without `*`"),
        ("table: orders, allow: read, read: [id, 'c*']", "columns are named whole, without `*`"),
        ("table: orders, allow: read, masks: {'*': hide}", "columns are named whole, without `*`"),
        ("table: orders, allow: []", "is empty: a rule that allows nothing does nothing"),
    ],
)
def test_a_rule_that_contradicts_itself_is_refused(tmp_path: Path, rule: str, words: str) -> None:
    problem, *_ = of_rule(tmp_path, rule)
    assert problem.startswith("roles.clerk.rules[0]")
    assert "(policy FILE line 4)" in problem
    assert words in problem


@pytest.mark.parametrize(
    ("less", "more", "words"),
    [
        ("table: orders, allow: read, except: [card]", 'table: "*", allow: read', "columns that are left out"),
        (
            "table: orders, allow: read, except: [card]",
            "table: orders, allow: read, read: [card]",
            "columns that are left",
        ),
        (f"table: orders, allow: read, except: [card], {_FILTER}", f'table: "*", allow: read, {_FILTER}', "left out"),
        (
            "table: orders, allow: [insert], except: [card]",
            "table: orders, allow: [insert]",
            "columns that are left out",
        ),
        (f"table: orders, allow: read, {_FILTER}", "allow: raw_read", "allows SQL in shop"),
        ("table: orders, allow: read, except: [card]", "allow: raw", "allows SQL in shop"),
        ("table: orders, allow: [read, update], masks: {card: hide}", "allow: raw_read", "allows SQL in shop"),
    ],
)
def test_a_rule_that_another_undoes_is_refused(tmp_path: Path, less: str, more: str, words: str) -> None:
    (problem,) = problems(tmp_path, _role(f"database: shop, {more}", f"database: shop, {less}"))
    assert problem.startswith("roles.a.rules[1] (policy FILE line 5)")
    assert words in problem


def test_the_same_rule_twice_is_refused(tmp_path: Path) -> None:
    twice = "database: shop, table: orders, allow: [read, insert]"
    (problem,) = problems(tmp_path, _role(twice, twice))
    assert problem.startswith("roles.a.rules[1] (policy FILE line 5): has no effect, because rules[0] gives all")


@pytest.mark.parametrize("rules", ["{}", "{rules: []}", "{rules: [], limits: {rows: 5}}"])
def test_a_role_without_rules_is_refused_unless_it_has_limits(tmp_path: Path, rules: str) -> None:
    (problem,) = problems(tmp_path, f"roles:\n  a: {rules}\n")
    assert "roles.a" in problem
    assert "line 2" in problem


def test_a_role_that_writes_with_a_login_that_cannot_is_refused(tmp_path: Path) -> None:
    rules = ("database: archive, table: orders, allow: [read, insert]",)
    (problem,) = problems(tmp_path, _role(*rules, more="    logins:\n      archive: reader\n"))
    assert problem == (
        "roles.a.logins.archive (policy FILE line 6): can write nothing, and a rule of the role allows that"
    )


@pytest.mark.parametrize(
    ("rules", "more"),
    [
        ((f"database: shop, table: orders, allow: read, {_FILTER}", "database: shop, allow: raw_read"), "clerk"),
        ((f"database: shop, table: o, allow: [read, update], {_FILTER}", "database: shop, allow: raw_read"), ""),
        ((f"database: shop, table: o, allow: read, {_FILTER}", "database: archive, allow: raw_read"), ""),
        (("database: shop, table: o, allow: read, except: [b]", "database: shop, table: p, allow: read"), ""),
        (
            ("database: shop, table: o, allow: read, except: [b]", f"database: shop, table: o, allow: read, {_FILTER}"),
            "",
        ),
        (("database: shop, table: o, allow: [read, insert], except: [b], write: [c]",), ""),
    ],
)
def test_what_only_looks_like_a_contradiction_is_taken(tmp_path: Path, rules: tuple[str, ...], more: str) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(_role(*rules, more=f"    logins: {{shop: {more}}}\n" if more else ""), encoding="utf-8")
    assert len(load_policy(str(file), DATABASES).roles["a"].rules) == len(rules)


def test_a_role_of_limits_alone_is_taken(tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text("roles: {a: {limits: {rows: 5}}}", encoding="utf-8")
    assert load_policy(str(file), DATABASES).roles["a"].limits.rows == 5
