"""AdminService with nothing but grpcurl, on the demo, where everybody may see everything."""

from __future__ import annotations

import asyncio
import json
import subprocess
from typing import Any

import pytest

import rowgate
from support.process import Gateway
from support.tools import grpcurl as program

ENDLESS = "with recursive s(i) as (select 1 union all select i + 1 from s) select count(*) from s where i > 12345"


def grpcurl(address: str, method: str, **request: Any) -> dict[str, Any]:
    command = [str(program()), "-plaintext", "-d", json.dumps(request), address, f"rowgate.v1.AdminService/{method}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert ended.returncode == 0, ended.stderr
    told: dict[str, Any] = json.loads(ended.stdout)
    return told


async def test_a_stranger_lists_and_cancels_a_query_of_the_demo() -> None:
    with Gateway.start("--demo") as gateway:
        async with rowgate.connect(gateway.address, timeout=60) as db:
            call = asyncio.create_task(db.with_options(tag="report").query(ENDLESS))
            listed: dict[str, Any] = {}
            for _ in range(100):
                listed = await asyncio.to_thread(grpcurl, gateway.address, "ListQueries", tag="report")
                if listed and listed["queries"][0]["state"] == "QUERY_STATE_RUNNING":
                    break
            (query,) = listed["queries"]
            assert query["statement"] == ENDLESS.replace("12345", "?").replace("i + 1", "i + ?").replace(
                "select 1", "select ?"
            )
            assert (query["database"], query["state"], query["tag"]) == ("demo", "QUERY_STATE_RUNNING", "report")
            told = await asyncio.to_thread(grpcurl, gateway.address, "CancelQuery", query_id=query["query_id"])
            assert told["query"]["query_id"] == query["query_id"]
            with pytest.raises(rowgate.QueryCancelled) as caught:
                await call
            assert caught.value.metadata["cancelled_by"] != query["peer"], "it was somebody else"
