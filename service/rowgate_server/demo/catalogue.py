"""What is on offer, when and for how much: products, the yearly catalogues and the sowing calendar."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import NamedTuple

from rowgate_server.demo.days import FIRST_YEAR, LAST_YEAR, YEARS
from rowgate_server.demo.dice import Dice, between, chance, dice_of, pick
from rowgate_server.demo.picture import png
from rowgate_server.demo.plants import CATEGORIES, GROWERS, PLANTS, VARIETIES, Plant
from rowgate_server.demo.text import words

_PRODUCTS_A_PAGE = 6
_GLASS_UNTIL = 3  # March: what is tender and sown by then starts indoors, even where winters are mild
_PRICE_LEVEL = {2023: 92, 2024: 96, 2025: 100}  # percent of the price in 2025
_PART_OF_DEMAND_IN_SEASON = 3

_OPENINGS = words("A dependable,An old,A compact,A showy,A late,An early,A generous,A hardy,A rare,Our favourite")


class Product(NamedTuple):
    """A packet of seeds, and what the sales need to know of it.

    `prices` has one price in cents for each of `YEARS`, 0 where the year's catalogue does not have it;
    `weight` says how often it is bought, `quality` from 0 to 1 how well it is liked.
    """

    number: int
    plant: Plant
    prices: list[int]
    weight: int
    quality: float
    row: tuple[object, ...]

    @property
    def first_year(self) -> int:
        """The first year whose catalogue has it."""
        return next(year for year, price in zip(YEARS, self.prices, strict=True) if price)

    @property
    def last_year(self) -> int:
        """The last year whose catalogue has it."""
        return next(year for year, price in zip(reversed(YEARS), reversed(self.prices), strict=True) if price)


def products() -> list[Product]:
    """All products, by number from 1, with their rows of `products`."""
    dice = dice_of(10)
    found: list[Product] = []
    for plant_id in range(1, len(PLANTS) + 1):
        for nth in range(1, between(dice, 8, 12) + 1):
            found.append(_product(dice, len(found) + 1, plant_id, nth))
    return found


def _product(dice: Dice, number: int, plant_id: int, nth: int) -> Product:
    plant = PLANTS[plant_id - 1]
    # There are 97 varieties, a prime number, so whatever the stride no plant has the same one twice.
    variety = VARIETIES[(plant_id * 31 + nth * (plant_id + 6)) % len(VARIETIES)]
    first, last = _years_on_offer(dice)
    price = plant.cents * between(dice, 90, 135) // 500 * 5
    prices = [price * _PRICE_LEVEL[year] // 500 * 5 if first <= year <= last else 0 for year in YEARS]
    colour = pick(dice, plant.colours)
    row = (
        number,
        f"WF-{plant_id:02}{nth:02}",
        plant_id,
        between(dice, 1, len(GROWERS)) if chance(dice, 0.96) else None,
        f"{variety} {plant.name.lower()}",
        max(5, plant.seeds * between(dice, 80, 120) // 500 * 5),
        prices[last - FIRST_YEAR],
        chance(dice, 0.55),
        f"{first}-01-01",
        f"{last}-12-31" if last < LAST_YEAR else None,
        _traits(dice, plant, colour),
        png(dice, colour) if chance(dice, 0.88) else None,
        _blurb(dice, plant, colour),
    )
    return Product(number, plant, prices, 1 + int(dice() * dice() * dice() * 40), dice(), row)


def _years_on_offer(dice: Dice) -> tuple[int, int]:
    if chance(dice, 0.25):
        return between(dice, FIRST_YEAR + 1, LAST_YEAR), LAST_YEAR
    return FIRST_YEAR, LAST_YEAR if chance(dice, 0.92) else between(dice, FIRST_YEAR, LAST_YEAR - 1)


def _traits(dice: Dice, plant: Plant, colour: str) -> str:
    uses = CATEGORIES[plant.category - 1].uses
    first, second = pick(dice, uses), pick(dice, uses)
    traits = {
        "colour": colour,
        "height_cm": plant.height * between(dice, 80, 120) // 500 * 5,
        "heirloom": chance(dice, 0.35),
        "uses": [first] if first == second else [first, second],
    }
    return json.dumps(traits)


def _blurb(dice: Dice, plant: Plant, colour: str) -> str | None:
    if chance(dice, 0.08):
        return "" if chance(dice, 0.4) else None
    praise = pick(dice, CATEGORIES[plant.category - 1].praise)
    name = plant.name.lower()
    return f"{pick(dice, _OPENINGS)} {name if colour in name else f'{colour} {name}'}: {praise}."


def catalogue(on_offer: list[Product]) -> Iterator[tuple[int, int, int, int]]:
    """Rows of `catalogue`: product, year, page, price in cents."""
    for year, level in zip(YEARS, zip(*(product.prices for product in on_offer), strict=True), strict=True):
        printed = 0
        for product, price in zip(on_offer, level, strict=True):
            if price:
                yield product.number, year, 4 + printed // _PRODUCTS_A_PAGE, price
                printed += 1


def sowing_calendar() -> Iterator[tuple[int, str, int, int, int, bool]]:
    """Rows of `sowing calendar`: plant, climate, first and last month, soil temperature, under glass."""
    for plant_id, plant in enumerate(PLANTS, 1):
        tender = plant.hardiness > 0
        yield plant_id, "cool", plant.sow_from + 1, max(plant.sow_from + 1, plant.sow_until), plant.soil, tender
        yield plant_id, "mild", plant.sow_from, plant.sow_until, plant.soil, tender and plant.sow_from <= _GLASS_UNTIL
        yield plant_id, "warm", max(1, plant.sow_from - 1), plant.sow_until, plant.soil - 2, False


def demand(on_offer: list[Product], month: int) -> list[int]:
    """Product numbers to draw a month's sales from: each as often as it is wanted in that month.

    Args:
        on_offer: all products.
        month: the month, counted from January of the first year.
    """
    drawn: list[int] = []
    year, month_of_year = divmod(month, 12)
    for product in on_offer:
        if product.prices[year]:
            plant = product.plant
            in_season = plant.sow_from - 1 <= month_of_year + 1 <= plant.sow_until
            drawn += [product.number] * (product.weight * (_PART_OF_DEMAND_IN_SEASON if in_season else 1))
    return drawn
