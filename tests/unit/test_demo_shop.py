from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import struct
import zlib
from collections.abc import Iterator
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from rowgate_server import demo
from rowgate_server.demo.schema import TABLES

PAGE = (Path(__file__).parents[2] / "docs" / "demo.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
REFUSED = re.findall(r"^```sql refused\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)

# What `contents` must find: change it only together with the seeding.
CONTENTS: dict[str, tuple[int, str]] = {
    "carriers": (5, "9cd47196fcd49761"),
    "catalogue": (1_299, "373865c93cc51bb0"),
    "categories": (16, "5e0fd09d4509d9fa"),
    "customers": (5_000, "9d16eefd3bd24a07"),
    "growers": (24, "99496a5f2de22755"),
    "lots": (1_804, "b466baffac44069d"),
    "order_lines": (119_613, "e3489a9aca332a61"),
    "orders": (40_169, "d34c4c7323b3ad61"),
    "parcels": (17_970, "95d5583068867185"),
    "plants": (50, "57efdeac98805c4a"),
    "products": (505, "3af67c15cdadc6e6"),
    "reviews": (6_156, "a16d1317f04ff513"),
    "sowing calendar": (150, "f674d7df3b78a106"),
    "stock_moves": (17_263, "b76ab803abf9922c"),
}


@pytest.fixture(scope="module")
def shop_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("demo") / "shop.db"
    demo.create(path)
    return path


@pytest.fixture
def shop(shop_file: Path) -> Iterator[sqlite3.Connection]:
    """A connection that may try anything: nothing is ever committed."""
    with closing(sqlite3.connect(shop_file, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("BEGIN")
        yield connection
        connection.rollback()


def one(connection: sqlite3.Connection, sql: str) -> Any:
    """The only cell of the only row."""
    ((cell,),) = connection.execute(sql).fetchall()
    return cell


def column(connection: sqlite3.Connection, sql: str) -> list[Any]:
    return [row[0] for row in connection.execute(sql)]


def tables(connection: sqlite3.Connection) -> list[str]:
    return column(
        connection, "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' ORDER BY name"
    )


def contents(connection: sqlite3.Connection) -> dict[str, tuple[int, str]]:
    """For each table the number of rows, and the start of a digest of all of them by primary key."""
    found = {}
    for table in tables(connection):
        rows = connection.execute(f'SELECT * FROM "{table}" ORDER BY 1, 2').fetchall()
        # JSON in ASCII, because repr() of text depends on the Unicode tables of each Python.
        found[table] = len(rows), hashlib.sha256(json.dumps(rows, default=bytes.hex).encode()).hexdigest()[:16]
    return found


# The same rows, every time and everywhere


def test_all_rows_of_all_tables_are_the_same_on_every_machine_and_python(shop: sqlite3.Connection) -> None:
    assert contents(shop) == CONTENTS


def test_a_second_shop_in_the_same_process_is_the_same_and_stands_alone(tmp_path: Path) -> None:
    demo.create(tmp_path / "second.db")
    assert [path.name for path in tmp_path.iterdir()] == ["second.db"]  # no journal, no folder left beside it
    with closing(sqlite3.connect(tmp_path / "second.db")) as second:
        assert contents(second) == CONTENTS


def test_no_business_is_dated_outside_2023_to_2025(shop: sqlite3.Connection) -> None:
    dated = {
        "customers": ["joined_at"],
        "orders": ["placed_at", "shipped_on"],
        "parcels": ["handed_over_at", "delivered_at"],
        "products": ["introduced", "discontinued"],
        "reviews": ["written_at"],
        "stock_moves": ["moved_on"],
    }
    for table, columns in dated.items():
        for name in columns:
            low, high = shop.execute(f"SELECT min({name}), max({name}) FROM {table}").fetchone()
            assert "2023-01-01" <= low <= high < "2026-01-01", (table, name)


# The file


def test_an_existing_file_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "shop.db"
    path.write_text("mine")
    with pytest.raises(FileExistsError):
        demo.create(path)
    assert path.read_text() == "mine"


def test_a_file_made_by_somebody_else_meanwhile_is_left_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "shop.db"
    monkeypatch.setattr(demo, "fill", lambda _: path.write_text("theirs"))
    with pytest.raises(FileExistsError):
        demo.create(path)
    assert path.read_text() == "theirs"
    assert list(tmp_path.iterdir()) == [path]


def test_a_seeding_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(connection: sqlite3.Connection) -> None:
        connection.execute("CREATE TABLE half (done)")
        raise RuntimeError("no space left")

    monkeypatch.setattr(demo, "fill", fail)
    with pytest.raises(RuntimeError, match="no space left"):
        demo.create(tmp_path / "shop.db")
    assert list(tmp_path.iterdir()) == []


def test_the_file_is_of_a_modest_size(shop_file: Path) -> None:
    assert 5_000_000 < shop_file.stat().st_size < 25_000_000


def test_readers_go_on_beside_a_writer(shop_file: Path) -> None:
    with closing(sqlite3.connect(shop_file, timeout=0)) as writer, closing(sqlite3.connect(shop_file)) as reader:
        assert one(reader, "PRAGMA journal_mode") == "wal"
        writer.execute("UPDATE customers SET notes = 'moved' WHERE id = 1")
        assert one(reader, "SELECT count(*) FROM customers WHERE notes = 'moved'") == 0
        writer.rollback()


# Every constraint holds, though none was enforced while the rows went in


def test_every_foreign_key_holds(shop: sqlite3.Connection) -> None:
    assert shop.execute("PRAGMA foreign_key_check").fetchall() == []


def test_every_check_unique_and_not_null_constraint_holds(shop: sqlite3.Connection) -> None:
    assert one(shop, "PRAGMA integrity_check") == "ok"


@pytest.mark.parametrize("statement", REFUSED)
def test_the_statements_that_the_page_says_are_refused_are_refused(shop: sqlite3.Connection, statement: str) -> None:
    with pytest.raises(sqlite3.IntegrityError):
        shop.execute(statement)


def test_there_are_foreign_keys_with_every_action(shop: sqlite3.Connection) -> None:
    actions = {
        action
        for table in tables(shop)
        for row in shop.execute(f'PRAGMA foreign_key_list("{table}")')
        for action in row[5:7]
    }
    assert actions == {"NO ACTION", "RESTRICT", "CASCADE", "SET NULL", "SET DEFAULT"}


def test_deleting_an_order_takes_its_lines_and_parcel_along(shop: sqlite3.Connection) -> None:
    order = one(shop, "SELECT min(order_id) FROM parcels")
    shop.execute(f"DELETE FROM orders WHERE id = {order}")
    assert one(shop, f"SELECT count(*) FROM order_lines WHERE order_id = {order}") == 0
    assert one(shop, f"SELECT count(*) FROM parcels WHERE order_id = {order}") == 0


def test_deleting_a_carrier_leaves_its_orders_to_the_letter_post(shop: sqlite3.Connection) -> None:
    order = one(shop, "SELECT min(id) FROM orders WHERE carrier_code = 'pickup'")
    shop.execute("DELETE FROM carriers WHERE code = 'pickup'")
    assert one(shop, f"SELECT carrier_code FROM orders WHERE id = {order}") == "letter"


# Something of everything that the gateway can show


def test_every_common_type_is_declared(shop: sqlite3.Connection) -> None:
    declared = {
        row[2].removesuffix(" GENERATED ALWAYS")
        for table in tables(shop)
        for row in shop.execute(f'PRAGMA table_xinfo("{table}")')
    }
    numbers = {"INTEGER", "BIGINT", "SMALLINT", "BOOLEAN", "DECIMAL", "NUMERIC", "REAL", "DOUBLE"}
    others = {"CHAR", "VARCHAR", "TEXT", "DATE", "TIME", "DATETIME", "TIMESTAMP", "JSON", "BLOB", "UUID"}
    assert {name.partition("(")[0] for name in declared} == numbers | others
    assert "DECIMAL(12,2)" in declared


def test_there_are_composite_keys_on_both_ends(shop: sqlite3.Connection) -> None:
    def key(table: str) -> list[str]:
        return column(shop, f"SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk")

    assert key("lots") == ["product_id", "harvest_year"]
    assert key("order_lines") == ["order_id", "line_no"]
    to_lots = "SELECT \"from\" FROM pragma_foreign_key_list('order_lines') WHERE \"table\" = 'lots' ORDER BY seq"
    assert column(shop, to_lots) == ["product_id", "harvest_year"]


def test_there_are_indexes_of_every_kind(shop: sqlite3.Connection) -> None:
    def parts(index: str) -> list[tuple[Any, ...]]:
        return shop.execute(f"SELECT name, \"desc\", coll FROM pragma_index_xinfo('{index}') WHERE key").fetchall()

    assert parts("orders_by_customer") == [("customer_id", 0, "BINARY"), ("placed_at", 1, "BINARY")]
    assert parts("customers_by_email") == [(None, 0, "BINARY")]  # an expression has no name
    assert parts("products_by_name") == [("name", 0, "NOCASE")]
    kinds = shop.execute("SELECT name, \"unique\", partial FROM pragma_index_list('orders')").fetchall()
    assert ("orders_open", 0, 1) in kinds
    assert ("customers_by_email", 1, 0) in shop.execute(
        "SELECT name, \"unique\", partial FROM pragma_index_list('customers')"
    )


def test_there_are_names_that_must_be_quoted(shop: sqlite3.Connection) -> None:
    assert one(shop, 'SELECT min("order") FROM categories') == 1
    assert one(shop, 'SELECT max("soil_°C") FROM "sowing calendar"') > 0
    with pytest.raises(sqlite3.OperationalError):
        shop.execute("SELECT order FROM categories")


def test_keys_are_counted_up_and_defaults_filled_in(shop: sqlite3.Connection) -> None:
    shop.execute(
        "INSERT INTO customers (public_id, name, email, country, city)"
        " VALUES ('00000000-0000-4000-8000-000000000000', 'New', 'new@example.org', 'IE', 'Cork')"
    )
    row = shop.execute("SELECT id, newsletter, credit, notes FROM customers WHERE name = 'New'").fetchone()
    assert row == (5_001, 1, 0, None)
    shop.execute("DELETE FROM customers WHERE id = 5001")
    assert one(shop, "SELECT seq FROM sqlite_sequence WHERE name = 'customers'") == 5_001


def test_generated_columns_follow_and_cannot_be_written(shop: sqlite3.Connection) -> None:
    shop.execute("UPDATE order_lines SET quantity = 7, unit_cents = 215 WHERE order_id = 1 AND line_no = 1")
    assert one(shop, "SELECT amount_cents FROM order_lines WHERE order_id = 1 AND line_no = 1") == 1505
    with pytest.raises(sqlite3.OperationalError, match="generated"):
        shop.execute("UPDATE products SET price = 1 WHERE id = 1")


def test_null_is_not_the_empty_string(shop: sqlite3.Connection) -> None:
    for table, name in [("customers", "notes"), ("products", "blurb"), ("reviews", "title"), ("orders", "message")]:
        kinds = column(shop, f"SELECT DISTINCT coalesce(nullif(substr({name}, 1, 1), ''), typeof({name})) FROM {table}")
        assert {"null", "text"} < set(kinds), (table, name)


def test_text_comes_in_many_scripts_and_beyond_the_basic_plane(shop: sqlite3.Connection) -> None:
    names = "".join(column(shop, "SELECT name FROM customers"))
    for script in ["Ångström", "Þóra", "İpek", "Ελένη", "Соломія", "נועה", "يوسف", "मीरा", "முருகன்", "თამარ"]:
        assert script in names
    for script in ["ሰላም", "さくら", "欧阳", "서연", "Nguyễn", "สมชาย", "𠮷祥"]:
        assert script in names
    bodies = "".join(column(shop, "SELECT body FROM reviews"))
    assert "🐝" in bodies
    assert "発芽率" in bodies


def test_numbers_go_below_zero_and_beyond_what_a_double_holds(shop: sqlite3.Connection) -> None:
    assert one(shop, "SELECT min(hardiness_c) FROM plants") == -29
    assert one(shop, "SELECT min(longitude) FROM growers") < 0
    assert one(shop, "SELECT min(credit) FROM customers") < 0
    lowest = one(shop, "SELECT min(tracking_no) FROM parcels")
    assert 2**53 < lowest < 2**63
    assert int(float(lowest)) != lowest


def test_json_and_uuids_are_what_they_say(shop: sqlite3.Connection) -> None:
    for traits in column(shop, "SELECT traits FROM products"):
        assert {"colour", "height_cm", "heirloom", "uses"} == json.loads(traits).keys()
    uuid4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
    assert all(uuid4.fullmatch(public_id) for public_id in column(shop, "SELECT public_id FROM customers"))


def test_pictures_are_whole_png_files(shop: sqlite3.Connection) -> None:
    pictures = column(shop, "SELECT picture FROM products WHERE picture IS NOT NULL")
    assert len(pictures) > 400
    for picture in pictures:
        assert picture.startswith(b"\x89PNG\r\n\x1a\n")
        chunks, at = {}, 8
        while at < len(picture):
            size, kind = struct.unpack_from(">I4s", picture, at)
            data = picture[at + 8 : at + 8 + size]
            assert struct.unpack_from(">I", picture, at + 8 + size) == (zlib.crc32(kind + data),)
            chunks[kind] = data
            at += 12 + size
        assert list(chunks) == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
        assert len(zlib.decompress(chunks[b"IDAT"])) == 16 * 3  # a filter byte and two of pixels for each line


# The books are in order


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


# What the page and the banner promise


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
