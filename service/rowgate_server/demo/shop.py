"""Fills the demo database: every table's rows in one transaction, then the indexes over them in another."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from itertools import chain
from typing import Any

from rowgate_server.demo.catalogue import catalogue, products, sowing_calendar
from rowgate_server.demo.opinions import reviews
from rowgate_server.demo.people import customers
from rowgate_server.demo.plants import CATEGORIES, GROWERS, PLANTS
from rowgate_server.demo.sales import CARRIERS, Sales
from rowgate_server.demo.schema import INDEXES, TABLES, VIEWS
from rowgate_server.demo.stock import stock

# Nothing is durable until the finished file gets its name, so neither a journal nor a sync is of use; the cache
# holds the whole file (64 MiB). Constraints are not checked row by row: the tests check them all.
_FAST = """
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA cache_size = -65536;
PRAGMA foreign_keys = OFF;
PRAGMA ignore_check_constraints = ON;
"""

_ROWS_AT_ONCE = 50  # of 13 columns at most: 650 parameters, where the oldest SQLite allows 999

_SERVED = """
PRAGMA locking_mode = NORMAL;
PRAGMA journal_mode = WAL;
"""


def fill(connection: sqlite3.Connection) -> None:
    """Make the tables, rows, indexes and views in an empty database, and gather the planner's statistics."""
    connection.executescript(f"{_FAST} BEGIN; {TABLES}")
    on_offer = products()
    home_of: list[str] = []
    _offer(connection)
    _insert(connection, "products", _PRODUCT_COLUMNS, (product.row for product in on_offer))
    _insert(connection, "catalogue", "product_id, year, page, price_cents", catalogue(on_offer))
    _insert(connection, "customers", _CUSTOMER_COLUMNS, customers(home_of))
    sales = Sales(on_offer, home_of)
    for month in sales.months():  # so that memory holds one month's rows, not three years'
        _insert(connection, "orders", _ORDER_COLUMNS, month.orders)
        _insert(connection, "order_lines", _LINE_COLUMNS, month.lines)
        _insert(connection, "parcels", "tracking_no, order_id, grams, handed_over_at, delivered_at", month.parcels)
    _insert(connection, "reviews", _REVIEW_COLUMNS, sorted(reviews(sales.to_review, on_offer, home_of)))
    lots, moves = stock(on_offer, sales.sold)
    _insert(connection, "lots", _LOT_COLUMNS, lots)
    _insert(connection, "stock_moves", "moved_on, product_id, harvest_year, packets, reason", moves)
    connection.execute("COMMIT")
    connection.executescript(f"BEGIN; {INDEXES} {VIEWS} ANALYZE; COMMIT;")
    connection.executescript(_SERVED)


_PRODUCT_COLUMNS = (
    "id, sku, plant_id, grower_id, name, seeds, price_cents, organic, introduced, discontinued, traits, picture, blurb"
)
_CUSTOMER_COLUMNS = (
    "id, public_id, name, email, country, city, born, joined_at, newsletter, credit, preferences, notes, referred_by"
)
_ORDER_COLUMNS = (
    "id, customer_id, carrier_code, placed_at, status, shipped_on, gift, message, postage_cents, total_cents"
)
_LINE_COLUMNS = "order_id, line_no, product_id, harvest_year, quantity, unit_cents"
_REVIEW_COLUMNS = "product_id, customer_id, rating, title, body, written_at, helpful"
_LOT_COLUMNS = "product_id, harvest_year, harvested_on, packets, moisture, germination, tested_on"


def _offer(connection: sqlite3.Connection) -> None:
    """The small tables that come from the lists alone."""
    categories = ((shelf.number, shelf.parent, shelf.name, place) for place, shelf in enumerate(CATEGORIES, 1))
    _insert(connection, "categories", 'id, parent_id, name, "order"', categories)
    plants = (
        (number, plant.category, plant.name, plant.latin, plant.hardiness, plant.days)
        for number, plant in enumerate(PLANTS, 1)
    )
    _insert(connection, "plants", "id, category_id, name, latin_name, hardiness_c, days_to_emerge", plants)
    columns = 'plant_id, climate, sow_from, sow_until, "soil_°C", under_glass'
    _insert(connection, '"sowing calendar"', columns, sowing_calendar())
    growers = ((number, *grower) for number, grower in enumerate(GROWERS, 1))
    _insert(connection, "growers", "id, name, place, country, latitude, longitude, organic, about", growers)
    _insert(connection, "carriers", "code, name, collects_at, max_kg, postage_cents, tracked", CARRIERS)


def _insert(connection: sqlite3.Connection, table: str, columns: str, rows: Iterable[tuple[Any, ...]]) -> None:
    """Insert rows, many in each statement: that takes half as long as one by one."""
    waiting = list(rows)
    insert = f"INSERT INTO {table} ({columns}) VALUES "  # noqa: S608 - our own names
    row = f"({', '.join('?' * len(columns.split(',')))})"
    whole = len(waiting) - len(waiting) % _ROWS_AT_ONCE
    flat = (tuple(chain.from_iterable(waiting[n : n + _ROWS_AT_ONCE])) for n in range(0, whole, _ROWS_AT_ONCE))
    connection.executemany(insert + ", ".join([row] * _ROWS_AT_ONCE), flat)
    connection.executemany(insert + row, waiting[whole:])
