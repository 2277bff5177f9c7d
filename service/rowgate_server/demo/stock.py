"""The stock book: harvested lots, and every move of packets in and out of them.

A harvest is packed in October and sold from November to the next October; what is left then is thrown away, for old
seed disappoints. No lot ever goes below zero.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter
from typing import NamedTuple

from rowgate_server.demo.catalogue import Product
from rowgate_server.demo.days import DECEMBER, FIRST_YEAR, LAST_YEAR, MONTH_END, MONTHS, NOVEMBER
from rowgate_server.demo.dice import Dice, between, chance, dice_of

_RESERVE = 10  # packets that a lot has at least beyond what is sold of it; stocktakes find less amiss


class Move(NamedTuple):
    """A row of `stock_moves`, without its number."""

    moved_on: str
    product: int
    harvest: int
    packets: int
    reason: str


class Lot(NamedTuple):
    """A row of `lots`."""

    product: int
    harvest: int
    harvested_on: str
    packets: int
    moisture: float
    germination: float | None
    tested_on: str | None


def stock(on_offer: list[Product], sold: list[list[int]]) -> tuple[list[Lot], list[Move]]:
    """Lots that cover what was sold, and their moves in the order of the days.

    Args:
        on_offer: all products.
        sold: packets, by product number and month.
    """
    dice = dice_of(50)
    lots: list[Lot] = []
    moves: list[Move] = []
    for product in on_offer:
        for harvest in range(product.first_year - 1, product.last_year + 1):
            packets = _packets(dice, product, harvest, sold[product.number])
            lots.append(_lot(dice, product.number, harvest, packets))
            moves += _moves(dice, product, harvest, packets, sold[product.number])
    moves.sort(key=itemgetter(0))  # by day; a lot's moves of one day stay in their order
    return lots, moves


def _months_on_sale(product: Product, harvest: int) -> range:
    """The months in which a harvest of a product is sold: November to October, within what is on offer."""
    start = (harvest - FIRST_YEAR) * 12 + NOVEMBER
    first = (product.first_year - FIRST_YEAR) * 12
    end = (product.last_year - FIRST_YEAR + 1) * 12
    return range(max(start, first), min(start + 12, end))


def _packets(dice: Dice, product: Product, harvest: int, sold: list[int]) -> int:
    """How many were packed: a sixth more than were sold, and in whole boxes of 25."""
    leaving = sum(sold[month] for month in _months_on_sale(product, harvest))
    if harvest == LAST_YEAR:  # the spring of 2026 is still to come
        leaving += sum(sold[MONTHS - 12 :]) + between(dice, 0, 40)
    return (leaving * 7 // 6 + _RESERVE + 24) // 25 * 25


def _lot(dice: Dice, product: int, harvest: int, packets: int) -> Lot:
    harvested_on = f"{harvest}-{between(dice, 7, 9):02}-{between(dice, 1, 30):02}"
    tested = harvest < LAST_YEAR or chance(dice, 0.8)
    return Lot(
        product,
        harvest,
        harvested_on,
        packets,
        between(dice, 50, 99) / 10,
        between(dice, 580, 995) / 1000 if tested else None,
        f"{harvest}-{between(dice, 10, 12)}-{between(dice, 1, 30):02}" if tested else None,
    )


def _moves(dice: Dice, product: Product, harvest: int, packets: int, sold: list[int]) -> Iterator[Move]:
    number, months = product.number, _months_on_sale(product, harvest)
    if harvest < FIRST_YEAR:
        yield Move(f"{FIRST_YEAR}-01-01", number, harvest, packets, "opening")
    else:
        yield Move(f"{harvest}-10-{between(dice, 1, 31):02}", number, harvest, packets, "packed")
    left = packets
    for month in months:
        if sold[month]:
            left -= sold[month]
            yield Move(MONTH_END[month], number, harvest, -sold[month], "sold")
        if month % 12 == DECEMBER and chance(dice, 0.5):  # the stocktake
            amiss = -between(dice, 1, 3) if chance(dice, 0.8) else between(dice, 1, 2)
            left += amiss
            yield Move(MONTH_END[month], number, harvest, amiss, "stocktake")
    over = months[-1] < MONTHS - 1 or product.last_year < LAST_YEAR
    if over:
        yield Move(MONTH_END[months[-1]], number, harvest, -left, "expired")
