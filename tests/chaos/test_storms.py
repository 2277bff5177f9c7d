"""Storms of cancelled and late calls: no answer goes astray, no innocent call is hit, nothing stays checked out."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator

import pytest

import rowgate
from support.eventually import eventually
from support.linked import LONG
from support.metrics import scraped
from support.process import Gateway
from support.storms import storm
from support.throwaway import ThrowawayServer

pytestmark = pytest.mark.alone

CALLS, RACES = (20_000, 10_000) if LONG else (400, 150)
AT_ONCE = 64
TAGGED = {
    "mariadb": "select :tag as tag, sleep(:pause) as s",
    "postgresql": "select cast(:tag as integer) as tag, pg_sleep(:pause) as s",
}


@pytest.fixture(scope="module")
def gateway(servers: dict[str, ThrowawayServer]) -> Iterator[Gateway]:
    environment = {f"ROWGATE_DATABASES__{name.upper()}__URL": server.url for name, server in servers.items()}
    with Gateway.start(environment=environment) as gateway:
        yield gateway
        assert "Traceback" not in gateway.stderr


@pytest.fixture
async def db(engine: str, gateway: Gateway) -> AsyncIterator[rowgate.Database]:
    async with rowgate.connect(gateway.address, retry=None) as client:
        yield client.using(engine)


async def nothing_is_checked_out(gateway: Gateway, engine: str) -> None:
    name = f'rowgate_pool_in_use{{database="{engine}"}}'
    await eventually(lambda: scraped(gateway)[name] == 0, 1.5, "every connection came back")


@pytest.mark.timeout(1800)
async def test_a_storm_of_cancelled_calls(db: rowgate.Database, engine: str, gateway: Gateway) -> None:
    ends: Counter[str] = Counter()

    async def call(number: int, dice: random.Random) -> None:
        query = asyncio.create_task(db.query(TAGGED[engine], tag=number, pause=dice.choice([0.0, 0.002, 0.01])))
        if number % 2:
            await asyncio.sleep(dice.uniform(0, 0.02))
            query.cancel()
        try:
            answer = await query
        except asyncio.CancelledError:
            ends["cancelled"] += 1
        # GatewayUnreachable: a stream too many, as the gateway has not yet heard of all that were cancelled.
        except rowgate.RowgateError as error:
            ends[type(error).__name__] += 1
        else:
            ends["ok" if answer.rows[0][0] == number else "astray"] += 1

    await storm(call, calls=CALLS, at_once=AT_ONCE)
    print(f"{engine}: {dict(ends)}")
    assert not ends["astray"]
    assert set(ends) <= {"ok", "cancelled", "PoolExhausted", "GatewayUnreachable"}
    assert ends["ok"] > CALLS // 8
    await nothing_is_checked_out(gateway, engine)


@pytest.mark.timeout(1800)
async def test_queries_that_end_just_when_their_time_does(db: rowgate.Database, engine: str, gateway: Gateway) -> None:
    """Each kill is raced by the end of what it is for; the connection's next user must not meet with it."""
    ends: Counter[str] = Counter()

    async def call(number: int, dice: random.Random) -> None:
        seconds = 0.03
        timed = db.with_options(timeout=seconds).query(
            TAGGED[engine], tag=number, pause=seconds + dice.uniform(-0.002, 0.002)
        )
        innocent = db.query(TAGGED[engine], tag=-number, pause=0.0)
        for expected, answer in zip(
            (number, -number), await asyncio.gather(timed, innocent, return_exceptions=True), strict=True
        ):
            who = "timed" if expected > 0 or answer is None else "innocent"
            if isinstance(answer, rowgate.RowgateError):
                ends[f"{who} {type(answer).__name__}"] += 1
            else:
                assert not isinstance(answer, BaseException), answer
                ends[who if answer.rows[0][0] == expected else "astray"] += 1

    await storm(lambda number, dice: call(number + 1, dice), calls=RACES, at_once=4)
    print(f"{engine}: {dict(ends)}")
    assert set(ends) <= {"timed", "timed DeadlineExceeded", "timed StatementTimeout", "innocent"}
    assert ends["innocent"] == RACES
    await nothing_is_checked_out(gateway, engine)
