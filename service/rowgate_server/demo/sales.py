"""Three years of sales: orders, their lines, the parcels they went out in, and who bought what to review it.

An order's fate follows its date: the last ones are still being packed or on their way when the year 2025 ends.
This loop decides how long the seeding takes: every call in it runs a hundred thousand times.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from rowgate_server.demo.catalogue import Product, demand
from rowgate_server.demo.days import (
    DAYS,
    FIRST_YEAR,
    LAST,
    MONTH,
    MONTHS,
    NOVEMBER,
    SUNDAY,
    WEEKDAY,
    YEARS,
    clock,
    moment,
    waking_second,
)
from rowgate_server.demo.dice import Dice, between, chance, dice_of, pick
from rowgate_server.demo.people import CUSTOMERS, HOME, joined

# code, name, collects_at, max_kg, postage_cents, tracked
CARRIERS = [
    ("letter", "Letter post", "17:15:00", 0.1, 190, False),
    ("parcel", "Parcel post", "16:30:00", 30, 590, True),
    ("express", "Curlew Couriers", "18:45:00", 12.5, 890, True),
    ("globe", "Globe & Anchor", "15:00:00", 20, 1190, True),
    ("pickup", "Collected at the gate", None, None, 0, False),
]
_POSTAGE = {carrier[0]: carrier[4] for carrier in CARRIERS}
_COLLECTS_AT = {carrier[0]: carrier[2] for carrier in CARRIERS if carrier[5]}
_FREE_POSTAGE_FROM = 4_000  # cents, at home
_LETTER_HOLDS = 10  # packets
_FIRST_TRACKING_NO = 730_000_000_000_000_000  # far beyond 2^53, where doubles lose whole numbers
_TRACKING_STEP = 999_999_999_989

_ORDERS_A_DAY = 31.0
_SEASON = (1.3, 1.8, 2.0, 1.7, 1.2, 0.8, 0.5, 0.5, 0.6, 0.5, 0.5, 0.6)  # seeds are bought before they are sown
_GROWTH = (1.0, 1.18, 1.36)  # by year
_WEEK = (1.1, 1.0, 1.0, 0.95, 0.9, 0.95, 1.2)  # from Monday

_LINES = (1, 1, 2, 2, 2, 3, 3, 3, 3, 4, 4, 5, 6)
_QUANTITIES = (1,) * 11 + (2,) * 5 + (3, 3, 5, 10)
_ONLY_READS = 23  # one customer in so many
_REVIEWED = 0.055  # of delivered lines
_GIFT_MESSAGES = (
    "Happy birthday, Nana! 🌻",
    "For the new allotment. Dig in!",
    "Für Opa, zum Siebzigsten 🎂",
    "Joyeux anniversaire, Maëlys !",
    "With love from all of us in Leeds",
    "Вітаємо! 🌷",
    "お誕生日おめでとう",
    "",
)
_REQUESTS = ("Please send everything in one parcel.", "Ring twice, the dog is deaf.", "No hurry.", "")


class Purchase(NamedTuple):
    """Something delivered that its customer will review."""

    product: int
    customer: int
    delivered: int


class Month(NamedTuple):
    """A month's rows, without the generated columns."""

    orders: list[tuple[object, ...]]
    lines: list[tuple[int, int, int, int | None, int, int]]
    parcels: list[tuple[int, int, float, str, str | None]]


class Sales:
    """The shop's order book, written month by month.

    Args:
        on_offer: all products, by number.
        home_of: each customer's country, by number.

    Attributes:
        sold: packets that left the shelves, by product number and month.
        to_review: what will be reviewed, in the order of purchase.
    """

    def __init__(self, on_offer: list[Product], home_of: list[str]) -> None:
        self.sold = [[0] * MONTHS for _ in range(len(on_offer) + 1)]
        self.to_review: list[Purchase] = []
        self._on_offer = on_offer
        self._home_of = home_of
        self._prices = [[0, *(product.prices[n] for product in on_offer)] for n in range(len(YEARS))]
        self._drawn_from: list[int] = []
        self._dice = dice_of(30)
        self._orders = 0
        self._known = 0  # customers who have joined before today
        self._served = 0  # customers whose first order has been taken

    def months(self) -> Iterator[Month]:
        """The rows of each month, in order."""
        rows = Month([], [], [])
        self._drawn_from = demand(self._on_offer, 0)
        for day in range(1, LAST + 1):  # nobody has joined before the first day
            if MONTH[day] != MONTH[day - 1]:
                yield rows
                rows = Month([], [], [])
                self._drawn_from = demand(self._on_offer, MONTH[day])
            while self._known < CUSTOMERS and joined(self._known + 1) < day:
                self._known += 1
            for second in sorted(waking_second(self._dice) for _ in range(self._orders_on(day))):
                self._sell(rows, day, second)
        yield rows

    def _orders_on(self, day: int) -> int:
        year, month = divmod(MONTH[day], 12)
        return int(_ORDERS_A_DAY * _SEASON[month] * _GROWTH[year] * _WEEK[WEEKDAY[day]] * (0.8 + 0.4 * self._dice()))

    def _sell(self, rows: Month, day: int, second: int) -> None:
        """One order with its lines, and its parcel if it has one."""
        dice = self._dice
        self._orders = order = self._orders + 1
        customer = self._customer()
        home = self._home_of[customer - 1] == HOME
        status, shipped, delivered = _fate(dice, day, home=home)
        amount, packets = self._fill(rows, day, customer, status, delivered)
        next_day = shipped is not None and delivered == shipped + 1
        carrier = _carrier(dice, packets, home=home, next_day=next_day)
        postage = 0 if home and amount >= _FREE_POSTAGE_FROM else _POSTAGE[carrier]
        gift = chance(dice, 0.07)
        message = pick(dice, _GIFT_MESSAGES) if gift else pick(dice, _REQUESTS) if chance(dice, 0.03) else None
        shipped_on = None if shipped is None else DAYS[shipped]
        placed_at = f"{DAYS[day]} {clock(second)}"
        rows.orders.append(
            (order, customer, carrier, placed_at, status, shipped_on, gift, message, postage, amount + postage)
        )
        if shipped is not None and carrier in _COLLECTS_AT:
            handed_over = f"{DAYS[shipped]} {_COLLECTS_AT[carrier]}.{int(dice() * 1_000_000):06}"
            received = None if delivered is None else moment(dice, delivered)
            number = _FIRST_TRACKING_NO + order * _TRACKING_STEP
            rows.parcels.append((number, order, 12.5 + 7.25 * packets, handed_over, received))

    def _customer(self) -> int:
        """Someone who has joined, but for those who only read the catalogue.

        People join because they want to order something, so the newest come first; the oldest come most often.
        """
        dice = self._dice
        if self._served < self._known and chance(dice, 0.5):
            self._served = number = self._served + 1
        else:
            share = dice() * dice() if chance(dice, 0.4) else dice()
            number = 1 + int(share * self._known)
        return number if number % _ONLY_READS else number - 1

    def _fill(self, rows: Month, day: int, customer: int, status: str, delivered: int | None) -> tuple[int, int]:
        """The order's lines; returns what they cost in cents and how many packets they are."""
        dice, drawn_from, lines, sold = self._dice, self._drawn_from, rows.lines, self.sold
        month = MONTH[day]
        prices = self._prices[month // 12]
        picked = status not in {"placed", "cancelled"}
        harvest = harvest_sold_in(month) if picked else None
        amount = packets = 0
        chosen: list[int] = []
        for _ in range(_LINES[int(dice() * len(_LINES))]):
            product = drawn_from[int(dice() * len(drawn_from))]
            if product in chosen:
                continue
            chosen.append(product)
            quantity = _QUANTITIES[int(dice() * len(_QUANTITIES))]
            price = prices[product]
            amount += quantity * price
            packets += quantity
            lines.append((self._orders, len(chosen), product, harvest, quantity, price))
            if picked:
                sold[product][month] += quantity
                if delivered is not None and dice() < _REVIEWED:
                    self.to_review.append(Purchase(product, customer, delivered))
        return amount, packets


def harvest_sold_in(month: int) -> int:
    """The harvest on the shelves in a month: the new one goes on sale in November."""
    return FIRST_YEAR + (month - NOVEMBER) // 12


def _fate(dice: Dice, day: int, *, home: bool) -> tuple[str, int | None, int | None]:
    """What has become of an order by the end of 2025: its status, and the days it was shipped and delivered."""
    if day < LAST - 1 and chance(dice, 0.025):
        return "cancelled", None, None
    shipped = day + between(dice, 1, 3)
    if shipped > LAST:
        return "packed" if day < LAST and chance(dice, 0.4) else "placed", None, None
    if WEEKDAY[shipped] == SUNDAY:
        shipped += 1
    delivered = shipped + (between(dice, 1, 4) if home else between(dice, 3, 12))
    if delivered > LAST:
        return "shipped", shipped, None
    return "returned" if chance(dice, 0.01) else "delivered", shipped, delivered


def _carrier(dice: Dice, packets: int, *, home: bool, next_day: bool) -> str:
    if home and chance(dice, 0.08):
        return "pickup"
    if next_day and chance(dice, 0.5):  # no other carrier promises that
        return "express"
    if packets <= _LETTER_HOLDS and (home or chance(dice, 0.6)):
        return "letter"
    return "parcel" if home else "globe"
