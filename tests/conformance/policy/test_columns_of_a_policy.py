"""Hidden columns are not there, masked ones tell nothing, and the schema shows what the caller may know."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed, columns, compare, rows, values

T, S = "TableService/", "SchemaService/"


@pytest.fixture
def acme(gateway_with_policy: Policed) -> Caller:
    return gateway_with_policy.caller("alice", "member", tenant="acme")


@pytest.fixture
def masked(gateway_with_policy: Policed) -> Caller:
    return gateway_with_policy.caller("mask", "masked")


def _on(engine: Engine, table: str, **others: Any) -> dict[str, Any]:
    return {"database": engine.name, "table": table, **others}


async def _refusal(call: Any) -> rowgate.RowgateError:
    with pytest.raises(rowgate.RowgateError) as caught:
        await call
    return caught.value


@pytest.mark.parametrize(
    "asked",
    [
        lambda name: {"columns": [name]},
        lambda name: {"filter": compare(name, "EQ", "s1")},
        lambda name: {"filter": {"not": compare(name, "IS_NULL")}},
        lambda name: {"order_by": [{"column": name}]},
    ],
)
async def test_a_hidden_column_is_told_from_none_by_nothing(
    acme: Caller, engine: Engine, notes: str, asked: Any
) -> None:
    hidden, none = [
        await _refusal(acme(f"{T}ListRows", _on(engine, notes, **asked(name)))) for name in ("secret", "secreu")
    ]
    assert type(hidden) is type(none) is rowgate.UnknownColumn
    assert hidden.message == none.message
    for error in (hidden, none):
        assert "secret" not in error.metadata.get("hint", ""), "near misses are of visible columns"


async def test_hidden_columns_are_not_written_or_returned(acme: Caller, engine: Engine, notes: str) -> None:
    for method, asked in (
        ("UpdateRows", {"key": values(id=1), "values": values(secret="x")}),
        ("UpdateRows", {"key": values(id=1), "values": values(body="x"), "returning": ["secret"]}),
        ("UpdateRows", {"key": values(id=1), "values": values(body="x"), "expected": values(secret="s1")}),
        ("DeleteRows", {"key": values(secret="s1")}),
        ("InsertRows", {"rows": [{"values": values(id=9, tenant="acme", secret="x")}]}),
        ("InsertRows", {"rows": [{"values": values(id=9, tenant="acme")}], "returning": ["secret"]}),
        ("GetRow", {"key": values(id=1), "columns": ["secret"]}),
    ):
        assert isinstance(await _refusal(acme(T + method, _on(engine, notes, **asked))), rowgate.UnknownColumn), asked


async def test_a_table_that_is_not_allowed_is_refused_as_one_that_is_not_there(
    acme: Caller, root: Caller, engine: Engine
) -> None:
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "create table other_things (id int)"})
    try:
        told = set()
        for table in ("other_things", "nothing_at_all", "information_schema.tables", "sqlite_master", "pg_class"):
            for call in (acme(f"{T}ListRows", _on(engine, table)), acme(f"{S}GetTable", _on(engine, table))):
                error = await _refusal(call)
                assert isinstance(error, rowgate.PermissionDenied)
                told.add((error.message.partition(" let ")[0], tuple(sorted(set(error.metadata) - {"correlation_id"}))))
        assert len(told) == 1
        for database in ("nowhere", engine.name):
            error = await _refusal(acme(f"{T}CountRows", {"database": database, "table": "other_things"}))
            assert isinstance(error, rowgate.PermissionDenied)
    finally:
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "drop table other_things"})


@pytest.fixture
async def hidden(root: Caller, engine: Engine) -> AsyncIterator[str]:
    """A table that the caller may not know of, though its name is near."""
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "create table xnotes_hidden (id int)"})
    yield "xnotes_hidden"
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "drop table xnotes_hidden"})


async def test_the_schema_shows_what_the_caller_may_know(acme: Caller, engine: Engine, notes: str, hidden: str) -> None:
    near = await _refusal(acme(f"{T}ListRows", _on(engine, hidden.removeprefix("x"))))
    assert isinstance(near, rowgate.UnknownTable)
    assert hidden not in near.metadata.get("hint", "")
    listed = await acme(f"{S}ListTables", {"database": engine.name})
    assert {table["name"] for table in listed["tables"]} >= {notes}
    assert all(table["name"].startswith("notes_") for table in listed["tables"])
    table = (await acme(f"{S}GetTable", _on(engine, notes)))["table"]
    assert [column["name"] for column in table["columns"]] == ["id", "tenant", "body"]
    assert "secret" not in str(table), "nor does the CREATE statement tell of it"
    error = await _refusal(acme(f"{T}ListRows", _on(engine, f"{notes}x")))
    assert isinstance(error, rowgate.UnknownTable)
    assert notes in error.metadata["hint"]
    databases = (await acme(f"{S}ListDatabases", {}))["databases"]
    assert engine.name in [each["name"] for each in databases]


async def test_somebody_without_a_role_sees_no_database(gateway_with_policy: Policed, engine: Engine) -> None:
    nobody = gateway_with_policy.caller("nobody", "no_such_role")
    assert await nobody(f"{S}ListDatabases", {}) == {}
    for name in (engine.name, "nowhere", ""):
        assert isinstance(await _refusal(nobody(f"{S}ListTables", {"database": name})), rowgate.PermissionDenied)


async def test_masked_cells_are_shown_as_the_mask_says(masked: Caller, engine: Engine, notes: str) -> None:
    listed = await masked(f"{T}ListRows", _on(engine, notes, order_by=[{"column": "id"}]))
    assert columns(listed) == ["id", "tenant", "body", "secret"]
    first, second, *_ = rows(listed)
    assert first[:3] == (1, None, "****acme")
    assert len(first[3]) == 32
    assert first[3] != second[3]
    found = await masked(f"{T}GetRow", _on(engine, notes, key=values(id=1)))
    assert rows(found) == [first]
    changed = await masked(
        f"{T}UpdateRows", _on(engine, notes, key=values(id=1), values=values(body="a new body"), returning=["*"])
    )
    assert rows(changed) == [(1, None, "****body", first[3])]


@pytest.mark.parametrize("name", ["tenant", "body", "secret"])
async def test_a_masked_column_is_not_compared(masked: Caller, engine: Engine, notes: str, name: str) -> None:
    for method, asked in (
        ("ListRows", {"filter": compare(name, "GE", "a")}),
        ("ListRows", {"order_by": [{"column": name}]}),
        ("CountRows", {"filter": {"not": compare(name, "IS_NULL")}}),
        ("UpdateRows", {"filter": compare(name, "EQ", "a"), "values": values(body="x")}),
        ("UpdateRows", {"key": values(id=1), "expected": {name: {"string_value": "a"}}, "values": values(body="x")}),
    ):
        error = await _refusal(masked(T + method, _on(engine, notes, **asked)))
        assert isinstance(error, rowgate.PermissionDenied), (method, asked)
    error = await _refusal(masked(f"{T}GetRow", _on(engine, notes, key={name: {"string_value": "s1"}})))
    assert isinstance(error, rowgate.PermissionDenied)


async def test_whoever_may_only_insert_reads_nothing_back(
    gateway_with_policy: Policed, root: Caller, engine: Engine, notes: str
) -> None:
    writer = gateway_with_policy.caller("w", "writer")
    inserted = await writer(f"{T}InsertRows", _on(engine, notes, rows=[{"values": values(id=50, tenant="x")}]))
    assert inserted.get("result", {}) == {}
    for method, asked in (
        ("InsertRows", {"rows": [{"values": values(id=51)}], "returning": ["id"]}),
        ("ListRows", {}),
        ("CountRows", {}),
        ("UpdateRows", {"key": values(id=50), "values": values(body="x")}),
        (
            "InsertRows",
            {"rows": [{"values": values(id=50, body="x")}], "on_conflict": {"action": "CONFLICT_ACTION_UPDATE"}},
        ),
    ):
        error = await _refusal(writer(T + method, _on(engine, notes, **asked)))
        assert isinstance(error, rowgate.PermissionDenied), method
    assert isinstance(
        await _refusal(writer(f"{T}InsertRows", _on(engine, notes, rows=[{"values": values(id=52, secret="x")}]))),
        rowgate.UnknownColumn,
    )
    assert rows(await root(f"{T}GetRow", _on(engine, notes, key=values(id=50))))[0][1] == "x"


async def test_what_the_database_says_names_no_hidden_column(
    gateway_with_policy: Policed, root: Caller, engine: Engine
) -> None:
    create = "create table notes_strict (id integer primary key, tenant varchar(40), secret varchar(40) not null)"
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": create})
    try:
        acme = gateway_with_policy.caller("alice", "member", tenant="acme")
        error = await _refusal(
            acme(f"{T}InsertRows", _on(engine, "notes_strict", rows=[{"values": values(id=1, tenant="acme")}]))
        )
        assert isinstance(error, rowgate.NotNullViolation)
        assert "secret" not in error.message + " ".join(error.metadata.values()) + str(error.field_violations)
    finally:
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "drop table notes_strict"})
