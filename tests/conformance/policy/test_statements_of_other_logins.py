"""What runs with a role's own login is listed like everything else, and stopped when the gateway stops."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import rowgate
from support.engines import ENGINES, Engine
from support.policed import Caller, policed

_POLICY = """
roles:
  root: {rules: [{databases: "*", allow: admin}]}
  analyst: {rules: [{databases: "*", allow: raw_read}], logins: {NAME: other}}
"""
_LOGINS = [engine for engine in ENGINES if engine.name != "sqlite"]
"""SQLite has no logins."""


async def _running(root: Caller, engine: Engine) -> list[str]:
    answer = await root("AdminService/ListQueries", {"database": engine.name})
    return [query["query_id"] for query in answer.get("queries", ())]


@pytest.mark.parametrize("engine", _LOGINS, ids=lambda engine: engine.name)
async def test_a_statement_of_another_login_is_listed_and_stopped(
    urls: dict[str, str], engine: Engine, tmp_path: Path
) -> None:
    name = f"ROWGATE_DATABASES__{engine.name.upper()}"
    told = {**urls, f"{name}__LOGINS__OTHER__URL": urls[f"{name}__URL"]}
    async with policed(told, _POLICY.replace("NAME", engine.name), tmp_path) as running:
        root, analyst = running.caller("root", "root"), running.caller("ann", "analyst")
        asked = {"database": engine.name, "sql": engine.endless}
        call = asyncio.create_task(analyst("QueryService/ExecuteQuery", asked))
        for _ in range(500):
            if await _running(root, engine):
                break
            await asyncio.sleep(0.01)
        assert len(await _running(root, engine)) == 1
        hurry = asyncio.Event()
        hurry.set()
        await running.gateway.stop(hurry, pause=False)
        with pytest.raises(rowgate.ShuttingDown):
            await call
