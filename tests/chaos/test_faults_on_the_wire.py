"""Links that are cut or garbled at every byte: an answer is right or an error, and an error's outcome is true."""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import AsyncIterator

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.driver import TransactionOptions
from rowgate_server.errors import Outcome, RowgateError
from support.eventually import eventually
from support.linked import LONG, Linked, linked
from support.proxy import Act, Fault
from support.throwaway import ThrowawayServer

BYTES = range(1, 4097) if LONG else range(1, 4097, 137)
INSERTS = 5000 if LONG else 60

ROWS = {
    "mariadb": "select cast(seq as signed) as i, concat('row ', seq) as t, seq / 8 as d from seq_1_to_200",
    "postgresql": "select i, 'row ' || i as t, i / 8.0 as d from generate_series(1, 200) as i",
}


@pytest.fixture
async def far(server: ThrowawayServer, engine: str) -> AsyncIterator[Linked]:
    async with linked(server, engine) as far:
        yield far


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("streamed", [False, True], ids=["unary", "streamed"])
async def test_an_answer_that_is_cut_anywhere_is_an_error_or_whole(far: Linked, streamed: bool) -> None:
    whole = await rows(far, streamed=streamed)
    assert len(whole) == 200
    ends: Counter[str] = Counter()
    for after in BYTES:
        await rows(far, streamed=streamed)
        far.proxy.to_client.arm(Fault(after, Act.CUT))
        try:
            answer = await rows(far, streamed=streamed)
        except RowgateError as error:
            ends[error.reason] += 1
        else:
            ends["ok"] += 1
            assert answer == whole, f"cut after {after} bytes"
        far.proxy.to_client.arm(None)
    print(f"{far.engine}: {dict(ends)}")
    assert ends["DATABASE_UNAVAILABLE"] > len(BYTES) // 2


@pytest.mark.timeout(1800)
async def test_bytes_that_are_garbled_under_tls_never_make_rows(server: ThrowawayServer, engine: str) -> None:
    async with linked(server, engine, tls=True) as far:
        whole = await rows(far)
        for after in BYTES[:: 1 if LONG else 4]:
            await rows(far)
            far.proxy.to_client.arm(Fault(after, Act.CORRUPT))
            try:
                answer = await rows(far)
            except RowgateError:
                continue
            finally:
                far.proxy.to_client.arm(None)
            assert answer == whole, f"byte {after} garbled"


async def rows(far: Linked, *, streamed: bool = False) -> list[tuple[object, ...]]:
    call = far.call(ROWS[far.engine], 5)
    if not streamed:
        return [tuple(row) for row in (await far.executor.run(call)).rows]
    found: list[tuple[object, ...]] = []
    ended = False
    async for chunk in far.executor.stream(call):
        found += [tuple(row) for row in chunk.rows]
        ended = chunk.stats is not None
    assert ended, "a stream that says it is whole has told its stats"
    return found


@pytest.mark.timeout(1800)
async def test_an_insert_s_outcome_is_true_whenever_the_link_breaks(far: Linked) -> None:
    """Before, during and after its commit, which is the statement's own or the transaction's."""
    await asyncio.to_thread(far.server.script, "drop table if exists told; create table told (id int not null)")
    await asyncio.to_thread(far.server.script, GRANTS[far.engine])
    dice = random.Random(7)
    told: dict[int, str] = {}
    for number in range(INSERTS):
        way = dice.choice(far.proxy.ways)
        fault = Fault(
            dice.choice([0, dice.randrange(1, 60), dice.randrange(60, 400)]), dice.choice([Act.CUT, Act.DROP])
        )
        insert = in_a_transaction if number % 2 else alone
        far.proxy.come_back()
        if number % 20 == 0:
            far.proxy.let_go_of_dark_links()
        if number % 6:
            await far.run("select 1 as x")
            await eventually(lambda: far.in_use == 0, 5, "its connection was reset, which would take the fault away")
        way.arm(fault)
        try:
            await insert(far, number, 0.1 if fault.act is Act.DROP else 2)
        except RowgateError as error:
            told[number] = error.outcome or "nothing"
        else:
            told[number] = "ok"
    far.proxy.come_back()
    await far.database.close()
    present = Counter(itertools.chain.from_iterable(await asyncio.to_thread(far.server.execute, "select id from told")))
    print(f"{far.engine}: {dict(Counter(told.values()))}")
    assert max(present.values()) == 1
    definite = (Outcome.NOT_RUN, Outcome.ROLLED_BACK)
    assert [number for number, end in told.items() if end == "ok" and number not in present] == []
    assert [number for number, end in told.items() if end in definite and number in present] == []
    assert set(told.values()) <= {"ok", *definite, Outcome.UNKNOWN}


GRANTS = {"mariadb": "select 1", "postgresql": "grant all on told to public"}


async def alone(far: Linked, number: int, seconds: float) -> None:
    await far.run(f"insert into told values ({number})", seconds, reads=False)


async def in_a_transaction(far: Linked, number: int, seconds: float) -> None:
    deadline = Deadline.soonest((seconds, "options.timeout"))
    async with far.executor.transaction(TransactionOptions(), deadline) as transaction:
        await transaction.run(far.call(f"insert into told values ({number})", seconds, reads=False))
        await far.executor.keep(transaction)
