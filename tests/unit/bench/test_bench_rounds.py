"""The order of a run: interleaved, rotated, bounded."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from time import monotonic
from types import SimpleNamespace
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bench.commands import Calls, Scan, Timed
from bench.contender import Contender
from bench.entrants import Entrant, Starters
from bench.generator import CallFailedError
from bench.rounds import QUICK, Pace, rotated, run
from bench.work import WORKS, Encoding, chosen

_PACE = replace(QUICK, rounds=3, rows=100)


@dataclass
class _Generator:
    """Writes down what it is asked, and says that it was done."""

    name: str
    log: list[tuple[str, str]]
    counts: dict[str, int] = field(default_factory=dict)
    pid: int = os.getpid()

    def calls(self, command: Calls) -> Timed:
        self.log.append((self.name, f"{command.kind}-{command.concurrency}"))
        return Timed(self.counts.get("calls", 10), 0.1, 0.01, 0.02)

    def scan(self, command: Scan) -> Timed:
        self.log.append((self.name, f"scan-{command.encoding}"))
        return Timed(self.counts.get("scan", command.rows), 0.1, 0.1, 0.1)

    @contextlib.contextmanager
    def pinging(self, _every: float) -> Iterator[list[float]]:
        seconds: list[float] = []
        yield seconds
        seconds.append(0.001)


def _starters(log: list[tuple[str, str]], **counts: int) -> Starters:
    database = SimpleNamespace(
        child=SimpleNamespace(pid=os.getpid()), execute=lambda sql: log.append(("database", sql.split()[0]))
    )
    entrants = {}
    for name, served in (("asyncmy", ()), ("fastapi", ()), ("rowgate", (Encoding.ROWS, Encoding.ARROW))):
        contender = Contender(name, name, cast("Any", None), None, tuple(Encoding) if served else ())
        generator: Any = _Generator(name, log, counts)
        entrants[name] = Entrant(contender, generator, generator if name != "asyncmy" else None, os.getpid(), served)
    return Starters(cast("Any", database), 100, entrants)


def _silent(_line: str) -> None:
    pass


@given(st.lists(st.integers(), min_size=1, max_size=9, unique=True))
def test_over_as_many_rounds_each_stands_in_every_place_once(items: list[int]) -> None:
    orders = [rotated(items, turns) for turns in range(len(items))]
    assert orders[0] == items
    assert all(sorted(order) == sorted(items) for order in orders)
    assert all(set(place) == set(items) for place in zip(*orders, strict=True))


def test_contenders_take_turns_at_each_work_and_the_first_one_changes() -> None:
    log: list[tuple[str, str]] = []
    run(_starters(log), chosen(["point-1", "page"]), _PACE, monotonic(), _silent)
    assert [name for name, _ in log] == [
        *(["asyncmy", "fastapi", "rowgate"] * 2),
        *(["fastapi", "rowgate", "asyncmy"] * 2),
        *(["rowgate", "asyncmy", "fastapi"] * 2),
    ]
    assert [what for _, what in log[:6]] == ["point-1"] * 3 + ["page-16"] * 3


def test_a_scan_is_asked_for_in_each_encoding_that_is_served() -> None:
    log: list[tuple[str, str]] = []
    starters = _starters(log)
    samples = run(starters, chosen(["scan"]), replace(_PACE, rounds=1), monotonic(), _silent)
    assert [sample.lane.label for sample in samples] == ["asyncmy", "fastapi", "rowgate ROWS", "rowgate ARROW"]
    assert [len(sample.pings) for sample in samples] == [0, 1, 1, 1]
    assert [lane.label for lane in starters.entrants["rowgate"].not_served()] == ["rowgate COLUMNS"]


def test_what_was_inserted_is_gone_before_the_next_work() -> None:
    log: list[tuple[str, str]] = []
    run(_starters(log), chosen(["insert", "scan"]), replace(_PACE, rounds=1), monotonic(), _silent)
    assert log.index(("database", "truncate")) == 3


def test_no_round_is_begun_that_would_go_over_the_limit() -> None:
    log: list[tuple[str, str]] = []
    said: list[str] = []
    pace = replace(_PACE, rounds=100, time_limit=50.0)
    assert run(_starters(log), WORKS, pace, monotonic() - 60, said.append) == []
    assert (log, len(said)) == ([], 1)
    assert "limit of 50 s" in said[0]


@pytest.mark.parametrize(("work", "counts"), [("scan", {"scan": 99}), ("point-1", {"calls": 0})])
def test_half_an_answer_is_no_figure(work: str, counts: dict[str, int]) -> None:
    with pytest.raises(CallFailedError, match="asyncmy"):
        run(_starters([], **counts), chosen([work]), _PACE, monotonic(), _silent)


def test_only_a_contender_with_a_server_has_a_client_apart() -> None:
    log: list[tuple[str, str]] = []
    starters = _starters(log)
    starters.entrants["rowgate"] = replace(starters.entrants["rowgate"], pid=os.getppid())
    pace: Pace = replace(_PACE, rounds=1)
    samples = run(starters, chosen(["point-1"]), pace, monotonic(), _silent)
    assert [sample.client_cpu is None for sample in samples] == [True, True, False]
