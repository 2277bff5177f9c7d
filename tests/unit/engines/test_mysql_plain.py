"""Which statements may share a session without a reset between them: an allow-list, and nothing slips through it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.plain import tokens
from rowgate_server.engines.dialects.mysql.state import SessionState

_AUTOCOMMIT, _IN_TRANSACTION, _CHANGED = 0x0002, 0x0001, 0x4000


def is_plain(fragments: tuple[str, ...]) -> bool:
    return tokens("?".join(fragments)) is not None


@pytest.mark.parametrize(
    "sql",
    [
        "select 1",
        "SELECT id, name FROM things WHERE id = ?",
        "select t.id as i, `odd name` from things as t join others as o on t.id = o.id where t.x in (1, 2, ?)",
        "select count(*), sum(x + 1), min(x) from t group by a having count(*) > 2 order by 1 desc limit 10 offset ?",
        "select case when a = 1 then 'x' else 'y' end from t where not (a is null or b like 'x%')",
        "select a from t where c between 1 and 2",
        "select -1, a - b, 3 % 2 from t",
        "select distinct a from t union all select b from u",
    ],
)
def test_columns_literals_and_parameters_are_plain(sql: str) -> None:
    assert is_plain(tuple(sql.split("?")))


@pytest.mark.parametrize(
    "sql",
    [
        "select @a",
        "select @a := 1",
        "select @@sql_mode",
        "select sleep(1)",
        "select get_lock('a', 0)",
        "select last_insert_id()",
        "select count (*) from t",
        "select rg.count(1)",
        "select f (1) from t",
        "select 1 into @a",
        "select a into outfile '/x' from t",
        "select a from t into dumpfile 'x'",
        "select a from t for update",
        "select a from t lock in share mode",
        "select a from t procedure analyse()",
        "select next value for s",
        "select previous value for s",
        "select a from t -- ,\n into -- ,\n outfile -- ,\n '/x'",
        "select a /*! into outfile '/x' */ from t",
        "select a from t # x",
        "select 'it\\'s' from t",
        'select "a" from t',
        "select x'00'",
        "select _latin1'a'",
        "select a collate utf8mb4_bin from t",
        "select sql_calc_found_rows a from t",
        "select a from t; select b from t",
        "with x as (select 1) select * from x",
        "insert into t values (1)",
        "set @a = 1",
        "show tables",
        "selecta from t",
        "select a from t partition (p)",
        "select date '2024-01-01'",
        "select interval 1 day",
        "select a b from t",
        "select :a",
        "select {d '2024-01-01'}",
        "select a from t where match(a) against('x')",
        # Names to the server, as they stand behind a point or digits; nothing ends there.
        "select a from t join u on t.where, v",
        "select a from t join u on t . where, v",
        "select a from t join u on 1where, v",
        "select a from t join u on 1.5where, v",
        "select a from t join u on ?where, v",
        "select a from t limit?, v",
        "select a from t union select?",
        "",
    ],
)
def test_whatever_calls_names_or_locks_something_is_not_plain(sql: str) -> None:
    assert not is_plain(tuple(sql.split("?")))


def test_a_long_statement_is_not_looked_at() -> None:
    assert not is_plain(("select " + "1 + " * 5000 + "1",))


@given(st.text(max_size=60))
def test_any_text_is_judged(text: str) -> None:
    assert is_plain((text,)) in (True, False)


@given(
    st.lists(
        st.sampled_from(["select", "a", "from", "into", "outfile", "for", "update", "@", "(", ")", ",", "-", "'x'"])
    )
)
def test_no_two_words_that_are_not_keywords_stand_side_by_side(words: list[str]) -> None:
    sql = "select " + " ".join(words)
    if is_plain((sql,)):
        assert "outfile" not in sql.replace(", outfile", "").replace("- outfile", "").replace("select outfile", "") or (
            "into outfile" not in sql
        )
        assert "for update" not in sql
        assert "@" not in sql


def test_a_session_needs_no_reset_between_plain_statements_that_changed_nothing() -> None:
    state = SessionState(tracked=True)
    state.begin(plain=True)
    state.ended(_AUTOCOMMIT | 0x20)
    assert not state.begin(plain=True)


@pytest.mark.parametrize("status", [0, _AUTOCOMMIT | _CHANGED, _AUTOCOMMIT | _IN_TRANSACTION, 0x20])
def test_a_change_that_the_server_reports_or_may_have_needs_a_reset(status: int) -> None:
    state = SessionState(tracked=True)
    state.begin(plain=True)
    state.ended(status)
    assert state.begin(plain=True)
    state.ended(_AUTOCOMMIT)
    assert state.begin(plain=True), "only a reset makes it good"


def test_a_statement_that_is_not_plain_needs_a_reset_before_and_after() -> None:
    state = SessionState(tracked=True)
    assert state.begin(plain=False)
    state.ended(_AUTOCOMMIT)
    assert state.begin(plain=True)


def test_what_the_gateway_changes_itself_needs_a_reset() -> None:
    state = SessionState(tracked=True)
    state.begin(plain=True)
    state.changed()
    state.ended(_AUTOCOMMIT)
    assert state.begin(plain=True)


def test_what_the_gateway_runs_between_statements_needs_a_reset_behind_it() -> None:
    state = SessionState(tracked=True)
    state.begin(plain=True)
    state.ended(_AUTOCOMMIT)
    state.soil()
    assert state.begin(plain=True)
    state.reset()
    assert not state.begin(plain=True)


def test_without_the_server_s_reports_there_is_always_a_reset() -> None:
    state = SessionState(tracked=False)
    state.begin(plain=True)
    state.ended(_AUTOCOMMIT)
    assert state.begin(plain=True)


def test_a_reset_comes_after_a_while_however_plain_the_statements(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    state = SessionState(tracked=True)
    state.begin(plain=True)
    state.ended(_AUTOCOMMIT)
    now[0] += 0.019
    assert not state.begin(plain=True)
    state.ended(_AUTOCOMMIT)
    now[0] += 0.002
    assert state.begin(plain=True)
