"""What the demo's page and banner promise."""

from __future__ import annotations

import json
import re
import sqlite3

import pytest

from rowgate_server import demo
from rowgate_server.demo.schema import TABLES
from support.shop import CONTENTS, PAGE, QUERIES, REFUSED, column, one


def test_the_page_has_ten_queries() -> None:
    assert len(QUERIES) == 10
    assert len(REFUSED) == 3


@pytest.mark.parametrize("query", QUERIES)
def test_each_query_on_the_page_returns_rows(shop: sqlite3.Connection, query: str) -> None:
    assert shop.execute(query).fetchall()


def test_the_page_and_the_drawing_name_every_table_and_view(shop: sqlite3.Connection) -> None:
    counts = dict(re.findall(r"^\| `([^`]+)` \| ([\d,]+) \|", PAGE, re.MULTILINE))
    assert {name: int(count.replace(",", "")) for name, count in counts.items()} == {
        table: count for table, (count, _) in CONTENTS.items()
    }
    views = column(shop, "SELECT name FROM sqlite_master WHERE type = 'view'")
    assert views
    assert all(f"`{view}`" in PAGE for view in views)
    assert all(name in str(demo.__doc__) for name in [*CONTENTS, *views])


def test_the_banners_queries_paste_into_json_within_a_shells_quotes(shop: sqlite3.Connection) -> None:
    for query in (demo.DEMO_QUERY, demo.DEMO_STREAM_QUERY):
        assert not set("'\"\\$`!\n") & set(query)
        assert json.dumps(query) == f'"{query}"'
    assert 0 < len(shop.execute(demo.DEMO_QUERY).fetchall()) <= 5
    assert len(shop.execute(demo.DEMO_STREAM_QUERY).fetchall()) > 100_000
    assert " ".join(QUERIES[0].split()) == demo.DEMO_QUERY


def test_views_say_what_their_tables_say(shop: sqlite3.Connection) -> None:
    overview = shop.execute("SELECT customer, lines, total FROM order_overview WHERE id = 1000").fetchone()
    by_hand = """
        SELECT c.name, count(*), o.total FROM orders AS o JOIN customers AS c ON c.id = o.customer_id
        JOIN order_lines AS l ON l.order_id = o.id WHERE o.id = 1000
    """
    assert overview == shop.execute(by_hand).fetchone()
    assert one(shop, "SELECT count(*) FROM shelf") == one(
        shop, "SELECT count(*) FROM products WHERE discontinued IS NULL"
    )


def test_constraints_stand_on_lines_of_their_own_with_names() -> None:
    # Tools that reflect constraints from the stored text, as SQLAlchemy does, miss what is written into a column.
    for line in TABLES.splitlines():
        if re.search(r"\b(UNIQUE|CHECK|FOREIGN KEY)\b", line):
            assert line.startswith("  CONSTRAINT "), line
    assert "--" not in TABLES
