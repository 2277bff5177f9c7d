"""What every contender is asked to do: the tables, the statements, the list of work."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

CREATE = """\
create or replace table items (
  id int primary key, name varchar(60) not null, price decimal(12, 2) not null, quantity int not null,
  created_at datetime(6) not null, weight double not null
);
create or replace table orders (
  id bigint primary key auto_increment, name varchar(60) not null, price decimal(12, 2) not null, quantity int not null,
  created_at datetime(6) not null, weight double not null
);
"""
FILL = """\
insert into items
select seq, concat(elt(1 + seq mod 4, 'Foxglove ', 'Runner bean ', 'Grüne Bohne ', 'Sea kale '), seq),
       seq mod 100000 / 100 + 0.25, seq mod 40, '2024-01-01' + interval seq * 37000001 microsecond, seq / 7e0
from seq_{first}_to_{last}
"""
EMPTY_ORDERS = "truncate table orders"

PAGE_ROWS = 100
MANY_ROWS = 10_000
_COLUMNS = "select id, name, price, quantity, created_at, weight from items"
POINT = f"{_COLUMNS} where id = :id"
PAGE = f"{_COLUMNS} where id > :after order by id limit {PAGE_ROWS}"
SCAN = f"{_COLUMNS} where id <= :last"
INSERT = (
    "insert into orders (name, price, quantity, created_at, weight)"
    " values (:name, :price, :quantity, :created_at, :weight)"
)


def pyformat(sql: str) -> str:
    """The statement with the placeholders of the bare driver: `%(id)s` for `:id`."""
    return re.sub(r":([a-z_]+)", r"%(\1)s", sql)


@dataclass(frozen=True, slots=True)
class Order:
    """A row to insert."""

    name: str
    price: Decimal
    quantity: int
    created_at: datetime
    weight: float


ORDER = Order("Sea kale, unseeded", Decimal("12.50"), 3, datetime(2024, 1, 31, 10, 11, 12, 131415), 0.375)


def many_orders() -> list[Order]:
    """Rows that go in by one call, no two of them alike."""
    return [
        replace(ORDER, name=f"Foxglove {number}", price=Decimal(number) / 100, weight=number / 7)
        for number in range(MANY_ROWS)
    ]


class Kind(StrEnum):
    """What one call does."""

    POINT = "point"
    PAGE = "page"
    FIRST_PAGE = "first-page"
    LAST_PAGE = "last-page"
    INSERT = "insert"
    MANY = "many"
    SCAN = "scan"


OF_TABLES = frozenset({Kind.FIRST_PAGE, Kind.LAST_PAGE, Kind.MANY})
"""What TableService is measured at beside the driver alone."""


class Encoding(StrEnum):
    """How the gateway lays out a scan's rows."""

    ROWS = "rows"
    COLUMNS = "columns"
    ARROW = "arrow"


@dataclass(frozen=True, slots=True)
class Work:
    """One thing to measure.

    Attributes:
        name: what `--only` takes.
        kind: what each call does.
        title: for the reports.
        concurrency: calls under way at any time.
    """

    name: str
    kind: Kind
    title: str
    concurrency: int = 1


WORKS = (
    Work("point-1", Kind.POINT, "One row by its key, 1 call at a time"),
    Work("point-16", Kind.POINT, "One row by its key, 16 calls at a time", 16),
    Work("point-64", Kind.POINT, "One row by its key, 64 calls at a time", 64),
    Work("page", Kind.PAGE, f"A page of {PAGE_ROWS} rows, 16 calls at a time", 16),
    Work("insert", Kind.INSERT, "Insert of one row, 16 calls at a time", 16),
    Work("first-page", Kind.FIRST_PAGE, f"The table's first page of {PAGE_ROWS} rows, 1 call at a time"),
    Work("last-page", Kind.LAST_PAGE, f"The table's last page of {PAGE_ROWS} rows, 1 call at a time"),
    Work("many", Kind.MANY, f"Insert of {MANY_ROWS:,} rows in one call"),
    Work("scan", Kind.SCAN, "Scan of the whole table"),
)


def chosen(names: Sequence[str]) -> tuple[Work, ...]:
    """The work of these names; a kind (`point`) means all of its kind, and no name at all means everything.

    Raises:
        ValueError: a name means nothing.
    """
    known = {work.name for work in WORKS} | {work.kind for work in WORKS}
    if unknown := [name for name in names if name not in known]:
        raise ValueError(f"no such work: {', '.join(unknown)}; there is {', '.join(sorted(known))}")
    return tuple(work for work in WORKS if not names or work.name in names or work.kind in names)
