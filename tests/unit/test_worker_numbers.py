"""What the workers have counted, put together: never twice, never less than before, and not held up by the silent."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from rowgate_server import config
from rowgate_server.config_watch import Reading
from rowgate_server.observability.exposition import Snapshot
from rowgate_server.transport.admin import State
from rowgate_server.workers.channel import ChannelClosedError
from rowgate_server.workers.counted import Counted
from rowgate_server.workers.place import Place
from rowgate_server.workers.supervisor import Supervisor, _for_workers, _made_up


def told(calls: int) -> Snapshot:
    return [["calls", "Calls.", "counter", {"calls_total": float(calls)}]]


def loaded(folder: Path, database: str) -> config.Settings:
    return config.load({f"databases.{database}.url": f"sqlite:///{folder / 'x.db'}", "admin_listen": "off"}, {})


class Worker:
    """Answers as it is told to, question by question."""

    def __init__(self) -> None:
        self.asked: list[asyncio.Future[Snapshot]] = []
        self.counted = Counted(self._ask)

    def _ask(self) -> Awaitable[Snapshot]:
        self.asked.append(asyncio.get_running_loop().create_future())
        return self.asked[-1]

    async def scraped(self) -> asyncio.Task[None]:
        """A scrape that has asked it."""
        scrape = asyncio.create_task(self.counted.refresh())
        await settled()
        return scrape


async def settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_one_that_does_not_answer_is_waited_for_once_and_not_for_long() -> None:
    worker = Worker()
    first = await worker.scraped()
    assert not first.done()
    async with asyncio.timeout(1):
        await first
    assert worker.counted.last == []
    assert (await worker.scraped()).done(), "it is known to be silent"
    worker.asked[0].set_result(told(7))
    await settled()
    assert worker.counted.last == told(7), "what came late is there the next time"
    assert not (await worker.scraped()).done(), "and it is waited for again"


async def test_answers_that_overtake_each_other_leave_the_newest() -> None:
    worker = Worker()
    scrapes = [await worker.scraped(), await worker.scraped()]
    worker.asked[1].set_result(told(8))
    await scrapes[1]
    worker.asked[0].set_result(told(7))
    await scrapes[0]
    assert worker.counted.last == told(8)


async def test_one_that_has_gone_leaves_what_it_told_last() -> None:
    worker = Worker()
    for answer in (told(7), ChannelClosedError()):
        scrape = await worker.scraped()
        if isinstance(answer, Exception):
            worker.asked[-1].set_exception(answer)
        else:
            worker.asked[-1].set_result(answer)
        await scrape
    assert worker.counted.last == told(7)


class Supervised:
    """A supervisor of two workers that are not there; the tests answer for them."""

    def __init__(self, folder: Path) -> None:
        settings = loaded(folder, "main")
        self.supervisor = Supervisor(settings, lambda *_: None, Reading((), lambda: settings, ()))
        self.places = [Place(number, settings, self.supervisor._ended, {}) for number in (1, 2)]
        self.supervisor._places = self.places

    def begin(self, place: Place) -> Worker:
        worker = Worker()
        place._counted, place.ready = worker.counted, True
        return worker

    async def calls(self, meanwhile: Callable[[], None]) -> float:
        """What a scrape tells, while this happens after its questions."""
        scrape = asyncio.create_task(self.supervisor._collect())
        await settled()
        meanwhile()
        samples = {name: samples for name, _, _, samples in await scrape}
        return float(samples["calls"]["calls_total"])


async def test_one_that_ends_while_another_is_asked_is_counted_once(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    one, two = (supervised.begin(place) for place in supervised.places)

    def both_answer() -> None:
        one.asked[-1].set_result(told(5))
        two.asked[-1].set_result(told(2))

    assert await supervised.calls(both_answer) == 7

    def one_answers_and_ends() -> None:
        one.asked[-1].set_result(told(6))
        asyncio.get_running_loop().call_later(0.01, supervised.places[0]._end)

    assert await supervised.calls(one_answers_and_ends) == 8
    assert await supervised.calls(lambda: two.asked[-1].set_result(told(2))) == 8


async def test_an_answer_that_is_read_after_the_end_is_not_that_of_the_next_one(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    one, two = (supervised.begin(place) for place in supervised.places)

    def one_ends_over_its_answer() -> None:
        one.asked[-1].set_result(told(5))
        supervised.places[0]._end()
        two.asked[-1].set_result(told(2))

    assert await supervised.calls(one_ends_over_its_answer) == 2
    another = supervised.begin(supervised.places[0])

    def both_answer() -> None:
        another.asked[-1].set_result(told(1))
        two.asked[-1].set_result(told(2))

    assert await supervised.calls(both_answer) == 3


async def test_one_that_starts_is_not_asked(tmp_path: Path) -> None:
    supervised = Supervised(tmp_path)
    one, two = (supervised.begin(place) for place in supervised.places)
    supervised.places[0].ready = False
    assert await supervised.calls(lambda: two.asked[-1].set_result(told(2))) == 2
    assert one.asked == []


async def test_one_that_ends_late_tells_nothing_of_a_database_that_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def taken(_: Place, name: str, __: Any, *, within: float) -> Any:
        del within
        return {"problems": (), "unreached": False} if name == "prepare" else True

    monkeypatch.setattr(Place, "ask", taken)
    supervised = Supervised(tmp_path)
    supervisor, place = supervised.supervisor, supervised.places[0]
    supervisor._theirs = partial(_for_workers, _made_up(), 1, None)
    for each in supervised.places:
        each.state, each.ready = State(ready=True, databases={}), True
    worker = supervised.begin(place)
    await supervisor._exchange(loaded(tmp_path, "other"))
    calls = {f'calls_total{{database="{name}"}}': 3.0 for name in ("main", "other")}
    worker.counted.last = [["calls", "Calls.", "counter", calls]]
    place._end()
    ((*_, samples),) = supervisor._ended.told
    assert samples == {'calls_total{database="other"}': 3}
