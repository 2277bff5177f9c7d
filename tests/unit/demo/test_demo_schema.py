"""The demo's schema: every constraint holds, and there is something of everything that the gateway can show."""

from __future__ import annotations

import json
import re
import sqlite3
import struct
import zlib
from typing import Any

import pytest

from support.shop import REFUSED, column, one, tables


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
