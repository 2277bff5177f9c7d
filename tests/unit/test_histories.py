"""The checker of histories finds what it is there to find."""

from __future__ import annotations

from typing import Any

import pytest

from support.histories import Elements, Fate, History, Promise, anomalies

OK, BACK = Fate.COMMITTED, Fate.ROLLED_BACK


def tx(number: int, fate: Fate, *steps: Any) -> History:
    return History(number, list(steps), fate)


def test_a_serial_history_has_no_anomaly() -> None:
    history = [
        tx(1, OK, ("append", 0, 1), ("read", 0, (1,))),
        tx(2, OK, ("read", 0, (1,)), ("append", 1, 2)),
        tx(3, BACK, ("append", 0, 3), ("read", 0, (1, 3))),
    ]
    assert anomalies(history, {0: (1,), 1: (2,)}) == []


def test_each_anomaly_is_found() -> None:
    lost = [tx(1, OK, ("append", 0, 1)), tx(2, OK, ("append", 0, 2))]
    assert "lost {1}" in anomalies(lost, {0: (2,)})[0]
    dirty = [tx(1, BACK, ("append", 0, 1)), tx(2, OK, ("read", 0, (1,)))]
    assert any("read what was rolled back" in each for each in anomalies(dirty, {0: ()}))
    kept = [tx(1, BACK, ("append", 0, 1))]
    assert anomalies(kept, {0: (1,)}) == ["element 1 lasts, and was rolled back"]
    twice = [tx(1, OK, ("append", 0, 1)), tx(2, OK, ("read", 0, ()), ("read", 0, (1,)))]
    assert any("twice, and not the same" in each for each in anomalies(twice, {0: (1,)}))
    part = [tx(1, OK, ("append", 0, 1), ("append", 0, 2)), tx(2, OK, ("read", 0, (1,)))]
    assert any("read a part" in each for each in anomalies(part, {0: (1, 2)}))
    skewed = [
        tx(1, OK, ("read", 0, ()), ("append", 1, 1)),
        tx(2, OK, ("read", 1, ()), ("append", 0, 2)),
    ]
    assert anomalies(skewed, {0: (2,), 1: (1,)}) == ["no order explains transactions [1, 2]"]


LOST_UPDATE = (
    [tx(1, OK, ("read", 0, ()), ("append", 0, 1)), tx(2, OK, ("read", 0, ()), ("append", 0, 2))],
    {0: (1, 2)},
)
WRITE_SKEW = (
    [tx(1, OK, ("read", 0, ()), ("append", 1, 1)), tx(2, OK, ("read", 1, ()), ("append", 0, 2))],
    {0: (2,), 1: (1,)},
)
READ_SKEW = (
    [tx(1, OK, ("append", 0, 1), ("append", 1, 2)), tx(2, OK, ("read", 0, ()), ("read", 1, (2,)))],
    {0: (1,), 1: (2,)},
)
READ_TWICE = (
    [tx(1, OK, ("append", 0, 1)), tx(2, OK, ("read", 0, ()), ("read", 0, (1,)), ("append", 1, 2))],
    {0: (1,), 1: (2,)},
)
CIRCLE = (
    [tx(1, OK, ("append", 0, 1), ("read", 1, (2,))), tx(2, OK, ("append", 1, 2), ("read", 0, (1,)))],
    {0: (1,), 1: (2,)},
)
DIRTY = ([tx(1, BACK, ("append", 0, 1)), tx(2, OK, ("read", 0, (1,)))], {0: ()})


@pytest.mark.parametrize(
    ("case", "first_excluded_by"),
    [
        (DIRTY, Promise.COMMITTED),
        (CIRCLE, Promise.COMMITTED),
        (READ_TWICE, Promise.REPEATABLE),
        (READ_SKEW, Promise.REPEATABLE),
        (LOST_UPDATE, Promise.SNAPSHOT),
        (WRITE_SKEW, Promise.ORDER),
    ],
)
def test_each_promise_excludes_what_it_says_and_no_more(
    case: tuple[list[History], dict[int, Elements]], first_excluded_by: Promise
) -> None:
    histories, final = case
    for promise in Promise:
        assert bool(anomalies(histories, final, promise)) is (promise >= first_excluded_by), promise
