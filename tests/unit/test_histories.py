"""The checker of histories finds what it is there to find."""

from __future__ import annotations

from support.histories import Fate, History, anomalies

OK, BACK = Fate.COMMITTED, Fate.ROLLED_BACK


def tx(number: int, fate: Fate, *steps: tuple[str, int, object]) -> History:
    return History(number, list(steps), fate)  # type: ignore[arg-type]  # shorter to write


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
