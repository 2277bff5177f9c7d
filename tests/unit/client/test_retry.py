from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from unit.client.scripted import Fault, ScriptedGateway, answer, head, product, tail

import rowgate
from rowgate.v1 import schema_service_pb2 as pb

UNAVAILABLE = grpc.StatusCode.UNAVAILABLE
UNREACHABLE = Fault(UNAVAILABLE)
"""What gRPC itself says when a connection breaks: the statement may have run."""
DOWN = Fault(UNAVAILABLE, "DATABASE_UNAVAILABLE", metadata={"outcome": "UNKNOWN"})


def undone(outcome: str) -> Fault:
    return Fault(UNAVAILABLE, "SHUTTING_DOWN", metadata={"outcome": outcome})


async def read(db: rowgate.Database) -> list[rowgate.Row]:
    return (await db.query("select 1")).rows


async def stream(db: rowgate.Database) -> list[rowgate.Row]:
    return [row async for row in db.stream("select 1")]


@pytest.mark.parametrize("fault", [UNREACHABLE, DOWN, Fault(UNAVAILABLE, "NEW_REASON")])
async def test_a_read_is_made_again(db: rowgate.Client, gateway: ScriptedGateway, fault: Fault) -> None:
    gateway.will(fault, fault, answer(product(1)))
    assert len(await read(db.with_options(read_only=True))) == 1
    assert len(gateway.received) == 3


@pytest.mark.parametrize("fault", [UNREACHABLE, DOWN])
async def test_what_may_have_written_is_not_made_again(
    db: rowgate.Client, gateway: ScriptedGateway, fault: Fault
) -> None:
    gateway.will(fault, [fault])
    for run in (read, stream):
        with pytest.raises(rowgate.Unavailable):
            await run(db)
    assert len(gateway.received) == 2


@pytest.mark.parametrize("outcome", ["NOT_RUN", "ROLLED_BACK"])
async def test_a_write_that_left_nothing_behind_is_made_again(
    db: rowgate.Client, gateway: ScriptedGateway, outcome: str
) -> None:
    gateway.will(undone(outcome), answer(product(1)), [undone(outcome)], [head(product(1)), tail()])
    assert len(await read(db)) == 1
    assert len(await stream(db)) == 1
    assert len(gateway.received) == 4


async def test_a_stream_is_started_again_until_its_first_message(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will([UNREACHABLE], [head(product(1)), tail()])
    assert len(await stream(db.with_options(read_only=True))) == 1
    assert len(gateway.received) == 2


async def test_a_stream_is_not_started_again_after_its_first_message(
    db: rowgate.Client, gateway: ScriptedGateway
) -> None:
    gateway.will([head(product(1)), undone("ROLLED_BACK")])
    with pytest.raises(rowgate.ShuttingDown):
        await stream(db.with_options(read_only=True))
    assert len(gateway.received) == 1


@pytest.mark.parametrize(
    ("ask", "found"),
    [
        (lambda db: db.databases(), pb.ListDatabasesResponse()),
        (lambda db: db.tables(), pb.ListTablesResponse()),
        (lambda db: db.describe("products"), pb.GetTableResponse()),
    ],
)
async def test_asking_for_the_schema_is_made_again(
    db: rowgate.Client, gateway: ScriptedGateway, ask: Callable[[rowgate.Client], Awaitable[Any]], found: Any
) -> None:
    gateway.will(UNREACHABLE, found)
    await ask(db)
    assert len(gateway.received) == 2


@pytest.mark.parametrize(
    "fault",
    [
        Fault(grpc.StatusCode.ABORTED, "DEADLOCK", metadata={"outcome": "ROLLED_BACK"}),
        Fault(grpc.StatusCode.RESOURCE_EXHAUSTED, "POOL_EXHAUSTED", metadata={"outcome": "NOT_RUN"}, retry_after=0.01),
        Fault(grpc.StatusCode.INTERNAL),
    ],
)
async def test_only_unavailable_is_made_again(db: rowgate.Client, gateway: ScriptedGateway, fault: Fault) -> None:
    gateway.will(fault)
    with pytest.raises(rowgate.RowgateError):
        await read(db.with_options(read_only=True))
    assert len(gateway.received) == 1


async def test_attempts_are_counted_and_the_last_error_is_raised(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(DOWN, DOWN, UNREACHABLE)
    retry = rowgate.Retry(attempts=3, first_delay=0)
    with pytest.raises(rowgate.GatewayUnreachable):
        await read(db.with_options(read_only=True, retry=retry))
    assert len(gateway.received) == 3


@pytest.mark.parametrize("retry", [None, rowgate.Retry(attempts=1)])
async def test_retries_can_be_switched_off(
    db: rowgate.Client, gateway: ScriptedGateway, retry: rowgate.Retry | None
) -> None:
    gateway.will(undone("NOT_RUN"))
    with pytest.raises(rowgate.ShuttingDown):
        await read(db.with_options(read_only=True, retry=retry))
    assert len(gateway.received) == 1


async def test_the_gateways_delay_is_waited_for(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(Fault(UNAVAILABLE, "DATABASE_UNAVAILABLE", retry_after=0.3), answer())
    loop = asyncio.get_running_loop()
    before = loop.time()
    await read(db.with_options(read_only=True))
    assert loop.time() - before >= 0.3


async def test_a_delay_beyond_the_deadline_is_not_waited_for(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(Fault(UNAVAILABLE, "DATABASE_UNAVAILABLE", retry_after=60))
    async with asyncio.timeout(5):
        with pytest.raises(rowgate.DatabaseUnavailable) as caught:
            await read(db.with_options(read_only=True, timeout=10))
    assert caught.value.retry_after == 60
    assert len(gateway.received) == 1


async def test_all_attempts_share_one_deadline(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(*[Fault(UNAVAILABLE, "SHUTTING_DOWN", retry_after=0.5)] * 2, answer())
    await read(db.with_options(read_only=True, timeout=10))
    until = [call.until for call in gateway.received]
    assert max(until) - min(until) < 0.7  # gRPC sends three digits of a deadline
    told = [call.request.options.timeout.ToTimedelta().total_seconds() for call in gateway.received]
    assert all(before - after >= 0.49 for before, after in pairwise(told))


async def test_giving_up_between_attempts_ends_the_call(db: rowgate.Client, gateway: ScriptedGateway) -> None:
    gateway.will(Fault(UNAVAILABLE, "SHUTTING_DOWN", retry_after=15))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(1):
            await read(db.with_options(read_only=True))
    assert len(gateway.received) == 1


@given(
    st.integers(1, 20),
    st.floats(0, 10, allow_nan=False).flatmap(lambda first: st.tuples(st.just(first), st.floats(first, 60))),
)
def test_delays_double_with_jitter_up_to_the_longest(attempts: int, bounds: tuple[float, float]) -> None:
    first, longest = bounds
    delays = list(rowgate.Retry(attempts=attempts, first_delay=first, longest_delay=longest).delays())
    assert len(delays) == attempts - 1
    for number, delay in enumerate(delays):
        full = min(first * 2**number, longest)
        assert full / 2 <= delay <= full


@pytest.mark.parametrize("arguments", [{"attempts": 0}, {"first_delay": -1}, {"first_delay": 3}, {"longest_delay": 0}])
def test_a_retry_out_of_range_is_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="must be"):
        rowgate.Retry(**arguments)
