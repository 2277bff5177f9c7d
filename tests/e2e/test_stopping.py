"""SIGTERM and SIGINT: calls under way end well, then the process does."""

from __future__ import annotations

import asyncio
import json
import signal

import pytest

import rowgate
from support.eventually import eventually
from support.mariadb import MariaDB
from support.process import Gateway


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_with_exit_code_0(number: signal.Signals) -> None:
    with Gateway.start("--demo") as gateway:
        assert gateway.child.stop(number, within=15) == 0
        assert "Traceback" not in gateway.stderr


async def test_a_call_under_way_is_finished(mariadb_server: MariaDB) -> None:
    with Gateway.start(environment={"ROWGATE_DATABASES__MAIN__URL": mariadb_server.url}) as gateway:
        async with rowgate.connect(gateway.address) as db:
            call = asyncio.create_task(db.query("select sleep(1) as planted_slow_call"))
            running = "select count(*) from information_schema.processlist where info like 'select sleep%planted_slow%'"
            await eventually(lambda: mariadb_server.execute(running) == [(1,)], 5, "the call ran")
            stopping = asyncio.create_task(asyncio.to_thread(gateway.terminate))
            assert (await call).scalar() == 0
            assert await stopping == 0


async def test_every_line_of_the_log_is_json_and_none_has_a_value(mariadb_server: MariaDB) -> None:
    environment = {"ROWGATE_DATABASES__MAIN__URL": mariadb_server.url, "ROWGATE_LOG__FORMAT": "json"}
    with Gateway.start(environment=environment) as gateway:
        async with rowgate.connect(gateway.address) as db:
            await db.query("select :x as x", x="planted-value")
            with pytest.raises(rowgate.InvalidSql):
                await db.query("select :x,", x="planted-value")
        gateway.terminate()
        lines = [json.loads(line) for line in gateway.stderr.splitlines()]
    calls = [line for line in lines if line["event"] == "call"]
    assert [line["code"] for line in calls] == ["OK", "INVALID_ARGUMENT"]
    assert "planted-value" not in gateway.stderr
    assert "rowgate-pass" not in gateway.stderr + gateway.stdout
    assert "Traceback" not in gateway.stderr
