"""Places are shared fairly, waited for only as long as makes sense, and never lost."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest
from unit.engines.clock import ClockLoop, now, on_the_clock, settle

from rowgate_server.engines.line import CrowdedError
from rowgate_server.engines.places import Places


class Street:
    """Calls that each work for so long; those that were refused, and how long the others waited, by their caller."""

    def __init__(self, places: int) -> None:
        self.places = Places(places, 0.5)
        self.refused: Counter[str] = Counter()
        self.waits: dict[str, list[float]] = {}

    async def call(self, caller: str, seconds: float, patience: float = 60) -> None:
        began = now()
        if not self.places.take(caller):
            try:
                await self.places.wait(caller, patience)
            except CrowdedError:
                self.refused[caller] += 1
                return
        self.waits.setdefault(caller, []).append(now() - began)
        began = now()
        try:
            await asyncio.sleep(seconds)
        finally:
            self.places.release(caller, now() - began)

    async def come(self, caller: str, *, each: float, until: float, seconds: float) -> None:
        """One call after another sets out, whether the last one is back or not."""
        async with asyncio.TaskGroup() as calls:
            while now() < until:
                calls.create_task(self.call(caller, seconds))
                await asyncio.sleep(each)


@on_the_clock
async def test_a_burst_waits_for_as_long_as_its_patience_lasts() -> None:
    street = Street(4)
    await asyncio.gather(*(street.call("a", 0.005) for _ in range(80)))
    assert not street.refused
    assert max(street.waits["a"]) == pytest.approx(0.095)


@pytest.mark.parametrize("callers", [1, 100])
@pytest.mark.parametrize(("calls", "seconds"), [(100, 0.002), (100, 0.005), (200, 0.002)])
@on_the_clock
async def test_a_burst_beside_other_calls_is_served_and_so_are_they(calls: int, seconds: float, callers: int) -> None:
    """The others alone take half of what there is; the burst comes within a tenth of a second."""
    street, end, dice = Street(4), now() + 6, random.Random(7)

    async def later(number: int, after: float) -> None:
        await asyncio.sleep(after)
        await street.call(f"burst {number % callers}", seconds)

    async def bursts() -> None:
        while now() < end - 1:
            await asyncio.sleep(1)
            await asyncio.gather(*(later(number, dice.uniform(0, 0.1)) for number in range(calls)))

    await asyncio.gather(street.come("others", each=2 * seconds / 4, until=end, seconds=seconds), bursts())
    assert not street.refused
    assert max(wait for waits in street.waits.values() for wait in waits) < 0.5


@on_the_clock
async def test_a_burst_that_takes_too_long_is_none_once_others_come() -> None:
    street, end = Street(4), now() + 3

    async def burst() -> None:
        await asyncio.sleep(1)
        await asyncio.gather(*(street.call("burst", 0.05) for _ in range(100)))

    await asyncio.gather(street.come("others", each=0.025, until=end, seconds=0.05), burst())
    assert street.refused["burst"] > 50
    assert max(street.waits["burst"]) <= 0.55
    assert max(street.waits["others"]) <= 0.05


async def at_random(
    street: Street, *, callers: int, times: float, places: int, seconds: float, works: int = 200
) -> None:
    """Calls by so many callers, so many times what can be done; what happened at first is forgotten."""
    dice = random.Random(7)
    began = now()
    async with asyncio.TaskGroup() as calls:
        while now() < began + 0.6 + works * seconds:
            if now() < began + 0.6:
                street.waits.clear()
            calls.create_task(street.call(f"caller {dice.randrange(callers)}", seconds * dice.uniform(0.9, 1.1)))
            await asyncio.sleep(dice.expovariate(times * places / seconds))


@pytest.mark.parametrize("seconds", [0.005, 0.05, 0.1])
@pytest.mark.parametrize("callers", [1, 30])
@on_the_clock
async def test_with_three_times_what_can_be_done_those_who_are_served_wait_no_longer_than_they_work(
    callers: int, seconds: float
) -> None:
    street = Street(4)
    await at_random(street, callers=callers, times=3, places=4, seconds=seconds)
    served = sorted(wait for waits in street.waits.values() for wait in waits)
    assert len(served) > 0.95 * 4 * 200
    assert served[int(len(served) * 0.99)] <= 1.1 * seconds
    assert street.refused.total() > 2 * 0.9 * len(served)


@pytest.mark.parametrize(
    ("places", "seconds", "times", "most"),
    [(4, 0.005, 0.95, 0.0), (10, 0.005, 1.0, 0.0), (4, 0.02, 0.95, 0.01), (10, 0.05, 0.95, 0.01)],
)
@on_the_clock
async def test_calls_at_random_that_can_be_done_on_the_whole_are_seldom_refused(
    places: int, seconds: float, times: float, most: float
) -> None:
    """A line is too long now and then, by chance; that it was is no reason to refuse others for half a second."""
    street = Street(places)
    await at_random(street, callers=4, times=times, places=places, seconds=seconds, works=1000)
    assert street.refused.total() <= most * sum(len(waits) for waits in street.waits.values())


@on_the_clock
async def test_in_a_line_that_is_no_burst_the_last_come_is_served_and_those_before_it_are_refused() -> None:
    street = Street(1)
    await street.come("a", each=0.03, until=now() + 2, seconds=0.1)
    assert street.places.take("a")
    waiting = [asyncio.create_task(street.places.wait("a", 60)) for _ in range(3)]
    await settle()
    street.places.release("a", 0.1)
    ended = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in ended] == [CrowdedError, CrowdedError, type(None)]


@pytest.mark.parametrize(("callers", "seconds"), [(64, 0.001), (32, 0.02)])
@on_the_clock
async def test_a_line_that_comes_to_its_turn_soon_is_served_in_its_order_and_nobody_is_refused(
    callers: int, seconds: float
) -> None:
    """Many times as many callers as places, each with one call after the other."""
    street, end = Street(4), now() + 2

    async def again_and_again() -> None:
        while now() < end:
            await street.call("a", seconds)

    await asyncio.gather(*(again_and_again() for _ in range(callers)))
    assert not street.refused
    assert max(street.waits["a"]) == pytest.approx((callers / 4 - 1) * seconds)


@on_the_clock
async def test_no_more_wait_than_there_are_places_in_a_line_that_stands_though_work_used_to_be_quick() -> None:
    street = Street(4)
    await street.come("a", each=0.005, until=now() + 1, seconds=0.005)
    for _ in range(4):
        assert street.places.take("a")
    waiting = [asyncio.create_task(street.places.wait("a", 60))]
    await asyncio.sleep(0.6)
    waiting += [asyncio.create_task(street.places.wait("a", 60)) for _ in range(4)]
    await settle()
    assert sum(each.done() for each in waiting) == 1
    assert street.places.waiting == 4
    for each in waiting:
        each.cancel()


@on_the_clock
async def test_nobody_is_refused_while_no_more_is_asked_for_than_can_be_done() -> None:
    street = Street(4)
    await street.come("a", each=0.1 / 4, until=now() + 20, seconds=0.1)
    assert not street.refused


@on_the_clock
async def test_a_greedy_caller_does_not_keep_out_a_modest_one() -> None:
    street = Street(4)
    end = now() + 20
    await asyncio.gather(
        street.come("greedy", each=0.002, until=end, seconds=0.1),
        street.come("modest", each=0.1, until=end, seconds=0.1),
    )
    assert street.refused["greedy"] > 5000
    assert not street.refused["modest"]
    assert max(street.waits["modest"]) <= 0.1


@on_the_clock
async def test_several_greedy_ones_whose_work_takes_long_do_not_either() -> None:
    street, end = Street(10), now() + 60
    await asyncio.gather(
        *(street.come(greedy, each=0.05, until=end, seconds=1.0) for greedy in ("a", "b", "c")),
        street.come("modest", each=1.5, until=end, seconds=1.0),
    )
    assert min(street.refused[greedy] for greedy in ("a", "b", "c")) > 500
    assert not street.refused["modest"]


@on_the_clock
async def test_a_modest_caller_is_not_refused_for_what_the_machine_was_late() -> None:
    """Time passes while the loop is held: all who wait have waited for longer than work takes."""
    street, end = Street(4), now() + 10

    async def two_at_once() -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, ClockLoop)
        async with asyncio.TaskGroup() as calls:
            for number in range(50):
                calls.create_task(street.call("modest", 0.1))
                calls.create_task(street.call("modest", 0.1))
                await asyncio.sleep(0.001)
                if number % 4 == 3:
                    loop.move(0.15)
                await asyncio.sleep(0.2)

    await asyncio.gather(street.come("greedy", each=0.01, until=end, seconds=0.1), two_at_once())
    assert street.refused["greedy"] > 300
    assert not street.refused["modest"]
    assert max(street.waits["modest"]) < 0.4


@on_the_clock
async def test_two_greedy_callers_share_evenly() -> None:
    street = Street(4)
    end = now() + 20
    await asyncio.gather(
        street.come("much", each=0.01, until=end, seconds=0.1), street.come("more", each=0.001, until=end, seconds=0.1)
    )
    assert len(street.waits["much"]) == pytest.approx(len(street.waits["more"]), rel=0.1)


@on_the_clock
async def test_only_so_many_wait_and_the_one_with_the_most_makes_room() -> None:
    places = Places(1, 0.5)
    assert places.take("a")
    waiting = [asyncio.create_task(places.wait("a", 60)) for _ in range(32)]
    await settle()
    places.release("a")  # to the first of them
    waiting.append(asyncio.create_task(places.wait("a", 60)))
    await settle()
    assert places.waiting == 32
    with pytest.raises(CrowdedError):
        await places.wait("a", 60)
    other = asyncio.create_task(places.wait("b", 60))
    await settle()
    assert places.waiting == 32
    assert isinstance(waiting[-1].exception(), CrowdedError)
    places.release("a")
    await other
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    assert places.waiting == 0


@on_the_clock
async def test_all_who_wait_can_be_sent_away_each_with_an_error_of_its_own() -> None:
    places = Places(1, 0.5)
    assert places.take("a")
    waiting = [asyncio.create_task(places.wait(caller, 60)) for caller in ("a", "b", "b")]
    await settle()
    places.refuse_all(lambda: KeyError("over"))
    errors = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(error) for error in errors] == [KeyError] * 3
    assert len(set(map(id, errors))) == 3
    places.release("a")
    assert places.waiting == 0
    assert places.take("a")
    assert not places.take("a")


@on_the_clock
async def test_no_place_is_lost_when_waiters_leave_in_the_moment_of_their_turn() -> None:
    for ticks in range(8):
        places = Places(2, 0.5)
        assert places.take("a")
        assert places.take("a")
        waiting = [asyncio.create_task(places.wait(caller, 60)) for caller in ("a", "b")]
        await settle()
        places.release("a")
        for _ in range(ticks):
            await asyncio.sleep(0)
        for task in waiting:
            task.cancel()
        served = sum(
            not isinstance(end, BaseException) for end in await asyncio.gather(*waiting, return_exceptions=True)
        )
        for _ in range(served):
            places.release("b")
        places.release("a")
        assert [places.take("c") for _ in range(3)] == [True, True, False], f"left after {ticks} ticks"
