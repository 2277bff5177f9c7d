"""The demo's books are in order."""

from __future__ import annotations

import sqlite3
from decimal import Decimal

from support.shop import column, one


def test_an_orders_total_is_its_lines_and_postage(shop: sqlite3.Connection) -> None:
    wrong = """
        SELECT o.id FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
        GROUP BY o.id HAVING sum(l.amount_cents) + o.postage_cents <> o.total_cents
    """
    assert column(shop, wrong) == []
    assert one(shop, "SELECT count(*) FROM orders WHERE id NOT IN (SELECT order_id FROM order_lines)") == 0


def test_money_reads_with_at_most_two_decimals_and_is_exact_in_cents(shop: sqlite3.Connection) -> None:
    for cents, amount in shop.execute(
        "SELECT total_cents, total FROM orders UNION SELECT price_cents, price FROM catalogue"
    ):
        assert Decimal(repr(amount)) * 100 == cents
    assert all(credit * 4 == int(credit * 4) for credit in column(shop, "SELECT credit FROM customers"))


def test_a_line_is_charged_at_the_price_in_that_years_catalogue(shop: sqlite3.Connection) -> None:
    wrong = """
        SELECT count(*) FROM order_lines AS l JOIN orders AS o ON o.id = l.order_id
        LEFT JOIN catalogue AS c ON c.product_id = l.product_id AND c.year = CAST(substr(o.placed_at, 1, 4) AS INTEGER)
        WHERE c.price_cents IS NOT l.unit_cents
    """
    assert one(shop, wrong) == 0
    latest = "SELECT price_cents FROM catalogue WHERE product_id = p.id ORDER BY year DESC LIMIT 1"
    assert one(shop, f"SELECT count(*) FROM products AS p WHERE price_cents <> ({latest})") == 0


def test_an_orders_status_follows_its_dates(shop: sqlite3.Connection) -> None:
    not_shipped = "status IN ('placed', 'packed', 'cancelled')"
    assert one(shop, f"SELECT count(*) FROM orders WHERE (shipped_on IS NULL) <> ({not_shipped})") == 0
    assert one(shop, "SELECT min(placed_at) FROM orders WHERE status IN ('placed', 'packed')") > "2025-12-28"
    assert one(shop, "SELECT min(shipped_on) FROM orders WHERE status = 'shipped'") > "2025-12-15"
    parcels = "SELECT count(*) FROM parcels AS p JOIN orders AS o ON o.id = p.order_id"
    assert one(shop, f"{parcels} WHERE (p.delivered_at IS NULL) <> (o.status = 'shipped')") == 0


def test_orders_are_numbered_in_the_order_of_time(shop: sqlite3.Connection) -> None:
    placed = column(shop, "SELECT placed_at FROM orders ORDER BY id")
    assert placed == sorted(placed)


def test_customers_order_only_once_they_have_joined_and_a_few_never_do(shop: sqlite3.Connection) -> None:
    orders = "SELECT count(*) FROM orders AS o JOIN customers AS c ON c.id = o.customer_id"
    assert one(shop, f"{orders} WHERE o.placed_at < c.joined_at") == 0
    never = one(shop, "SELECT count(*) FROM customers WHERE id NOT IN (SELECT customer_id FROM orders)")
    assert 100 < never < 500


def test_parcels_go_by_tracked_carriers_after_the_order_and_within_their_limit(shop: sqlite3.Connection) -> None:
    joined = "orders AS o JOIN carriers AS c ON c.code = o.carrier_code LEFT JOIN parcels AS p ON p.order_id = o.id"
    has_one = "(p.order_id IS NOT NULL) <> (c.tracked AND o.shipped_on IS NOT NULL)"
    too_heavy = "p.grams > c.max_kg * 1000"
    too_early = "p.handed_over_at <= o.placed_at"
    another_day = "substr(p.handed_over_at, 1, 10) <> o.shipped_on"
    for wrong in (has_one, too_heavy, too_early, another_day):
        assert one(shop, f"SELECT count(*) FROM {joined} WHERE {wrong}") == 0


def test_reviews_are_by_customers_who_bought_the_product_before(shop: sqlite3.Connection) -> None:
    bought = """
        SELECT 1 FROM orders AS o JOIN order_lines AS l ON l.order_id = o.id
        WHERE o.customer_id = r.customer_id AND l.product_id = r.product_id AND o.shipped_on < r.written_at
    """
    assert one(shop, f"SELECT count(*) FROM reviews AS r WHERE NOT EXISTS ({bought})") == 0
    assert column(shop, "SELECT DISTINCT rating FROM reviews ORDER BY rating") == [1, 2, 3, 4, 5]


def test_the_stock_book_agrees_with_harvests_and_sales_and_no_lot_goes_below_zero(shop: sqlite3.Connection) -> None:
    def by_lot(packets: str, table: str, condition: str) -> list[tuple[int, int, int]]:
        return shop.execute(
            f"SELECT product_id, harvest_year, {packets} FROM {table} WHERE {condition} GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()

    running = "SELECT sum(packets) OVER (PARTITION BY product_id, harvest_year ORDER BY id) AS left FROM stock_moves"
    assert one(shop, f"SELECT min(left) FROM ({running})") == 0
    harvested = by_lot("sum(packets)", "stock_moves", "reason IN ('opening', 'packed')")
    assert harvested == by_lot("packets", "lots", "1")
    sold = by_lot("-sum(packets)", "stock_moves", "reason = 'sold'")
    assert sold == by_lot("sum(quantity)", "order_lines", "harvest_year IS NOT NULL")


def test_no_email_address_can_belong_to_anybody(shop: sqlite3.Connection) -> None:
    hosts = {email.rpartition("@")[2].lower() for email in column(shop, "SELECT email FROM customers")}
    assert hosts == {"example.org", "example.com", "example.net", "post.example"}
