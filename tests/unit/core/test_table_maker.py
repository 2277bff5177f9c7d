"""Tables are made only where the configuration says so, and what passes for an expression is one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.ddl import expressions
from rowgate_server.core.ddl.maker import TableMaker, TableOrder
from rowgate_server.core.ddl.writing import TableWriter
from rowgate_server.core.sqltext import parse
from rowgate_server.core.tables import Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType
from rowgate_server.errors import Reason, RowgateError

TABLE = Table(
    "made", "", TableKind.TABLE, "", (TableColumn("id", ValueType.INT, "", nullable=False),), None, (), (), (), ()
)


@pytest.mark.parametrize(
    ("allowed", "read_only", "reason"), [(False, "false", Reason.DDL_NOT_ALLOWED), (True, "true", Reason.READ_ONLY)]
)
async def test_what_is_not_allowed_is_refused_and_not_even_looked_at(
    tmp_path: Path, reason: Reason, read_only: str, *, allowed: bool
) -> None:
    changed: list[str] = []
    file = fill(tmp_path / "main.db", "create table there (id)")
    async with databases({"main": file}, limits__read_only=read_only) as found:
        maker = TableMaker(found, Catalog(found), {"main": allowed}, changed.append)
        with pytest.raises(RowgateError) as caught:
            await maker.create(TableOrder("main", "", TABLE))
        assert caught.value.reason is reason
        with pytest.raises(RowgateError) as caught:
            await maker.drop("main", "", "there", if_exists=False, call_timeout=None)
        assert caught.value.reason is reason
    assert not changed


@pytest.mark.parametrize("mariadb", [False, True])
def test_a_generated_column_is_not_null_in_the_words_that_its_engine_has(*, mariadb: bool) -> None:
    column = replace(TABLE.columns[0], database_type="int", generated=True, generation_expression="1")
    writer = TableWriter(replace(TABLE, columns=(column,)), Dialect.MYSQL, Dialect.MYSQL, mariadb=mariadb)
    (statement,) = writer.statements()
    generated = "`id` int GENERATED ALWAYS AS (1) STORED"
    parts = [generated, "CHECK (`id` IS NOT NULL)"] if mariadb else [f"{generated} NOT NULL"]
    assert statement == "CREATE TABLE `made` (\n  " + ",\n  ".join(parts) + "\n)"


_PIECES = ("'", "''", '"', "`", "(", ")", "--", "/*", "*/", ";", "#", "\\", "$$", " ", "\n", ",", "a", "1", "or")


@given(st.lists(st.sampled_from(_PIECES), max_size=12).map("".join))
def test_what_passes_is_one_expression_to_every_engine(text: str) -> None:
    for dialect in Dialect:
        try:
            expressions.checked(text, dialect, "x")
        except RowgateError:
            continue
        statement = parse(f"select ({text}\n) + 1", dialect)
        assert (statement.named, statement.positional, statement.keyword) == ((), 0, "SELECT")
