"""What is refused for the sake of transactions is refused with something to use instead, that fits."""

from __future__ import annotations

import pytest

from rowgate_server.core import raw
from rowgate_server.core.sqltext import parse
from rowgate_server.core.transactions.statements import check_held
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import RowgateError

MYSQL, POSTGRESQL = Dialect.MYSQL, Dialect.POSTGRESQL


@pytest.mark.parametrize(
    ("dialect", "sql", "hint"),
    [
        (MYSQL, "lock tables t write", "FOR UPDATE"),
        (MYSQL, "unlock tables", "FOR UPDATE"),
        (POSTGRESQL, "lock table t in exclusive mode", "pg_advisory_xact_lock"),
        (MYSQL, "set statement max_statement_time = 1 for select 1", "options.timeout"),
        (MYSQL, "set statement max_statement_time = 1 for commit", "options.timeout"),
        (MYSQL, "prepare p from 'select 1'", "parameters"),
        (MYSQL, "execute p", "parameters"),
        (POSTGRESQL, "prepare transaction 'x'", "one database"),
        (MYSQL, "xa start 'x'", "one database"),
        (MYSQL, "set transaction isolation level serializable", "begin takes isolation"),
        (MYSQL, "set autocommit = 0", "begin takes isolation"),
        (MYSQL, "begin not atomic commit; end", "one by one"),
        (MYSQL, "analyze select 1", "PROFILE"),
        (MYSQL, "set default role none", "ExecuteQuery"),
        (MYSQL, "create table t (a int)", "ExecuteQuery"),
        (POSTGRESQL, "commit", "commit, rollback"),
        (POSTGRESQL, "begin", "Transact"),
    ],
)
def test_the_hint_fits_the_statement(dialect: Dialect, sql: str, hint: str) -> None:
    with pytest.raises(RowgateError) as caught:
        check_held(parse(sql, dialect))
    assert hint in caught.value.metadata["hint"]


@pytest.mark.parametrize("dialect", [MYSQL, POSTGRESQL])
def test_outside_of_a_transaction_nobody_is_sent_where_it_is_refused_too(dialect: Dialect) -> None:
    with pytest.raises(RowgateError) as caught:
        raw.check(parse("lock table t", dialect), read_only=False)
    assert "FOR UPDATE" in caught.value.metadata["hint"]
