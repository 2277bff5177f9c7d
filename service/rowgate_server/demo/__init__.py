"""The demo database: Wren & Furrow, a small mail-order house for seeds, in one SQLite file.

Three years of its books, 2023 to 2025, with the same rows every time and everywhere. An arrow points at what is
referred to:

                 categories --+
                     ^  ^-----+ parent_id
                     |
    growers       plants <------- "sowing calendar"
       ^             ^
       |             |
       +--------- products <----- catalogue
                  ^  ^  ^
                  |  |  +-------- reviews -----------+
                  |  |                               v
                lots |                           customers --+
                 ^ ^ |                               ^  ^----+ referred_by
    stock_moves -+ | |                               |
                   +-+----------- order_lines ---> orders ---> carriers
                                                     ^
                                                     +-------- parcels

Deleting what is referred to takes along the sowing calendar, catalogue, lots, stock_moves, reviews, order_lines (with
their order) and parcels; it sets a product's grower and a customer's referrer to NULL and an order's carrier to the
default; the rest is refused. Two views, order_overview and shelf, are pleasant to read. `docs/demo.md` has the tour.
"""

from __future__ import annotations

import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from rowgate_server.demo.shop import fill

__all__ = ["DEMO_QUERY", "DEMO_STREAM_QUERY", "create"]

# Free of quotes, backslashes and dollars: they go into JSON within single quotes on a shell's command line.
DEMO_QUERY = (
    "select p.name, count(*) as reviews, round(avg(r.rating), 2) as stars"
    " from reviews as r join products as p on p.id = r.product_id"
    " group by p.id having count(*) >= 20 order by stars desc, reviews desc limit 5"
)
"""A join with an aggregate: the five products that customers like best."""
DEMO_STREAM_QUERY = "select * from order_lines"
"""More than a hundred thousand rows: something to stream."""


def create(path: Path) -> None:
    """Make the demo database as a new file, in WAL mode: many readers beside one writer.

    It takes about a second and blocks, so call it off the event loop. The file appears under its name only when it is
    whole: whoever is killed halfway leaves no half a shop behind.

    Args:
        path: where to make it; the folder must be there.

    Raises:
        FileExistsError: there is something at `path`; it is left as it is.
        OSError: the folder is missing or cannot be written.
    """
    if path.exists():
        raise FileExistsError(f"{path} is already there")
    with tempfile.TemporaryDirectory(prefix=".rowgate-demo-", dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        with closing(sqlite3.connect(unfinished, isolation_level=None)) as connection:
            fill(connection)
        # Unlike a rename, a link fails when somebody else has made the file meanwhile.
        os.link(unfinished, path)
