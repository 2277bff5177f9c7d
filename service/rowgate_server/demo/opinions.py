"""What customers write about what they have sown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rowgate_server.demo.catalogue import Product
from rowgate_server.demo.days import LAST, moment
from rowgate_server.demo.dice import Dice, between, chance, dice_of, pick
from rowgate_server.demo.sales import Purchase

# By stars, worst first; {plant} is the plant's name.
_TITLES: tuple[tuple[str, ...], ...] = (
    ("Nothing came up", "Oh dear", "👎"),
    ("Disappointing", "Patchy", "Slugs: 1, me: 0"),
    ("All right", "Fair enough", "So-so", ""),
    ("Very good", "Will sow again", "Lovely {plant}"),
    ("Best {plant} ever", "Wonderful!", "🌟🌟🌟🌟🌟", "A joy"),
)
_OPENINGS: tuple[tuple[str, ...], ...] = (
    ("Sown three times, not one {plant}.", "What grew was not a {plant}.", "The packet was empty, near enough."),
    (
        "Half of them came up.",
        "Weak seedlings, though I did everything by the book.",
        "I have had better {plant} seed.",
    ),
    ("A decent {plant}.", "Came up unevenly, caught up later.", "Good, if you keep the pigeons off."),
    ("Strong plants, and plenty of them.", "A {plant} to rely on.", "Up in a week."),
    ("Every single seed came up!", "I have never had a {plant} like it.", "My neighbours ask what I feed it 😄"),
)
_CLOSINGS: tuple[tuple[str, ...], ...] = (
    ("I would like my money back.", "Never again.", "The shop was kind about it, though."),
    ("Perhaps it was the cold spring.", "Might try once more.", ""),
    ("Nothing special.", "Will see next year.", ""),
    ("Ordered again.", "One star off for the tiny print on the packet.", "Survived -4 °C in April."),
    ("Thank you, Wren & Furrow!", "Saving seed already.", "Ten out of ten 🐝", "The children love it."),
)
_CONTENT = 4  # stars, from which on somebody may write in their own language
_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "DE": ("Sehr schöne Pflanzen, größer als erwartet.", "Keimte gut, schmeckt köstlich."),
    "FR": ("Levée rapide, récolte généreuse.", "Très déçu·e au début, ravi·e à la fin."),
    "ES": ("¡Qué maravilla! Repetiré seguro.", "Germinó casi todo, pese al calor de mayo."),
    "PL": ("Wzeszło wszystko, żółte i zdrowe.", "Świetna jakość, szybka wysyłka."),
    "GR": ("Εξαιρετικοί σπόροι, θα ξαναπάρω.",),
    "UA": ("Дуже гарні сходи, дякую! 🌻",),
    "IL": ("נבט מהר מאוד, ממליצה בחום.",),
    "JP": ("発芽率がとても良かったです。", "来年もまた注文します🌱"),
    "CN": ("发芽很快,味道很好。",),
    "KR": ("새싹이 아주 튼튼해요.",),
    "IN": ("बहुत अच्छे बीज, धन्यवाद।",),
}


def reviews(
    to_review: Iterable[Purchase], on_offer: list[Product], home_of: list[str]
) -> Iterator[tuple[int, int, int, str | None, str, str, int]]:
    """Rows of `reviews`: one for each product and customer, some weeks or months after the delivery."""
    dice = dice_of(40)
    written: set[tuple[int, int]] = set()
    for purchase in to_review:
        day = purchase.delivered + between(dice, 14, 120)
        key = (purchase.product, purchase.customer)
        if day > LAST or key in written:
            continue
        written.add(key)
        product = on_offer[purchase.product - 1]
        stars = _stars(dice, product.quality)
        title, body = _words(dice, stars, product.plant.name.lower(), home_of[purchase.customer - 1])
        yield *key, stars, title, body, moment(dice, day), int(dice() * dice() * dice() * 30)


def _stars(dice: Dice, quality: float) -> int:
    """One to five; good products get better ones, but nobody pleases everybody."""
    liked = 0.5 * quality + 0.62 * dice()
    return 1 + sum(liked > step for step in (0.12, 0.22, 0.38, 0.62))


def _words(dice: Dice, stars: int, plant: str, country: str) -> tuple[str | None, str]:
    """A title, or NULL, and a body, which may be empty: some only leave stars."""
    title = pick(dice, _TITLES[stars - 1]).format(plant=plant) if chance(dice, 0.7) else None
    if chance(dice, 0.06):
        return title, ""
    if country in _ELSEWHERE and stars >= _CONTENT and chance(dice, 0.6):
        return title, pick(dice, _ELSEWHERE[country])
    body = f"{pick(dice, _OPENINGS[stars - 1])} {pick(dice, _CLOSINGS[stars - 1])}"
    return title, body.format(plant=plant).rstrip()
