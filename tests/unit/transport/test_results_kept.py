"""Results that wait to be laid out are bounded: who has many of them has nothing more run until there are fewer."""

from __future__ import annotations

import asyncio

import pytest

from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.transport.interceptors import kept
from rowgate_server.transport.interceptors.kept import Kept

NEVER = 3600.0


def holding(*calls: tuple[str, int], most: int = 80) -> Kept:
    found = Kept(most)
    for who, octets in calls:
        found.change(who, 0, octets)
    return found


def waiting(found: Kept, who: str, patience: float = NEVER) -> asyncio.Task[int]:
    return asyncio.create_task(found.turn(who, patience))


async def done(*tasks: asyncio.Task[int]) -> list[bool]:
    for _ in range(5):
        await asyncio.sleep(0)
    return [task.done() for task in tasks]


def test_a_caller_has_half_of_what_the_others_leave() -> None:
    found = holding(("a", 10), ("a", 10), ("a", 10))
    assert found.has_room("a"), "one more such makes half"
    found.change("a", 0, 10)
    assert not found.has_room("a")
    assert found.has_room("b"), "who has nothing kept has room"
    found.change("b", 0, 20)
    assert not found.has_room("b"), "20 are half of what a leaves"


async def test_results_that_are_large_in_themselves_come_one_at_a_time() -> None:
    found = holding(("a", 70))
    tasks = [waiting(found, "a") for _ in range(3)]
    await done()
    found.change("a", 70, 0)
    assert await done(*tasks) == [True, False, False]
    assert tasks[0].result() == 40, "for a guess, nobody else has to wait"
    tasks[1].cancel()
    tasks[2].cancel()


def test_four_times_as_much_at_the_very_most() -> None:
    found = holding(*((str(number), 40) for number in range(7)))
    assert found.has_room("another")
    found.change("8", 0, 40)
    assert not found.has_room("another")


async def test_twice_as_much_at_the_most_is_kept_for_callers_with_one_each_and_small_ones_go_on() -> None:
    found = holding(*((str(number), 20) for number in range(8)), ("much", 20))
    found.change("much", 20, 0)
    assert not found.has_room("much"), "its last one was large"
    assert found.has_room("little")
    turn = waiting(found, "much")
    assert await done(turn) == [False]
    found.change("0", 20, 0)
    assert await done(turn) == [True]
    found.settle("much", turn.result(), 0)
    found.was_small("much")
    found.change("0", 0, 20)
    assert found.has_room("much")


def test_it_is_forgotten_of_the_first_of_many_callers_that_they_asked_for_much() -> None:
    found = holding(*((str(number), 1) for number in range(2000)))
    assert len(found._last) == kept._MOST_CALLERS


async def test_those_who_wait_have_their_turns_in_order_one_for_each_that_is_laid_out() -> None:
    found = holding(("a", 20), ("a", 20))
    tasks = [waiting(found, "a") for _ in range(3)]
    assert await done(*tasks) == [False] * 3
    found.change("a", 20, 0)
    assert await done(*tasks) == [True, False, False]
    assert tasks[0].result() == 20, "its result may be as large as the others"
    found.settle("a", 20, 1)  # it was small
    assert await done(*tasks) == [True, True, False]
    assert not found.has_room("a"), "nobody comes before those who wait"
    tasks[2].cancel()


async def test_who_has_the_least_comes_first() -> None:
    found = holding(("much", 12), ("little", 8), ("other", 60))
    order: list[str] = []

    async def wait(who: str) -> None:
        await found.turn(who, NEVER)
        order.append(who)

    waits = [asyncio.create_task(wait(who)) for who in ("much", "little")]
    await done()
    assert not order
    found.change("other", 60, 0)
    await asyncio.gather(*waits)
    assert order == ["little", "much"]


async def test_one_that_leaves_makes_room_for_the_next_also_where_its_turn_has_come() -> None:
    found = holding(("a", 40))
    gone, leaves, stays = (waiting(found, "a") for _ in range(3))
    await done()
    gone.cancel()
    found.change("a", 40, 20)
    leaves.cancel()
    assert await done(leaves, stays) == [True, True]
    assert stays.result() == 20
    found.settle("a", 20, 0)
    found.change("a", 20, 0)
    assert (found._own, found._total, found._guessed, found._waiting) == ({}, 0, 0, {})


@pytest.mark.parametrize(("patience", "error"), [(0.01, TimeoutError), (60, RowgateError)])
async def test_nobody_waits_for_good(monkeypatch: pytest.MonkeyPatch, patience: float, error: type[Exception]) -> None:
    monkeypatch.setattr(kept, "_PATIENCE", 0.02)
    found = holding(("a", 40))
    with pytest.raises(error) as caught:
        await waiting(found, "a", patience)
    if isinstance(caught.value, RowgateError):
        assert (caught.value.reason, caught.value.outcome) == (Reason.QUOTA_EXCEEDED, Outcome.NOT_RUN)
    assert not found._waiting


async def test_one_whose_time_is_over_as_there_is_room_again_is_passed_by() -> None:
    found = holding(("a", 40))
    late = waiting(found, "a")
    await done()
    late.cancel()
    found.change("a", 40, 0)  # before it has heard of that
    with pytest.raises(asyncio.CancelledError):
        await late
    assert (found._own, found._waiting) == ({}, {})
