"""What other settings do once they are taken while the server serves: limits, keys, policies, the log."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from hashlib import blake2b
from typing import Any

import pytest
import yaml

import rowgate
from rowgate_server.identity.hashing import make_key
from support.configured import REFUSED, Configured, lent, started
from support.eventually import eventually
from support.metrics import scraped


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Configured]:
    with started(tmp_path_factory.mktemp("configured")) as server:
        yield server


@pytest.fixture
async def configured(server: Configured) -> AsyncIterator[Configured]:
    async with lent(server) as configured:
        yield configured


async def test_limits_change_and_connections_stay(configured: Configured) -> None:
    opened = 'rowgate_pool_connections_opened_total{database="main"}'
    async with rowgate.connect(configured.gateway.address) as client:
        await client.query("select 1")
        before = scraped(configured.gateway)[opened]
        main = configured.settings["databases"]["main"]
        main["limits"] = {"unary_rows": 1, "raw_sql": True}
        main["catalog"] = {"ddl": True}
        await configured.exchange()
        with pytest.raises(rowgate.ResultTooLarge):
            await client.query("select 1 union select 2")
        main["limits"] = {"raw_sql": False}
        await configured.exchange()
        with pytest.raises(rowgate.PermissionDenied):
            await client.query("select 1")
        assert scraped(configured.gateway)[opened] == before


async def test_keys_come_and_go(configured: Configured) -> None:
    key, hashed = make_key("reporting")
    configured.settings["auth"] = {"api_keys": {"reporting": {"hash": str(hashed)}}}
    await configured.exchange()
    assert await configured.name(token=key, credentials_in_plaintext=True) == "first"
    with pytest.raises(rowgate.Unauthenticated):
        await configured.name()
    other, hashed = make_key("other")
    configured.settings["auth"] = {"api_keys": {"other": {"hash": str(hashed)}}}
    await configured.exchange()
    assert await configured.name(token=other, credentials_in_plaintext=True) == "first"
    with pytest.raises(rowgate.Unauthenticated):
        await configured.name(token=key, credentials_in_plaintext=True)


async def test_a_policy_and_the_databases_that_it_names_come_together(configured: Configured) -> None:
    rules = [{"database": "other", "table": "named", "allow": ["read"]}]
    (configured.folder / "policy.yaml").write_text(
        yaml.safe_dump({"anonymous": ["guest"], "roles": {"guest": {"rules": rules}}}), encoding="utf-8"
    )
    configured.settings["policy"] = {"path": str(configured.folder / "policy.yaml")}
    await configured.exchange(REFUSED)
    configured.settings["databases"]["other"] = {"url": configured.database("second")}
    await configured.exchange()
    async with rowgate.connect(configured.gateway.address) as client:
        assert [each.name for each in await client.databases()] == ["other"]
        rows = await client.using("other").table("named").all()
    assert [row["name"] for row in rows] == ["second"]


async def test_the_log_s_level_changes(configured: Configured) -> None:
    before = configured.counted("taken")
    configured.settings["log"] = {"level": "error"}
    configured.write()
    await eventually(lambda: configured.counted("taken") > before, 20, "it is taken")
    calls = configured.told('"event": "call"')
    await configured.name()
    assert configured.told('"event": "call"') == calls
    configured.settings["log"] = {"level": "info"}
    await configured.exchange()
    await configured.name()
    await eventually(lambda: configured.told('"event": "call"') > calls, 20, "the call is logged")


async def test_slow_statements_are_logged_by_their_shape(configured: Configured) -> None:
    counting = (
        "with recursive n(i) as (select 1 union all select i + 1 from n where i < {}) select count(*), :planted from n"
    )

    def slow() -> list[dict[str, Any]]:
        lines = [json.loads(line) for line in configured.gateway.stderr.splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == "slow statement"]

    async def told(number: int, rows: int = 200_000) -> list[dict[str, Any]]:
        async with rowgate.connect(configured.gateway.address) as client:
            await client.with_options(tag="nightly").query(counting.format(rows), planted="secret")
        await eventually(lambda: len(slow()) >= number, 5, "it is in the log")
        return slow()

    assert await told(0) == []
    configured.settings["log"] = {"slow_statements": "1ms"}
    await configured.exchange()
    (line,) = await told(1)
    assert line["statement"] == counting.format("?").replace("1", "?").replace(":planted", "?")
    assert (line["level"], line["database"], line["operation"]) == ("warning", "main", "with")
    assert (line["rows"], line["tag"], line["method"]) == (1, "nightly", "rowgate.v1.QueryService/ExecuteQuery")
    assert line["ms"] >= 1
    assert line["fingerprint"] == blake2b(line["statement"].encode(), digest_size=8).hexdigest()
    assert [each["fingerprint"] for each in await told(2, 199_999)] == [line["fingerprint"]] * 2
    assert line["request_id"]
    assert "secret" not in configured.gateway.stderr
