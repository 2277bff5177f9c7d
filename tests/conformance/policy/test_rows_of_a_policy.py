"""Row filters: what is outside is neither shown, counted, changed nor told, whatever is asked."""

from __future__ import annotations

from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed, columns, compare, rows, values

T = "TableService/"


@pytest.fixture
def acme(gateway_with_policy: Policed) -> Caller:
    return gateway_with_policy.caller("alice", "member", tenant="acme")


def _on(engine: Engine, table: str, **others: Any) -> dict[str, Any]:
    return {"database": engine.name, "table": table, **others}


async def _all(root: Caller, engine: Engine, table: str) -> list[tuple[Any, ...]]:
    return rows(await root(f"{T}ListRows", _on(engine, table, page_size=1000)))


async def test_only_rows_of_the_claim_are_listed_exactly_as_it_is_written(
    gateway_with_policy: Policed, acme: Caller, engine: Engine, notes: str
) -> None:
    listed = await acme(f"{T}ListRows", _on(engine, notes))
    assert columns(listed) == ["id", "tenant", "body"]
    assert [row[0] for row in rows(listed)] == [1, 2]
    namesake = gateway_with_policy.caller("al", "member", tenant="ACME")
    assert [row[0] for row in rows(await namesake(f"{T}ListRows", _on(engine, notes)))] == [3]
    some = gateway_with_policy.caller("al", "lister", tenants=["globex", "acmé"])
    assert [row[0] for row in rows(await some(f"{T}ListRows", _on(engine, notes)))] == [4, 6]


@pytest.mark.parametrize("claims", [{}, {"tenant": None}, {"tenant": ["acme"]}, {"tenant": {"a": 1}}])
async def test_without_the_claim_nothing_is_allowed(
    gateway_with_policy: Policed, engine: Engine, notes: str, claims: dict[str, Any]
) -> None:
    nobody = gateway_with_policy.caller("nobody", "member", **claims)
    for table in (notes, "notes_of_nowhere"):
        with pytest.raises(rowgate.PermissionDenied):
            await nobody(f"{T}ListRows", _on(engine, table))


async def test_what_is_asked_for_does_not_widen_the_filter(acme: Caller, engine: Engine, notes: str) -> None:
    anything = {"or": {"filters": [compare("id", "GE", 0), {"not": compare("tenant", "EQ", "acme")}]}}
    listed = await acme(f"{T}ListRows", _on(engine, notes, filter=anything, include_deleted=True))
    assert [row[0] for row in rows(listed)] == [1, 2]
    for mode in ("EXACT", "ESTIMATED"):
        counted = await acme(f"{T}CountRows", _on(engine, notes, filter=anything, count=f"COUNT_MODE_{mode}"))
        assert counted == {"count": "2", "stats": counted["stats"]}, "not estimated, and of these rows only"
    for key in (3, 4, 5, 99):
        with pytest.raises(rowgate.RowNotFound):
            await acme(f"{T}GetRow", _on(engine, notes, key=values(id=key)))


async def test_pages_go_through_the_visible_rows_and_their_tokens_belong_to_one_caller(
    gateway_with_policy: Policed, acme: Caller, engine: Engine, notes: str
) -> None:
    page = await acme(f"{T}ListRows", _on(engine, notes, page_size=1, count="COUNT_MODE_EXACT"))
    assert (len(rows(page)), page["total_count"]) == (1, "2")
    token = page["next_page_token"]
    rest = await acme(f"{T}ListRows", _on(engine, notes, page_size=1, page_token=token))
    assert [row[0] for row in rows(rest)] == [2]
    assert "next_page_token" not in rest
    other = gateway_with_policy.caller("bob", "member", tenant="globex")
    with pytest.raises(rowgate.InvalidRequest):
        await other(f"{T}ListRows", _on(engine, notes, page_size=1, page_token=token))


async def test_changes_meet_visible_rows_only(acme: Caller, root: Caller, engine: Engine, notes: str) -> None:
    before = await _all(root, engine, notes)
    changed = await acme(
        f"{T}UpdateRows", _on(engine, notes, allow_unfiltered=True, values=values(body="x"), returning=["*"])
    )
    assert [row[0] for row in rows(changed)] == [1, 2]
    assert changed["stats"]["affected_rows"] == "2"
    for key in (3, 4, 5):
        for request in (
            acme(f"{T}UpdateRows", _on(engine, notes, key=values(id=key), values=values(body="y"))),
            acme(f"{T}DeleteRows", _on(engine, notes, key=values(id=key))),
        ):
            with pytest.raises(rowgate.RowNotFound):
                await request
    await acme(f"{T}DeleteRows", _on(engine, notes, allow_unfiltered=True, dry_run=True))
    deleted = await acme(f"{T}DeleteRows", _on(engine, notes, filter=compare("id", "GE", 2), returning=["id"]))
    assert rows(deleted) == [(2,)]
    after = await _all(root, engine, notes)
    assert after == [(1, "acme", "x", "s1"), *before[2:]]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_no_row_is_written_that_its_writer_may_not_see(
    acme: Caller, root: Caller, engine: Engine, notes: str, dry_run: bool
) -> None:
    before = await _all(root, engine, notes)
    mine, theirs = values(id=10, tenant="acme"), values(id=11, tenant="ACME")
    for request in (
        acme(f"{T}InsertRows", _on(engine, notes, rows=[{"values": mine}, {"values": theirs}], dry_run=dry_run)),
        acme(f"{T}InsertRows", _on(engine, notes, rows=[{"values": values(id=12)}], dry_run=dry_run)),
        acme(f"{T}UpdateRows", _on(engine, notes, key=values(id=1), values=values(tenant="x"), dry_run=dry_run)),
        acme(
            f"{T}UpdateRows",
            _on(engine, notes, allow_unfiltered=True, values=values(tenant=None), returning=["*"], dry_run=dry_run),
        ),
        acme(f"{T}UpdateRows", _on(engine, notes, key=values(id=1), values=values(id=9, tenant="x"), dry_run=dry_run)),
    ):
        with pytest.raises(rowgate.PermissionDenied) as caught:
            await request
        assert caught.value.outcome is rowgate.Outcome.ROLLED_BACK
    assert await _all(root, engine, notes) == before


async def test_rows_of_ones_own_go_in_and_come_back(acme: Caller, root: Caller, engine: Engine, notes: str) -> None:
    both = [{"values": values(id=20, tenant="acme", body="a")}, {"values": values(id=21, tenant="acme")}]
    inserted = await acme(f"{T}InsertRows", _on(engine, notes, rows=both, returning=["body", "id"]))
    assert rows(inserted) == [("a", 20), (None, 21)]
    assert columns(inserted) == ["body", "id"]
    moved = await acme(
        f"{T}UpdateRows", _on(engine, notes, key=values(id=21), values=values(id=22, body="b"), returning=["*"])
    )
    assert rows(moved) == [(22, "acme", "b")]
    assert len(await _all(root, engine, notes)) == 8


async def test_an_upsert_meets_no_row_of_others(acme: Caller, root: Caller, engine: Engine, notes: str) -> None:
    before = await _all(root, engine, notes)
    update = {"action": "CONFLICT_ACTION_UPDATE"}
    theirs = [values(id=3, tenant="acme", body="taken"), values(id=4, tenant="acme"), values(id=5, tenant="acme")]
    batches = [[each] for each in theirs] + [theirs, [values(id=1, tenant="acme"), theirs[0]]]
    for batch in batches:
        with pytest.raises(rowgate.PermissionDenied):
            await acme(
                f"{T}InsertRows", _on(engine, notes, rows=[{"values": each} for each in batch], on_conflict=update)
            )
    assert await _all(root, engine, notes) == before
    mine = [values(id=1, tenant="acme", body="new"), values(id=30, tenant="acme", body="newer")]
    written = await acme(
        f"{T}InsertRows",
        _on(engine, notes, rows=[{"values": each} for each in mine], on_conflict=update, returning=["*"]),
    )
    assert rows(written) == [(1, "acme", "new"), (30, "acme", "newer")]
    ignored = await acme(
        f"{T}InsertRows",
        _on(
            engine,
            notes,
            rows=[{"values": each} for each in (values(id=4, tenant="acme"), values(id=31, tenant="acme"))],
            on_conflict={"action": "CONFLICT_ACTION_IGNORE"},
        ),
    )
    assert ignored["ignored_rows"] == ["0"] or ignored["ignored_rows"] == [0]
    assert (await _all(root, engine, notes))[3] == before[3]


async def test_expectations_tell_nothing_of_hidden_rows(acme: Caller, engine: Engine, notes: str) -> None:
    for key, expected in ((1, rowgate.PreconditionFailed), (4, rowgate.RowNotFound), (99, rowgate.RowNotFound)):
        with pytest.raises(expected):
            await acme(
                f"{T}UpdateRows",
                _on(engine, notes, key=values(id=key), expected=values(body="no"), values=values(body="z")),
            )


async def test_a_transaction_is_no_way_around(acme: Caller, root: Caller, engine: Engine, notes: str) -> None:
    before = await _all(root, engine, notes)
    answers = await acme.transact(
        {"begin": {"database": engine.name}},
        {"list_rows": {"table": notes}},
        {"update_rows": {"table": notes, "key": values(id=4), "values": values(body="w")}},
        {"insert_rows": {"table": notes, "rows": [{"values": values(id=40, tenant="globex")}]}},
        {"delete_rows": {"table": notes, "allow_unfiltered": True, "dry_run": True}},
        {"count_rows": {"table": notes}},
        {"execute_query": {"sql": f"delete from {notes}"}},
        {"get_row": {"table": notes, "key": values(id=3)}},
        {"commit": {}},
    )
    assert [row[0] for row in rows(answers[1]["list_rows"])] == [1, 2]
    reasons = [answer.get("error", {}).get("reason") for answer in answers]
    assert reasons == [
        *(None, None, "ROW_NOT_FOUND", "PERMISSION_DENIED", None, None),
        *("PERMISSION_DENIED", "ROW_NOT_FOUND", None),
    ]
    assert answers[5]["count_rows"]["count"] == "2"
    assert await _all(root, engine, notes) == before


async def test_a_filter_that_does_not_fit_the_table_shows_nothing(
    gateway_with_policy: Policed, engine: Engine, notes: str
) -> None:
    with pytest.raises(rowgate.PermissionDenied):
        await gateway_with_policy.caller("x", "broken")(f"{T}ListRows", _on(engine, notes))


async def test_a_table_without_a_key_is_not_written_where_it_cannot_be_checked(
    acme: Caller, root: Caller, engine: Engine
) -> None:
    create = "create table notes_keyless (tenant varchar(40), body varchar(40))"
    await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": create})
    try:
        for request in (
            acme(f"{T}InsertRows", _on(engine, "notes_keyless", rows=[{"values": values(tenant="acme")}])),
            acme(f"{T}UpdateRows", _on(engine, "notes_keyless", allow_unfiltered=True, values=values(body="x"))),
        ):
            with pytest.raises(rowgate.NotSupported, match="no key"):
                await request
        await acme(f"{T}DeleteRows", _on(engine, "notes_keyless", allow_unfiltered=True))
    finally:
        await root("QueryService/ExecuteQuery", {"database": engine.name, "sql": "drop table notes_keyless"})
