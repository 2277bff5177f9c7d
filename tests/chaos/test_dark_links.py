"""A database that stops answering, whenever it does: the caller has its answer in time, and the slot is free.

Most of it is waiting, so all phases of one kind of link run at the same time, each on a proxy and a pool of its own.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

import pytest

from rowgate_server.engines.connector import ConnectorSettings
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.errors import Reason, RowgateError
from support.eventually import eventually
from support.linked import Linked, linked
from support.proxy import Act, Fault
from support.throwaway import ThrowawayServer

pytestmark = pytest.mark.alone

SECONDS = 0.6
_LATE = 1.0
"""What the issue allows behind the deadline, for the answer and for the slot."""

LATE = (Reason.STATEMENT_TIMEOUT, Reason.DATABASE_UNAVAILABLE)


async def fails_in_time(far: Linked, sql: str = "select 1 as x") -> RowgateError:
    """The error of a call with a deadline of `SECONDS`, behind which the slot is free."""
    began = asyncio.get_running_loop().time()
    with pytest.raises(RowgateError) as caught:
        await far.run(sql, SECONDS)
    assert caught.value.reason in LATE
    await slot_is_free(far, began + SECONDS)
    return caught.value


async def slot_is_free(far: Linked, deadline: float) -> None:
    left = deadline + _LATE - asyncio.get_running_loop().time()
    assert left > 0, "the answer was late"
    await eventually(lambda: far.in_use == 0, left, "the slot was free")


async def connected(far: Linked) -> None:
    """A connection is there and waits for a call."""
    await far.run("select 1 as x")
    await eventually(lambda: far.in_use == 0, 3, "the first call's connection was reset")


async def works_again(far: Linked) -> None:
    far.proxy.come_back()

    for _ in range(10):
        try:
            assert await far.scalar("select 1 as x", 2) == 1
        except RowgateError as error:
            await asyncio.sleep(error.retry_after or 0.1)
        else:
            return
    pytest.fail("it never answered again")


async def while_it_connects(far: Linked) -> None:
    far.proxy.go_dark()
    error = await fails_in_time(far)
    assert error.outcome == "NOT_RUN"
    await works_again(far)


async def after_the_first_byte(far: Linked) -> None:
    await _in_the_login(far, 1)


async def in_the_handshake(far: Linked) -> None:
    await _in_the_login(far, 60)


async def in_the_login(far: Linked) -> None:
    await _in_the_login(far, 150)


async def in_the_set_up(far: Linked) -> None:
    await _in_the_login(far, 700)


async def _in_the_login(far: Linked, after: int) -> None:
    """After so many bytes that the server sends to a new connection: TLS, login and set-up among them."""
    far.proxy.to_client.arm(Fault(after, Act.DROP))
    await fails_in_time(far, "select repeat('x', 1000) as x")
    await works_again(far)


async def between_two_calls_of_a_warm_connection(far: Linked) -> None:
    await far.run("select 1 as x")
    far.proxy.go_dark()
    await fails_in_time(far)
    await works_again(far)


async def while_an_idle_connection_is_pinged(far: Linked) -> None:
    await far.run("select 1 as x")
    await eventually(lambda: far.idle_in_the_pool == 1, 3, "the connection was no longer warm")
    far.proxy.go_dark()
    error = await fails_in_time(far)
    assert error.outcome == "NOT_RUN"
    await works_again(far)


async def while_a_statement_runs(far: Linked) -> None:
    await connected(far)
    call = asyncio.create_task(fails_in_time(far, far.sleep(5)))
    await eventually(lambda: far.running("sleep(5)") == 1, 3, "the statement ran")
    far.proxy.go_dark()
    await call
    await works_again(far)


async def in_the_middle_of_an_answer(far: Linked) -> None:
    await far.run("select 1 as x")
    far.proxy.to_client.arm(Fault(20_000, Act.DROP))
    await fails_in_time(far, "select repeat('x', 1000000) as x")
    await works_again(far)


async def in_the_middle_of_a_stream(far: Linked) -> None:
    await far.run("select 1 as x")
    far.proxy.to_client.arm(Fault(300_000, Act.DROP))
    sql = {"mariadb": "select repeat('x', 1000) as x from seq_1_to_100000"}.get(
        far.engine, "select repeat('x', 1000) as x from generate_series(1, 100000)"
    )
    began = asyncio.get_running_loop().time()
    with pytest.raises(RowgateError) as caught:
        async for _ in far.executor.stream(far.call(sql, SECONDS)):
            pass
    assert caught.value.reason in LATE
    await slot_is_free(far, began + SECONDS)
    await works_again(far)


async def when_a_transaction_is_committed(far: Linked) -> None:
    await _transaction(far, "commit")


async def when_a_transaction_is_rolled_back(far: Linked) -> None:
    await _transaction(far, "rollback")


async def when_a_transaction_is_left(far: Linked) -> None:
    await _transaction(far, "")


async def _transaction(far: Linked, ending: str) -> None:
    await connected(far)
    began = asyncio.get_running_loop().time()
    deadline = Deadline.soonest((SECONDS, "options.timeout"))
    with pytest.raises(RowgateError) if ending else contextlib.nullcontext():
        async with far.executor.transaction(TransactionOptions(), deadline) as transaction:
            await transaction.run(far.call("select 1 as x"))
            far.proxy.go_dark()
            if ending:
                await getattr(transaction, ending)()
    await slot_is_free(far, began + SECONDS)
    await works_again(far)


async def while_the_session_is_reset(far: Linked) -> None:
    await far.run("select 1 as x")
    await eventually(lambda: far.in_use == 0, 1, "it was reset")
    # A statement that may touch the session, so that its reset comes at once: its answer gets through, no other does.
    await far.run(far.id_sql, SECONDS)
    far.proxy.go_dark()  # before the reset, in a task of the pool's, has been answered
    await slot_is_free(far, asyncio.get_running_loop().time())
    await works_again(far)


async def while_it_is_closed(far: Linked) -> None:
    await asyncio.gather(far.run(far.sleep(0.05)), far.run(far.sleep(0.05)))
    far.proxy.go_dark()
    began = asyncio.get_running_loop().time()
    await far.database.close()
    assert asyncio.get_running_loop().time() - began < 2 * _LATE


async def while_it_is_replaced_for_its_age(far: Linked) -> None:
    await far.run("select 1 as x")
    await eventually(lambda: far.idle_in_the_pool == 1, 3, "the connection was no longer warm")
    far.pool._connector._settings = ConnectorSettings(size=2, recycle=0.1, pre_ping=True)
    far.proxy.go_dark()
    await fails_in_time(far)
    await works_again(far)


async def the_caller_leaves_at_once_whatever_is_dark(far: Linked) -> None:
    """A caller who cancels does not wait, and what waited for the database is let go of."""
    await far.run("select 1 as x")
    await eventually(lambda: far.idle_in_the_pool == 1, 3, "the connection was no longer warm")
    far.proxy.go_dark()
    call = asyncio.create_task(far.run("select 1 as x", 30))
    await eventually(lambda: far.in_use == 1, 1, "the call holds a slot")
    began = asyncio.get_running_loop().time()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await slot_is_free(far, began)


Phase = Callable[[Linked], Awaitable[None]]
PHASES: tuple[Phase, ...] = (
    while_it_connects,
    after_the_first_byte,
    in_the_handshake,
    in_the_login,
    in_the_set_up,
    between_two_calls_of_a_warm_connection,
    while_an_idle_connection_is_pinged,
    while_a_statement_runs,
    in_the_middle_of_an_answer,
    in_the_middle_of_a_stream,
    when_a_transaction_is_committed,
    when_a_transaction_is_rolled_back,
    when_a_transaction_is_left,
    while_the_session_is_reset,
    while_it_is_closed,
    while_it_is_replaced_for_its_age,
    the_caller_leaves_at_once_whatever_is_dark,
)


@pytest.fixture(scope="module", params=["mariadb-plain", "mariadb-tls", "postgresql-plain", "postgresql-tls"])
async def ends(
    request: pytest.FixtureRequest, servers: dict[str, ThrowawayServer]
) -> dict[Phase, BaseException | None]:
    """How each phase ended on one kind of link."""
    engine, _, kind = request.param.partition("-")

    async with contextlib.AsyncExitStack() as stack:
        # To read the certificates of an SSL context holds up the event loop, so that is done before all else.
        links = [await stack.enter_async_context(linked(servers[engine], engine, tls=kind == "tls")) for _ in PHASES]
        trials = [phase(far) for phase, far in zip(PHASES, links, strict=True)]
        results = await asyncio.gather(*trials, return_exceptions=True)
    return dict(zip(PHASES, results, strict=True))


@pytest.mark.parametrize("phase", PHASES, ids=lambda phase: phase.__name__)
async def test_a_link_that_goes_dark(ends: dict[Phase, BaseException | None], phase: Phase) -> None:
    error = ends[phase]
    if error is not None:
        raise error
