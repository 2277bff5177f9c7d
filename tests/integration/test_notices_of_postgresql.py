"""Notices are as many and as long as a caller makes them: they are cut as they come, and count as an answer does."""

from __future__ import annotations

import tracemalloc
from collections.abc import AsyncIterator

import pytest

from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Result
from rowgate_server.engines.running import Call
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Reason, RowgateError
from support.linked import Linked, linked
from support.postgresql import PostgreSQL

MANY = (
    "do $$ begin for i in 1..{} loop perform nextval('notices_sent'); "
    "raise notice using message = repeat('ñ', {}); end loop; end $$"
)


async def run(far: Linked, sql: str, cap: int | None = None) -> Result:
    limits = ResultLimits(cap_bytes=cap)
    call = Call(BoundStatement((sql,), ()), Deadline.soonest((30, "the test")), limits, "id", reads=False)
    return await far.executor.run(call)


@pytest.fixture
async def far(postgresql_server: PostgreSQL) -> AsyncIterator[Linked]:
    postgresql_server.script("create sequence notices_sent; grant all on notices_sent to public")
    async with linked(postgresql_server, "postgresql", size=1) as far:
        yield far
    postgresql_server.script("drop sequence notices_sent")


async def test_a_notice_is_cut_and_says_so(far: Linked) -> None:
    (warning,) = (await run(far, MANY.format(1, 4097))).stats.completion.warnings
    assert warning.message == "ñ" * 4095 + "…"


async def test_what_is_kept_of_notices_is_bounded_in_number_and_bytes(far: Linked) -> None:
    await run(far, "select 1")
    tracemalloc.start()
    try:
        warnings = (await run(far, MANY.format(70, 500_000))).stats.completion.warnings
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(warnings) == 64
    assert max(len(each.message) for each in warnings) == 4096
    assert peak < 20_000_000, "70 notices of a megabyte, of which one at a time is held"


async def test_notices_beyond_what_an_answer_may_have_end_the_statement(far: Linked) -> None:
    with pytest.raises(RowgateError) as caught:
        await run(far, MANY.format(400, 500_000), cap=1_000_000)
    assert caught.value.reason is Reason.RESULT_TOO_LARGE
    ((sent,),) = far.server.execute("select last_value from notices_sent")
    assert sent < 30, "what is under way in the buffers of both sides, and no more"
