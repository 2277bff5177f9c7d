"""Chance that falls the same way on every machine and every Python.

Only `random.Random(n).random()` is promised to give the same numbers for ever; its other methods may change. What is
made from those numbers here uses exact integer and IEEE arithmetic alone, no logarithms or powers.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import TypeAlias, TypeVar

Dice: TypeAlias = Callable[[], float]
"""Gives the next number in [0, 1)."""

T = TypeVar("T")


def dice_of(stream: int) -> Dice:
    """Start a stream of numbers of its own, so that a change to one table leaves the others as they were."""
    return random.Random(stream).random  # noqa: S311 - a shop's sales, not secrets


def pick(dice: Dice, things: Sequence[T]) -> T:
    """One of the things, each as likely."""
    return things[int(dice() * len(things))]


def between(dice: Dice, low: int, high: int) -> int:
    """An integer from low to high, both included."""
    return low + int(dice() * (high - low + 1))


def chance(dice: Dice, share: float) -> bool:
    """Whether something happens that does in this share of cases."""
    return dice() < share
