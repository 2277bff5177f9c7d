"""MySQL's own GTID sets: read as the server writes them, and compared as its GTID_SUBSET does."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rowgate_server.engines.dialects.mysql.gtids import gtid_set
from rowgate_server.engines.dialects.mysql.role import ask_role
from rowgate_server.engines.roles import Role, reached

A, B = "3e11fa47-71ca-11e1-9e33-c80aa9429562", "3e11fa47-71ca-11e1-9e33-c80aa9429563"
SETS = st.dictionaries(st.sampled_from([A, B, f"{A}:day"]), st.sets(st.integers(1, 12), min_size=1), min_size=1)


@st.composite
def written(draw: st.DrawFn, numbers: dict[str, set[int]]) -> str:
    """A set as text, its ranges cut anywhere and in any order."""
    parts = []
    for source, each in numbers.items():
        ranges = [f"{number}" for number in each]
        for first in draw(st.lists(st.sampled_from(sorted(each)), max_size=3)):
            last = first
            while last + 1 in each:
                last += 1
            ranges.append(f"{first}-{last}")
        shuffled = ":".join(draw(st.permutations(ranges)))
        parts.append(f"{source.upper() if draw(st.booleans()) else source}:{shuffled}")
    return draw(st.sampled_from([",", ",\n", " , "])).join(parts)


@given(st.data(), SETS)
def test_however_a_set_is_written_it_is_the_same(data: st.DataObject, numbers: dict[str, set[int]]) -> None:
    read = gtid_set(data.draw(written(numbers)))
    assert read is not None
    assert {
        source: {number for first, last in ranges for number in range(first, last + 1)}
        for source, ranges in read.items()
    } == numbers
    for ranges in read.values():
        assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(ranges))


@given(st.data(), SETS, SETS)
def test_a_replica_has_everything_when_the_primarys_set_is_a_subset_of_its_own(
    data: st.DataObject, mine: dict[str, set[int]], wanted: dict[str, set[int]]
) -> None:
    applied, primary = gtid_set(data.draw(written(mine))), gtid_set(data.draw(written(wanted)))
    subset = all(numbers <= mine.get(source, set()) for source, numbers in wanted.items())
    assert reached((None, applied), (None, primary)) is subset


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("", None),
        (f"{A}:1-3:11:47-49", {A: ((1, 3), (11, 11), (47, 49))}),
        (f"{A}:1-3:4-7", {A: ((1, 7),)}),
        (f"{A.upper()}:1-3,\n{B}:9223372036854775806", {A: ((1, 3),), B: ((9223372036854775806,) * 2,)}),
        (f"{A}:1-3:day:7:night:2-4", {A: ((1, 3),), f"{A}:day": ((7, 7),), f"{A}:night": ((2, 4),)}),
        (f"{A}:5-4", None),
        (f"{A}:0-3", None),
        (A, None),
        ("0-1-100", None),
        (f"{A}:1-", None),
        (f"{A}:1-2-3", None),
        (f"{A}:1-3,nobody:1", None),
        (f"{A}:1-99999999999999999999", None),
    ],
)
def test_what_is_no_set_tells_nothing(text: str, read: Any) -> None:
    assert gtid_set(text) == read


class Server:
    """A connection to a server that answers from a list."""

    def __init__(self, *, mode: str | None, executed: str = "", version: str = "8.0.40") -> None:
        self._answers = {
            "gtid_mode": () if mode is None else (("gtid_mode", mode),),
            "gtid_executed": (("1", executed),),
            "read_only": (("1",),),
            "wsrep": (),
        }
        self._version = version

    def get_server_info(self) -> str:
        return self._version

    async def query(self, sql: str) -> None:
        rows = next(rows for words, rows in self._answers.items() if words in sql)
        self._result = SimpleNamespace(rows=rows)


async def role(**told: Any) -> Role:
    return await ask_role(Server(**told))


async def test_mysql_is_compared_by_its_own_gtids() -> None:
    primary, replica = await role(mode="ON", executed=f"{A}:1-7"), await role(mode="ON", executed=f"{A}:1-3:5-6")
    assert reached(primary.applied, replica.written) is True
    assert reached(replica.applied, primary.written) is False
    assert not primary.writable


@pytest.mark.parametrize("mode", ["OFF", "OFF_PERMISSIVE", "ON_PERMISSIVE", None])
async def test_where_changes_may_have_no_number_nothing_is_told(mode: str | None) -> None:
    told = await role(mode=mode, executed=f"{A}:1-7")
    assert reached(told.applied, told.written) is None


async def test_mysql_and_mariadb_do_not_count_alike() -> None:
    mysql = await role(mode="ON", executed=f"{A}:1-7")
    assert reached(mysql.applied, (None, {"0": 100}, None)) is None
