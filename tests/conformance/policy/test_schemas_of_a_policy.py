"""What SchemaService tells under a policy: the tables and columns that the caller's rules give, and no others."""

from __future__ import annotations

from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed


@pytest.fixture
def member(gateway_with_policy: Policed) -> Caller:
    return gateway_with_policy.caller("amy", "member", tenant="acme")


async def _tree(caller: Caller, engine: Engine) -> dict[str, list[str]]:
    """The tables of the answer's last piece, which has all of a caller that sees few; with their columns."""
    answer = await caller("SchemaService/GetSchemaTree", {"database": engine.name})
    assert not answer.get("routines"), "they are of use in SQL only"
    return {table["name"]: [column["name"] for column in table["columns"]] for table in answer.get("tables", ())}


async def _completed(caller: Caller, engine: Engine, sql: str) -> set[tuple[str, str]]:
    asked = {"database": engine.name, "sql": sql, "cursor": len(sql), "max_candidates": 1000}
    answer = await caller("SchemaService/CompleteSql", asked)
    return {(each["kind"].removeprefix("CANDIDATE_KIND_"), each["label"]) for each in answer.get("candidates", ())}


async def _refresh(caller: Caller, engine: Engine) -> dict[str, Any]:
    return await caller("SchemaService/RefreshSchema", {"database": engine.name})


async def test_a_tree_has_the_callers_tables_and_columns(
    root: Caller, member: Caller, engine: Engine, notes: str
) -> None:
    hidden = f"hidden_{notes}"
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"create table {hidden} (id integer)"})
    try:
        await _refresh(root, engine)
        tree = await _tree(member, engine)
        assert tree[notes] == ["id", "tenant", "body"]
        assert all(name.startswith("notes_") for name in tree)
        assert ("TABLE", hidden) in await _completed(root, engine, "select * from ")
        names = {name for kind, name in await _completed(member, engine, "select * from ") if kind == "TABLE"}
        assert notes in names
        assert all(name.startswith("notes_") for name in names)
        sql = f"select * from {notes} x where x."
        assert {name for kind, name in await _completed(member, engine, sql)} == {"id", "tenant", "body"}
    finally:
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"drop table {hidden}"})


async def test_schemas_that_hold_nothing_for_the_caller_are_not_told(
    root: Caller, member: Caller, engine: Engine, notes: str
) -> None:
    schemas = (await member("SchemaService/ListSchemas", {"database": engine.name}))["schemas"]
    assert [schema.get("is_default") for schema in schemas] == [True]
    assert len((await root("SchemaService/ListSchemas", {"database": engine.name}))["schemas"]) >= len(schemas)
    assert not {kind for kind, _ in await _completed(member, engine, "select * from ")} & {"SCHEMA"}
    assert notes


async def test_what_is_hidden_changes_neither_etag_nor_counts(
    root: Caller, member: Caller, engine: Engine, notes: str
) -> None:
    before = await _refresh(member, engine)
    hidden = f"hidden_{notes}"
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"create table {hidden} (id integer)"})
    try:
        after, everything = await _refresh(member, engine), await _refresh(root, engine)
    finally:
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"drop table {hidden}"})
    assert after["etag"] == before["etag"]
    assert not after.get("changed"), "what is hidden has changed, and nothing else"
    assert (after["tables"], after["columns"]) == (before["tables"], before["columns"])
    assert int(everything["tables"]) > int(after["tables"])


async def test_how_a_table_is_made_is_not_told_where_that_names_what_is_hidden(
    root: Caller, member: Caller, gateway_with_policy: Policed, engine: Engine, notes: str
) -> None:
    view = f"notes_{notes}"
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"analyze {_TABLE[engine.name]}{notes}"})
    await root(
        "QueryService/ExecuteQuery", {"database": engine.name, "sql": f"create view {view} as select id from {notes}"}
    )
    writer = gateway_with_policy.caller("wes", "writer")
    try:
        whole = await _table(root, engine, notes)
        assert "secret" in whole["create_statement"]
        assert "row_estimate" in whole
        for caller in (member, writer):
            told = await _table(caller, engine, notes)
            assert not {"create_statement", "row_estimate"} & told.keys()
        reader = gateway_with_policy.caller("ron", "reader")
        assert "create_statement" not in await _table(reader, engine, view), "it names what the view is of"
        assert notes in (await _table(root, engine, view))["create_statement"]
    finally:
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"drop view {view}"})


_NAMES_ANOTHER = {
    "mariadb": (
        "create table {hidden} (id int) engine = myisam",
        "create table {name} (id int) engine = merge union = ({hidden})",
    ),
    "postgresql": (
        "create table {hidden} (id integer) partition by hash (id)",
        "create table {name} partition of {hidden} for values with (modulus 1, remainder 0)",
    ),
    "sqlite": (
        "create table {hidden} (id int)",
        "create table {name} (id int)",
        "create trigger {name}_t after insert on {name} begin insert into {hidden} values (1); end",
    ),
}


async def test_what_no_field_is_for_tells_of_no_other_table(
    root: Caller, gateway_with_policy: Policed, engine: Engine
) -> None:
    name, hidden = "notes_that_name", "named_by_notes"
    for statement in _NAMES_ANOTHER[engine.name]:
        written = statement.format(name=name, hidden=hidden)
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": written})
    try:
        assert hidden in str((await _table(root, engine, name))["untold"])
        for role in ("owner", "member", "reader", "writer"):
            told = await _table(gateway_with_policy.caller("ann", role, tenant="acme"), engine, name)
            assert (told["untold"], hidden in str(told)) == (["what the caller may not know of"], False)
    finally:
        for table in (name, hidden):
            await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": f"drop table {table}"})


@pytest.mark.parametrize("schema", ["no_such_schema", "information_schema"])
async def test_whether_there_is_a_schema_is_told_to_nobody_who_may_not_see_it(
    member: Caller, engine: Engine, schema: str, notes: str
) -> None:
    for rpc, request in (
        ("GetSchemaTree", {"schemas": [schema]}),
        ("CompleteSql", {"schema": schema, "sql": "select ", "cursor": 7}),
        ("ListTables", {"schema": schema}),
        ("GetTable", {"schema": schema, "table": notes}),
    ):
        with pytest.raises(rowgate.PermissionDenied):
            await member(f"SchemaService/{rpc}", {"database": engine.name, **request})


_TABLE = {"mariadb": "table ", "postgresql": "", "sqlite": ""}


async def _table(caller: Caller, engine: Engine, name: str) -> dict[str, Any]:
    table: dict[str, Any] = (await caller("SchemaService/GetTable", {"database": engine.name, "table": name}))["table"]
    return table
