"""Whatever is asked of a table under a row filter, no row outside it is shown, counted or changed.

Short here; `LONG_RUN=1` (`make policy`) makes 10,000 requests on each engine.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed, columns, compare, rows, value

_TENANTS = ("acme", "ACME", "acme ", "acmé", "globex", "", None)
_TABLE = "notes_outside"
_REQUESTS, _ANSWERED = (11_200, 0.9) if os.environ.get("LONG_RUN") else (240, 0.5)
"""How many are drawn, and the part that is answered at least: within a transaction batches are not sent, and nothing
behind its end. Of few, chance may draw many such."""
_EACH = 8

_ids = st.integers(0, 12)
_tenants = st.sampled_from(_TENANTS)
_bodies = st.sampled_from(["a", "b", "B", None])
_cells = {"id": _ids, "tenant": _tenants, "body": _bodies}
_comparisons = st.one_of(
    st.builds(compare, st.just("id"), st.sampled_from(["EQ", "NE", "LT", "GE"]), _ids),
    st.builds(compare, st.just("tenant"), st.sampled_from(["EQ", "NE"]), _tenants),
    st.builds(lambda some: compare("tenant", "NOT_IN", *some), st.lists(_tenants, min_size=1, max_size=3)),
    st.builds(lambda some: compare("id", "IN", *some), st.lists(_ids, min_size=1, max_size=4)),
    st.builds(compare, st.sampled_from(["tenant", "body"]), st.sampled_from(["IS_NULL", "IS_NOT_NULL"])),
    st.builds(compare, st.just("tenant"), st.just("LIKE"), st.just("%")),
)
_filters = st.recursive(
    _comparisons,
    lambda inner: st.one_of(
        st.builds(lambda part: {"not": part}, inner),
        st.builds(
            lambda kind, parts: {kind: {"filters": parts}}, st.sampled_from(["and", "or"]), st.lists(inner, max_size=3)
        ),
    ),
    max_leaves=4,
)
_keys = st.builds(lambda number: {"id": value(number)}, _ids)
_new = st.fixed_dictionaries({}, optional=_cells).filter(bool)
_full = st.fixed_dictionaries({"id": _ids}, optional={"tenant": _tenants, "body": _bodies})


def _values(cells: dict[str, Any]) -> dict[str, Any]:
    return {name: value(cell) for name, cell in cells.items()}


_some = st.fixed_dictionaries({}, optional={"filter": _filters})
_meant = st.one_of(
    st.builds(lambda key: {"key": key}, _keys),
    st.builds(lambda some: {**some, "allow_unfiltered": True}, _some),
)
_answered = st.fixed_dictionaries(
    {"returning": st.sampled_from([[], ["*"], ["tenant", "id"]]), "dry_run": st.booleans()}
)
_counts = st.sampled_from(["COUNT_MODE_EXACT", "COUNT_MODE_ESTIMATED"])
_lists = st.builds(
    lambda some, order, size, count, deleted: {
        **some,
        **({"order_by": [{"column": name} for name in order]} if order else {}),
        "page_size": size,
        "include_deleted": deleted,
        **({"count": count} if count else {}),
    },
    _some,
    st.lists(st.sampled_from(["tenant", "body", "id"]), unique=True, max_size=2),
    st.integers(1, 5),
    st.one_of(st.none(), _counts),
    st.booleans(),
)
_conflicts = st.sampled_from([None, "CONFLICT_ACTION_UPDATE", "CONFLICT_ACTION_IGNORE"])
_inserts = st.builds(
    lambda many, action, answered: {
        "rows": [{"values": _values(row)} for row in many],
        **({"on_conflict": {"action": action}} if action else {}),
        **answered,
    },
    st.lists(_full, min_size=1, max_size=3),
    _conflicts,
    _answered,
)
_updates = st.builds(
    lambda meant, new, answered: {**meant, "values": _values(new), **answered}, _meant, _new, _answered
)
_deletes = st.builds(lambda meant, answered: {**meant, **answered}, _meant, _answered)
_requests = st.one_of(
    st.tuples(st.just("list_rows"), _lists),
    st.tuples(st.just("get_row"), st.builds(lambda key: {"key": key}, _keys)),
    st.tuples(st.just("count_rows"), st.builds(lambda some, count: {**some, "count": count}, _some, _counts)),
    st.tuples(st.just("insert_rows"), _inserts),
    st.tuples(st.just("update_rows"), _updates),
    st.tuples(st.just("delete_rows"), _deletes),
    st.tuples(st.just("execute_batch"), st.just({"steps": [{"sql": f"delete from {_TABLE}"}]})),
    st.tuples(st.just("execute_query"), st.just({"sql": f"select * from {_TABLE}"})),
)
_RPCS = {
    **{kind: f"TableService/{''.join(word.title() for word in kind.split('_'))}" for kind in (
        *("list_rows", "get_row", "count_rows", "insert_rows", "update_rows", "delete_rows"),
    )},
    "execute_batch": "QueryService/ExecuteBatch",
    "execute_query": "QueryService/ExecuteQuery",
}  # fmt: skip


class _World:
    """A table of several tenants, its tenants as callers, and what they must never touch of one another."""

    def __init__(self, policed: Policed, engine: Engine) -> None:
        self.engine = engine
        self.root = policed.caller("root", "root")
        self.tenants = {
            name: policed.caller(f"of {name}", "member", tenant=name) for name in _TENANTS if name is not None
        }
        self.requests = 0

    def _on(self, asked: dict[str, Any]) -> dict[str, Any]:
        named = {} if "sql" in asked or "steps" in asked else {"table": _TABLE}
        return {"database": self.engine.name, **named, **asked}

    async def fill(self) -> None:
        """Rows of every tenant, as at first."""
        await self.root("TableService/DeleteRows", self._on({"allow_unfiltered": True}))
        cells = [{"id": number, "tenant": _TENANTS[number % len(_TENANTS)], "body": "a"} for number in range(10)]
        await self.root("TableService/InsertRows", self._on({"rows": [{"values": _values(row)} for row in cells]}))

    async def all(self) -> list[tuple[Any, ...]]:
        """Every row, seen past the policy."""
        return rows(await self.root("TableService/ListRows", self._on({"page_size": 1000})))

    async def check(self, tenant: str, asked: list[tuple[str, dict[str, Any]]], *, held: bool) -> None:
        """Make the requests, and look at what is answered and at what is there."""
        before = await self.all()
        caller = self.tenants[tenant]
        if held:
            answers = await self._in_a_transaction(caller, asked)
        else:
            answers = [(kind, request, await self._alone(caller, kind, request)) for kind, request in asked]
        self.requests += len(answers)
        for kind, request, answer in answers:
            assert kind not in ("execute_query", "execute_batch") or answer is None, "SQL is not allowed"
            _check_answer(tenant, kind, request, answer)
        after = await self.all()
        assert [row for row in after if row[1] != tenant] == [row for row in before if row[1] != tenant]
        for _, _, answer in answers[-1:]:
            if answer is not None and not held:
                mine = [row for row in after if row[1] == tenant]
                assert len(mine) >= int(answer.get("count", 0)), "rows of others were counted"

    async def _alone(self, caller: Caller, kind: str, request: dict[str, Any]) -> dict[str, Any] | None:
        try:
            answer = await caller(_RPCS[kind], self._on(request))
            while kind == "list_rows" and answer.get("next_page_token"):
                page = await caller(_RPCS[kind], self._on({**request, "page_token": answer["next_page_token"]}))
                found = answer.get("result", {}).get("rows", []) + page.get("result", {}).get("rows", [])
                answer = {**page, "result": {**page["result"], "rows": found}}
        except (rowgate.RequestError, rowgate.NotFound, rowgate.PermissionDenied, rowgate.IntegrityError):
            return None
        return answer

    async def _in_a_transaction(
        self, caller: Caller, asked: list[tuple[str, dict[str, Any]]]
    ) -> list[tuple[str, dict[str, Any], dict[str, Any] | None]]:
        asked = [(kind, request) for kind, request in asked if kind != "execute_batch"]
        requests = [{kind: {**request, **({} if "sql" in request else {"table": _TABLE})}} for kind, request in asked]
        answers = await caller.transact({"begin": {"database": self.engine.name}}, *requests, {"commit": {}})
        told = zip(asked, answers[1:], strict=False)
        return [(kind, request, answer.get(kind)) for (kind, request), answer in told]


def _check_answer(tenant: str, kind: str, request: dict[str, Any], answer: dict[str, Any] | None) -> None:
    if answer is None:
        return
    names, found = columns(answer), rows(answer)
    if "tenant" in names:
        assert {row[names.index("tenant")] for row in found} <= {tenant}, (kind, request)
    assert "secret" not in names


@pytest.fixture(scope="module")
async def worlds() -> AsyncIterator[dict[str, _World]]:
    found: dict[str, _World] = {}
    yield found
    for name, world in found.items():
        await world.root("QueryService/ExecuteQuery", {"database": name, "sql": f"drop table {_TABLE}"})
        assert world.requests >= _REQUESTS * _ANSWERED, name


@pytest.fixture
async def world(gateway_with_policy: Policed, engine: Engine, worlds: dict[str, _World]) -> _World:
    if engine.name not in worlds:
        world = worlds[engine.name] = _World(gateway_with_policy, engine)
        create = (
            f"create table {_TABLE} (id integer primary key, tenant varchar(40), body varchar(40), secret varchar(40))"
        )
        await world.root("QueryService/ExecuteQuery", {"database": engine.name, "sql": create})
    return worlds[engine.name]


@pytest.mark.timeout(3600)
@settings(
    max_examples=_REQUESTS // _EACH,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(
    tenant=st.sampled_from([name for name in _TENANTS if name is not None]),
    asked=st.lists(_requests, min_size=_EACH, max_size=_EACH),
    held=st.booleans(),
)
async def test_no_row_outside_the_filter_is_shown_or_touched(
    world: _World, tenant: str, asked: list[tuple[str, dict[str, Any]]], held: bool
) -> None:
    await world.fill()
    await world.check(tenant, asked, held=held)
