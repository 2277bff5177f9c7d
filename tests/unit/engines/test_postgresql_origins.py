"""Where PostgreSQL's result columns come from, by the numbers of a RowDescription."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pytest

from rowgate_server.engines.dialects.postgresql.origins import Field, Origin, Origins, fields, may_add_nulls
from rowgate_server.engines.results import Column, Columns
from rowgate_server.engines.values import ValueType

ID, NAME = Field(16_400, 1, -1), Field(16_400, 2, 44)
COLUMNS = Columns([Column("id", ValueType.INT)])


def described(*told: tuple[str, Field]) -> bytes:
    parts = [struct.pack("!H", len(told))]
    for name, field in told:
        parts.append(name.encode() + b"\0")
        parts.append(struct.pack("!IhIhih", field.relation, field.number, 23, 4, field.modifier, 0))
    return b"".join(parts)


class Catalogue:
    """Answers as asyncpg's connection would, and counts how often it is asked."""

    def __init__(self) -> None:
        self.name = "things"
        self.asked: list[Sequence[int]] = []

    async def fetch(self, sql: str, relations: Sequence[int]) -> list[tuple[Any, ...]]:
        assert "pg_attribute" in sql
        self.asked.append(relations)
        return [(relation, number, self.name, number == 1) for relation in relations for number in (1, 2)]


class Clock:
    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def origins(clock: Clock) -> Origins:
    return Origins(clock)


def test_a_description_tells_numbers_and_modifiers() -> None:
    assert fields(described(("id", ID), ("", NAME), ("né", Field(0, 0, -1)))) == [ID, NAME, Field(0, 0, -1)]
    assert fields(b"") == []


async def test_a_table_is_asked_for_once_and_again_when_its_time_is_over(origins: Origins, clock: Clock) -> None:
    catalogue = Catalogue()
    assert origins.missing([ID, NAME, Field(0, 0, -1)]) == {16_400}
    await origins.learn(catalogue, {16_400})
    assert (origins.get(ID), origins.get(NAME)) == (Origin("things", False), Origin("things", True))
    assert origins.get(Field(0, 0, -1)) is None
    assert origins.missing([ID, NAME]) == set()
    clock.now += 11
    assert origins.missing([ID]) == {16_400}


async def test_a_table_that_is_gone_has_no_columns_and_is_not_asked_for_each_time(origins: Origins) -> None:
    class Gone(Catalogue):
        async def fetch(self, sql: str, relations: Sequence[int]) -> list[tuple[Any, ...]]:
            del sql, relations
            return []

    await origins.learn(Gone(), {7})
    assert origins.get(Field(7, 1, -1)) is None
    assert origins.missing([Field(7, 1, -1)]) == set()


async def test_what_was_made_lasts_as_long_as_what_is_known(origins: Origins, clock: Clock) -> None:
    description = described(("id", ID))
    await origins.learn(Catalogue(), {16_400})
    clock.now += 6
    origins.keep(description, False, COLUMNS)
    assert origins.made(description, False) is COLUMNS
    assert origins.made(description, True) is None
    clock.now += 5
    assert origins.made(description, False) is None


async def test_forgetting_forgets_all(origins: Origins) -> None:
    description = described(("id", ID))
    await origins.learn(Catalogue(), {16_400})
    origins.keep(description, False, COLUMNS)
    origins.forget()
    assert origins.missing([ID]) == {16_400}
    assert origins.made(description, False) is None


async def test_what_a_transaction_learns_stays_in_it(origins: Origins) -> None:
    catalogue = Catalogue()
    inside = origins.inside()
    await inside.learn(catalogue, {16_400})
    inside.keep(described(("id", ID)), False, COLUMNS)
    assert inside.get(ID) == Origin("things", False)
    assert origins.get(ID) is None
    assert origins.made(described(("id", ID)), False) is None


async def test_a_transaction_knows_what_is_known_outside_until_it_alters_a_table(origins: Origins) -> None:
    await origins.learn(Catalogue(), {16_400})
    origins.keep(described(("id", ID)), False, COLUMNS)
    inside = origins.inside()
    assert inside.missing([ID]) == set()
    assert inside.made(described(("id", ID)), False) is COLUMNS
    inside.forget()
    assert inside.altered
    assert inside.missing([ID]) == {16_400}
    assert inside.made(described(("id", ID)), False) is None
    assert origins.get(ID) == Origin("things", False)


@pytest.mark.parametrize(
    ("sql", "adds"),
    [
        ("select id from things", False),
        ("select id from things inner join others using (id)", False),
        ("select o.id from things left join others o using (id)", True),
        ("select o.id from things FULL\nOUTER join others o using (id)", True),
        ("select id from things group by rollup (id)", True),
        ("merge into things using others on true when matched then delete returning id", True),
        ("insert into things values (1) returning old.id", True),
        ("select leftover from things", False),
    ],
)
def test_some_words_may_add_nulls(sql: str, adds: bool) -> None:
    assert may_add_nulls([sql]) is adds
    assert may_add_nulls(["select ", " from things where ", sql]) is adds
