"""AdminService under a policy: one's own queries by who one is, and those of others with the right `admin`."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import rowgate
from support.engines import Engine
from support.policed import Caller, Policed


async def _listed(caller: Caller, engine: Engine) -> list[str]:
    answer = await caller("AdminService/ListQueries", {"database": engine.name, "tag": "listed"})
    return [query["query_id"] for query in answer.get("queries", ())]


async def test_a_query_is_its_callers_and_the_admins(
    gateway_with_policy: Policed, root: Caller, engine: Engine
) -> None:
    """All of them come over one connection: a proxy's may have many callers."""
    ann, bob = (gateway_with_policy.caller(name, "sql_reader") for name in ("ann", "bob"))
    asked: dict[str, Any] = {"database": engine.name, "sql": engine.endless, "options": {"tag": "listed"}}
    running = asyncio.create_task(ann("QueryService/ExecuteQuery", asked))
    try:
        found: list[str] = []
        for _ in range(500):
            found = await _listed(ann, engine)
            if found:
                break
            await asyncio.sleep(0.01)
        (query_id,) = found
        assert await _listed(bob, engine) == []
        with pytest.raises(rowgate.QueryNotFound):
            await bob("AdminService/CancelQuery", {"query_id": query_id})
        assert await _listed(root, engine) == [query_id]
        await root("AdminService/CancelQuery", {"query_id": query_id})
        with pytest.raises(rowgate.QueryCancelled):
            await running
    finally:
        running.cancel()


async def test_a_database_that_the_caller_may_not_use_is_refused(gateway_with_policy: Policed) -> None:
    for name in ("nowhere", ""):
        with pytest.raises(rowgate.PermissionDenied):
            await gateway_with_policy.caller("nobody")("AdminService/ListQueries", {"database": name})
