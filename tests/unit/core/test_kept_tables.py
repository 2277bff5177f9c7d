"""How many tables are kept."""

from __future__ import annotations

from rowgate_server.core.kept_tables import Kept, KeptTables
from rowgate_server.core.known_table import known
from rowgate_server.core.tables import Table, TableColumn, TableKind
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.values import ValueType


def kept(database: str, columns: int) -> Kept:
    table = Table(
        name="t",
        schema="",
        kind=TableKind.TABLE,
        comment="",
        columns=tuple(TableColumn(f"c{number}", ValueType.INT, "integer", nullable=True) for number in range(columns)),
        primary_key=None,
        foreign_keys=(),
        unique_constraints=(),
        indexes=(),
        checks=(),
    )
    return Kept(known(database, Dialect.SQLITE, table, None), 0.0, None)


def there(tables: KeptTables, database: str, *names: str) -> list[bool]:
    return [tables.get((database, "", name)) is not None for name in names]


def test_those_used_longest_ago_make_room() -> None:
    tables = KeptTables(most_tables=2, most_columns=100)
    for name in ("a", "b"):
        tables.put(("one", "", name), kept("one", 3))
    assert tables.get(("one", "", "a"))
    tables.put(("one", "", "c"), kept("one", 3))
    assert there(tables, "one", "a", "b", "c") == [True, False, True]


def test_columns_are_counted_too_and_one_table_of_any_width_is_kept() -> None:
    tables = KeptTables(most_tables=9, most_columns=10)
    for name in ("a", "b", "c"):
        tables.put(("one", "", name), kept("one", 5))
    assert there(tables, "one", "a", "b", "c") == [False, True, True]
    tables.put(("one", "", "c"), kept("one", 1))
    tables.put(("one", "", "d"), kept("one", 4))
    assert there(tables, "one", "b", "c", "d") == [True, True, True]
    tables.put(("one", "", "wide"), kept("one", 50))
    assert there(tables, "one", "b", "c", "d", "wide") == [False, False, False, True]


def test_no_database_takes_the_room_of_another() -> None:
    tables = KeptTables(most_tables=1, most_columns=10)
    tables.put(("one", "", "a"), kept("one", 3))
    tables.put(("other", "", "a"), kept("other", 3))
    assert there(tables, "one", "a") == there(tables, "other", "a") == [True]
    tables.forget("one")
    assert there(tables, "one", "a") == [False]
    assert there(tables, "other", "a") == [True]


def test_what_was_put_since_is_not_dropped() -> None:
    tables = KeptTables()
    old, new = kept("one", 1), kept("one", 1)
    place = ("one", "", "a")
    tables.put(place, old)
    tables.put(place, new)
    tables.drop(place, old)
    assert tables.get(place) is new
    tables.drop(place, new)
    assert tables.get(place) is None
