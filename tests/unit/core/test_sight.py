"""What is hidden from a caller is not there for them: not in lists, not by name, not as what they may have meant."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core.catalog import Catalog, TableQuery
from rowgate_server.core.tree import Routine, TreeTable
from rowgate_server.errors import Reason, RowgateError


class Veiled:
    """Hides the table `secrets`."""

    key = "veiled"
    everything = False

    def table(self, schema: str, table: TreeTable) -> TreeTable | None:
        return table if self.shows(schema, table.name) else None

    def routine(self, schema: str, routine: Routine) -> bool:
        del schema, routine
        return True

    def schema(self, schema: str) -> bool:
        return schema != "main"

    def shows(self, schema: str, table: str) -> bool:
        del schema
        return table != "secrets"


@pytest.fixture
async def catalog(tmp_path: Path) -> AsyncIterator[Catalog]:
    file = fill(tmp_path / "main.db", "create table things (id)", "create table secrets (id)")
    async with databases({"main": file}) as found:
        yield Catalog(found)


async def test_a_hidden_table_is_in_no_list(catalog: Catalog) -> None:
    assert [table.name for table in (await catalog.list_tables(TableQuery("main"))).tables] == ["secrets", "things"]
    assert [table.name for table in (await catalog.list_tables(TableQuery("main", sight=Veiled()))).tables] == [
        "things"
    ]


async def test_a_hidden_schema_is_in_no_list(catalog: Catalog) -> None:
    assert (await catalog.list_schemas("main", 0, "", None)).schemas
    assert not (await catalog.list_schemas("main", 0, "", None, Veiled())).schemas


async def test_a_hidden_table_is_answered_as_one_that_is_not_there(catalog: Catalog) -> None:
    assert (await catalog.get_table("main", "", "secrets", None)).name == "secrets"
    told = []
    for name in ("secrets", "secretz"):
        with pytest.raises(RowgateError) as caught:
            await catalog.get_table("main", "", name, None, sight=Veiled())
        assert caught.value.reason is Reason.UNKNOWN_TABLE
        told.append((caught.value.message, caught.value.metadata.get("hint")))
    assert told[0] == told[1]
