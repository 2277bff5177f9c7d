"""Rules that name columns which their table has not, or not in that case, show nothing that was to be hidden."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed, columns, rows

_TABLE = "named_cards"


async def _sql(caller: Caller, engine: Engine, text: str) -> None:
    await caller("QueryService/ExecuteQuery", {"database": engine.name, "sql": text})


@pytest.fixture
async def cards(root: Caller, engine: Engine) -> AsyncIterator[None]:
    await _sql(root, engine, f"create table {_TABLE} (id integer primary key, card_number integer, email varchar(20))")
    await _sql(root, engine, f"insert into {_TABLE} values (1, 4111, 'a@example')")
    yield
    await _sql(root, engine, f"drop table {_TABLE}")


async def _listed(caller: Caller, engine: Engine) -> dict[str, Any]:
    return await caller("TableService/ListRows", {"database": engine.name, "table": _TABLE})


async def _refused(caller: Caller, engine: Engine) -> None:
    asked = {"database": engine.name, "table": _TABLE}
    for method in ("TableService/ListRows", "TableService/CountRows", "SchemaService/GetTable"):
        with pytest.raises(rowgate.PermissionDenied):
            await caller(method, asked)


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize("role", ["mistyped", "mismasked"])
async def test_a_table_whose_rule_names_no_column_of_it_is_refused(
    gateway_with_policy: Policed, root: Caller, engine: Engine, role: str
) -> None:
    caller = gateway_with_policy.caller(role, role)
    await _refused(caller, engine)
    await root("SchemaService/RefreshSchema", {"database": engine.name})
    tree = await caller("SchemaService/GetSchemaTree", {"database": engine.name})
    assert _TABLE not in [table["name"] for table in tree.get("tables", ())]


@pytest.mark.usefixtures("cards")
async def test_a_column_that_is_renamed_does_not_come_out_of_hiding(
    gateway_with_policy: Policed, root: Caller, engine: Engine
) -> None:
    caller = gateway_with_policy.caller("exact", "exact")
    assert columns(await _listed(caller, engine)) == ["id", "email"]
    await _sql(root, engine, f"alter table {_TABLE} rename column card_number to card")
    await _refused(caller, engine)
    await _sql(root, engine, f"alter table {_TABLE} rename column card to card_number")
    assert columns(await _listed(caller, engine)) == ["id", "email"]


@pytest.mark.usefixtures("cards")
@pytest.mark.parametrize("role", ["cased", "cased_of_several"])
async def test_names_that_differ_by_case_alone_are_the_same_where_the_engine_says_so(
    gateway_with_policy: Policed, engine: Engine, role: str
) -> None:
    caller = gateway_with_policy.caller(role, role)
    if engine.name == "postgresql":
        await _refused(caller, engine)
    else:
        listed = await _listed(caller, engine)
        assert (columns(listed), rows(listed)) == (["id", "email"], [(1, None)])


@pytest.mark.usefixtures("cards")
async def test_a_rule_about_several_tables_may_name_what_only_others_have(
    gateway_with_policy: Policed, engine: Engine
) -> None:
    listed = await _listed(gateway_with_policy.caller("several", "several"), engine)
    assert (columns(listed), rows(listed)) == (["id", "email"], [(1, None)])
