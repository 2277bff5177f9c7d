"""The demo's shop and its page, for the tests that look at them."""

from __future__ import annotations

import re
import sqlite3
from pathlib import Path
from typing import Any

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
