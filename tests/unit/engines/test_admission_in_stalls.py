"""While writes stand still, reads go on, and whoever waits is served when work goes on; that is no overload."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from unit.engines.clock import now, on_the_clock, settle

from rowgate_server.engines.admission import Admission, Asker
from rowgate_server.engines.line import CrowdedError

READER, WRITER = Asker("a", reads=True), Asker("a")


class Stall:
    """A pool on whose server writes stand still from the first second until some later one."""

    def __init__(self, admission: Admission, until: float) -> None:
        self._admission = admission
        self._moves_at = now() + until
        self._stalls_at = now() + 1
        self.ended: Counter[tuple[bool, str]] = Counter()

    async def call(self, asker: Asker, patience: float) -> None:
        began = now()
        try:
            if not self._admission.take(asker):
                await self._admission.wait(asker, patience)
        except (TimeoutError, CrowdedError) as error:
            self.ended[asker.reads, type(error).__name__] += 1
            return
        taken_at, works_until = now(), now() + 0.005
        if not asker.reads and self._stalls_at <= now() < self._moves_at:
            works_until = self._moves_at
        in_time = works_until < began + patience
        await asyncio.sleep(min(works_until, began + patience) - now())
        self._admission.release(asker, now() - taken_at, sound=in_time)
        self.ended[asker.reads, "answered" if in_time else "killed"] += 1

    async def run(self, seconds: float, patience: float) -> None:
        """A hundred calls a second, a quarter of them writes."""
        end = now() + seconds
        async with asyncio.TaskGroup() as calls:
            for number in range(round(seconds * 100)):
                calls.create_task(self.call(Asker("a", reads=number % 4 != 0), patience))
                await asyncio.sleep(max(0.0, end - seconds + number / 100 - now()))


@on_the_clock
async def test_reads_are_answered_while_writes_stand_still_and_the_writes_that_wait_are_answered_then() -> None:
    stall = Stall(Admission(10, 2, 0.5, through_stalls=True), until=3)
    await stall.run(8, patience=5)
    assert stall.ended == {(True, "answered"): 600, (False, "answered"): 200}


@on_the_clock
async def test_writes_that_are_killed_in_a_stall_do_not_end_it() -> None:
    """Nobody is refused; those whose time is up before work goes on are the only ones that fail."""
    stall = Stall(Admission(10, 2, 0.5, through_stalls=True), until=20)
    await stall.run(24, patience=3)
    assert stall.ended[True, "answered"] == 1800
    assert stall.ended[False, "CrowdedError"] == 0
    assert stall.ended[False, "answered"] >= 25 * 8 - 5, "those of the first second, and of the last seven"


@on_the_clock
async def test_where_nothing_is_left_to_reads_they_fail_with_the_writes() -> None:
    stall = Stall(Admission(10, 0, 0.5, through_stalls=False), until=6)
    await stall.run(10, patience=3)
    assert stall.ended[True, "CrowdedError"] > 0


@on_the_clock
async def test_overload_is_still_refused_where_stalls_are_waited_for() -> None:
    admission = Admission(10, 2, 0.5, through_stalls=True)
    refused = 0

    async def call() -> None:
        nonlocal refused
        try:
            if not admission.take(WRITER):
                await admission.wait(WRITER, 60)
        except CrowdedError:
            refused += 1
            return
        began = now()
        await asyncio.sleep(0.05)
        admission.release(WRITER, now() - began)

    async with asyncio.TaskGroup() as calls:
        for _ in range(2000):
            calls.create_task(call())
            await asyncio.sleep(0.05 / 8 / 3)
    assert refused > 1000


@on_the_clock
async def test_overload_after_a_stall_is_refused_again() -> None:
    admission = Admission(4, 0, 0.5, through_stalls=True)
    for _ in range(4):
        assert admission.take(WRITER)
    waiting = [asyncio.create_task(admission.wait(WRITER, 60)) for _ in range(20)]
    await asyncio.sleep(1)
    assert all(not each.done() for each in waiting)
    for _ in range(200):  # from here on one ends its work, and two come, every 50 ms
        admission.release(WRITER, 0.05)
        waiting += [asyncio.create_task(admission.wait(WRITER, 60)) for _ in range(2)]
        await asyncio.sleep(0.05)
    refused = sum(each.done() and isinstance(each.exception(), CrowdedError) for each in waiting)
    assert refused > 100
    assert all(each.exception() is None for each in waiting[:18]), "what the stall has held up is done in its order"
    for each in waiting:
        each.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)


@on_the_clock
async def test_only_some_places_are_left_to_reads_and_none_is_lost() -> None:
    admission = Admission(5, 1, 0.5, through_stalls=True)
    assert [admission.take(WRITER) for _ in range(5)] == [True] * 4 + [False]
    assert [admission.take(READER) for _ in range(2)] == [True, False]
    write, read = (asyncio.create_task(admission.wait(asker, 60)) for asker in (WRITER, READER))
    await settle()
    assert admission.waiting == 2
    admission.release(READER, 0.01)
    await settle()
    assert (read.done(), write.done()) == (True, False), "a write waits for a write's place"
    admission.release(WRITER, 0.01)
    await write
    for asker in (READER, WRITER, WRITER, WRITER, WRITER):
        admission.release(asker, 0.01)
    assert [admission.take(READER) for _ in range(6)] == [True] * 5 + [False]


@on_the_clock
async def test_a_write_that_leaves_while_reads_have_all_places_gives_its_own_back() -> None:
    admission = Admission(5, 1, 0.5, through_stalls=True)
    assert [admission.take(READER) for _ in range(5)] == [True] * 5
    assert not admission.take(WRITER)
    for _ in range(5):
        with pytest.raises(TimeoutError):
            await admission.wait(WRITER, 0.01)
    for _ in range(5):
        admission.release(READER)
    assert [admission.take(WRITER) for _ in range(5)] == [True] * 4 + [False]


@on_the_clock
async def test_all_who_wait_are_sent_away_readers_and_writers() -> None:
    admission = Admission(2, 1, 0.5, through_stalls=True)
    assert admission.take(WRITER)
    assert admission.take(READER)
    waiting = [asyncio.create_task(admission.wait(asker, 60)) for asker in (WRITER, READER)]
    await settle()
    admission.refuse_all(lambda: KeyError("over"))
    assert [type(error) for error in await asyncio.gather(*waiting, return_exceptions=True)] == [KeyError] * 2
    assert admission.waiting == 0
