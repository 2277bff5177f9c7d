"""Tables that are kept: read once for all who wait, anew when they are old or turn out to have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from unit.core.sqlite_files import databases, fill

from rowgate_server.core import table_cache
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.kept_tables import KeptTables
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.fitting import MisfitError
from rowgate_server.core.reflection import Extent
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.core.table_cache import TableCache, TableRules
from rowgate_server.core.tables import Key, Table
from rowgate_server.engines import shared
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline
from rowgate_server.errors import Reason, RowgateError
from support.eventually import eventually


class CountingCatalog(Catalog):
    """Counts what it reads, and waits for the word to answer."""

    def __init__(self, databases: Databases) -> None:
        super().__init__(databases)
        self.read: list[str] = []
        self.told = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.ended = 0

    async def read_table(
        self, database: Database, schema: str, table: str, deadline: Deadline, extent: Extent
    ) -> Table:
        self.read.append(table)
        found = await super().read_table(database, schema, table, deadline, extent)
        self.told.set()
        try:
            await self.go_on.wait()
        except asyncio.CancelledError:
            self.ended += 1
            raise
        return found


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return fill(tmp_path / "main.db", "create table things (id integer primary key, a)", "create table others (id)")


@pytest.fixture
async def found(file: Path) -> AsyncIterator[Databases]:
    async with databases({"main": file}) as found:
        yield found


@pytest.fixture
def catalog(found: Databases) -> CountingCatalog:
    return CountingCatalog(found)


def _cache(found: Databases, catalog: Catalog, max_age: float = 60.0, **soft_delete: Any) -> TableCache:
    return TableCache(found, catalog, {"main": TableRules(max_age, SoftDeletes(**soft_delete))})


async def _columns(cache: TableCache, table: str = "things", call_timeout: float | None = None) -> list[str]:
    async def work(_: object, known: KnownTable, __: object) -> list[str]:
        return list(known.columns)

    return await cache.use(("main", "", table), call_timeout, (), work)


def _wanting(column: str) -> Callable[..., Any]:
    async def work(_: object, known: KnownTable, __: object) -> str:
        return known.column(column, "columns[0]").name

    return work


async def test_a_table_is_read_on_its_first_use_only(found: Databases, catalog: CountingCatalog) -> None:
    cache = _cache(found, catalog)
    for _ in range(3):
        assert await _columns(cache) == ["id", "a"]
    assert catalog.read == ["things"]


async def test_a_table_is_read_once_however_many_wait(found: Databases, catalog: CountingCatalog) -> None:
    cache = _cache(found, catalog)
    assert await asyncio.gather(*(_columns(cache) for _ in range(50))) == [["id", "a"]] * 50
    assert catalog.read == ["things"]


async def test_one_who_goes_away_takes_the_table_from_no_other(found: Databases, catalog: CountingCatalog) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    first, second = asyncio.ensure_future(_columns(cache)), asyncio.ensure_future(_columns(cache))
    await catalog.told.wait()
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    catalog.go_on.set()
    assert await second == ["id", "a"]
    assert catalog.read == ["things"]


async def test_what_nobody_waits_for_any_more_ends_and_the_next_one_begins_anew(
    found: Databases, catalog: CountingCatalog
) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    waiting = [asyncio.ensure_future(_columns(cache)) for _ in range(2)]
    await catalog.told.wait()
    for call in waiting:
        call.cancel()
    await asyncio.wait(waiting)
    await asyncio.sleep(0)
    assert catalog.ended == 1
    catalog.go_on.set()
    assert await _columns(cache) == ["id", "a"]
    assert catalog.read == ["things"] * 2


async def test_one_that_takes_long_and_was_given_up_by_somebody_is_joined_by_nobody_else(
    found: Databases, catalog: CountingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    stuck, patient = asyncio.ensure_future(_columns(cache)), asyncio.ensure_future(_columns(cache))
    await catalog.told.wait()
    monkeypatch.setattr(shared, "_LONG", 0.0)
    stuck.cancel()
    await asyncio.wait([stuck])
    stands, catalog.go_on = catalog.go_on, asyncio.Event()
    catalog.go_on.set()
    assert await _columns(cache) == ["id", "a"]
    assert catalog.read == ["things"] * 2
    kept = cache._entries.get(("main", "", "things"))
    stands.set()
    assert await patient == ["id", "a"], "it goes on for those who wait"
    assert cache._entries.get(("main", "", "things")) is kept, "what is older takes no newer one's place"


async def test_a_table_that_nobody_may_read_for_now_takes_two_connections_at_the_most(
    found: Databases, catalog: CountingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = _cache(found, catalog)
    monkeypatch.setattr(shared, "_LONG", 0.0)
    catalog.go_on.clear()
    patient = []
    for _ in range(4):
        patient.append(asyncio.ensure_future(_columns(cache)))
        gives_up = asyncio.ensure_future(_columns(cache))
        await catalog.told.wait()
        await asyncio.sleep(0.05)
        gives_up.cancel()
        await asyncio.wait([gives_up])
    assert catalog.read == ["things"] * 2
    patient[0].cancel()
    await asyncio.wait(patient[:1])
    assert catalog.ended == 1
    patient[1].cancel()
    await asyncio.wait(patient[1:2])  # of the second reading, which nobody joins from now on
    patient.append(asyncio.ensure_future(_columns(cache)))
    await eventually(lambda: len(catalog.read) == 3, 5, "there is room for another")
    catalog.go_on.set()
    assert await asyncio.gather(*patient[2:]) == [["id", "a"]] * 3
    assert not cache._flights
    assert not cache._under_way


async def test_no_more_of_them_where_statements_alter_tables_meanwhile(
    found: Databases, catalog: CountingCatalog
) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    waiting = []
    for number in range(4):
        waiting.append(asyncio.ensure_future(_columns(cache)))
        if number < 2:
            await catalog.told.wait()
            catalog.told.clear()
        cache.forget("main")
    with pytest.raises(RowgateError, match="before the table's description was read"):
        await _columns(cache, call_timeout=0.05)
    assert catalog.read == ["things"] * 2
    catalog.go_on.set()
    assert await asyncio.gather(*waiting) == [["id", "a"]] * 4
    assert len(catalog.read) == 3
    assert not cache._under_way


async def test_one_whose_time_runs_out_is_told_so(found: Databases, catalog: CountingCatalog) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    with pytest.raises(RowgateError) as caught:
        await _columns(cache, call_timeout=0.05)
    assert (caught.value.reason, caught.value.outcome) == (Reason.STATEMENT_TIMEOUT, "NOT_RUN")
    assert caught.value.metadata["database"] == "main"
    catalog.go_on.set()
    assert await _columns(cache) == ["id", "a"]


async def test_an_old_table_is_read_anew(found: Databases, catalog: CountingCatalog) -> None:
    cache = _cache(found, catalog, max_age=0.0)
    for _ in range(3):
        await _columns(cache)
    assert catalog.read == ["things"] * 3


async def test_a_column_that_was_added_is_found_at_once(found: Databases, catalog: CountingCatalog, file: Path) -> None:
    cache = _cache(found, catalog)
    await _columns(cache)
    fill(file, "alter table things add column b")
    assert await cache.use(("main", "", "things"), None, (), _wanting("b")) == "b"
    assert catalog.read == ["things"] * 2
    assert await _columns(cache) == ["id", "a", "b"]


async def test_a_column_that_is_not_there_is_looked_for_once_a_request(
    found: Databases, catalog: CountingCatalog
) -> None:
    cache = _cache(found, catalog)
    await _columns(cache)
    with pytest.raises(RowgateError) as caught:
        await cache.use(("main", "", "things"), None, (), _wanting("nowhere"))
    assert caught.value.reason is Reason.UNKNOWN_COLUMN
    assert catalog.read == ["things"] * 2


async def test_what_others_were_already_reading_may_be_too_old(
    found: Databases, catalog: CountingCatalog, file: Path
) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    early = asyncio.ensure_future(_columns(cache))
    await catalog.told.wait()
    fill(file, "alter table things add column late")
    late = asyncio.ensure_future(cache.use(("main", "", "things"), None, (), _wanting("late")))
    await asyncio.sleep(0)
    catalog.go_on.set()
    assert await early == ["id", "a"]
    assert await late == "late"


async def test_a_table_that_is_not_there_is_never_remembered(
    found: Databases, catalog: CountingCatalog, file: Path
) -> None:
    cache = _cache(found, catalog)
    for _ in range(2):
        with pytest.raises(RowgateError) as caught:
            await _columns(cache, "thinks")
        assert (caught.value.reason, caught.value.metadata["hint"]) == (Reason.UNKNOWN_TABLE, "did you mean things?")
    fill(file, "create table thinks (x)")
    assert await _columns(cache, "thinks") == ["x"]


async def test_each_who_waits_in_vain_is_told_so_of_its_own_call(
    found: Databases, catalog: CountingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: object) -> Table:
        raise MisfitError(Reason.PERMISSION_DENIED, "no such thing", field="columns[0]", retry_after=1.0) from KeyError(
            "thing"
        )

    monkeypatch.setattr(catalog, "read_table", fail)
    cache = _cache(found, catalog)
    errors = await asyncio.gather(_columns(cache), _columns(cache), return_exceptions=True)
    for number, error in enumerate(errors):
        assert isinstance(error, MisfitError)
        assert (error.message, error.field, error.retry_after) == ("no such thing", "columns[0]", 1.0)
        assert isinstance(error.__cause__, KeyError)
        assert error.with_defaults(query_id=str(number)).metadata["query_id"] == str(number)


async def test_few_tables_are_kept(found: Databases, catalog: CountingCatalog) -> None:
    cache = _cache(found, catalog)
    cache._entries = KeptTables(most_tables=1)
    for table in ("things", "others", "others", "things"):
        await _columns(cache, table)
    assert catalog.read == ["things", "others", "things"]


async def test_a_mistake_of_the_callers_reads_a_table_anew_only_when_it_is_a_little_old(
    found: Databases, catalog: CountingCatalog, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(*_: object) -> None:
        raise RowgateError(Reason.VALUE_OUT_OF_RANGE, "it does not fit")

    cache = _cache(found, catalog)
    await _columns(cache)
    for _ in range(3):
        with pytest.raises(RowgateError):
            await cache.use(("main", "", "things"), None, (), refuse)
    assert catalog.read == ["things"]
    monkeypatch.setattr(table_cache, "_UNFIT_AGE", -1.0)
    with pytest.raises(RowgateError):
        await cache.use(("main", "", "things"), None, (), refuse)
    assert catalog.read == ["things"] * 2


async def test_a_configured_mark_that_the_table_lacks_hides_no_mistake(
    found: Databases, catalog: CountingCatalog
) -> None:
    cache = _cache(found, catalog, by_table={"things": "gone_at"})
    with pytest.raises(RowgateError) as caught:
        await _columns(cache)
    assert (caught.value.reason, caught.value.metadata["column"]) == (Reason.UNKNOWN_COLUMN, "gone_at")


async def test_a_moment_that_is_never_null_marks_nothing(
    found: Databases, catalog: CountingCatalog, file: Path
) -> None:
    fill(file, "create table dated (id integer primary key, gone_at text not null, flag boolean not null)")
    for column, reason in (("gone_at", Reason.NOT_SUPPORTED), ("flag", None)):
        cache = _cache(found, catalog, column=column)
        if reason is None:
            assert await _columns(cache, "dated") == ["id", "gone_at", "flag"]
            continue
        with pytest.raises(RowgateError) as caught:
            await _columns(cache, "dated")
        assert caught.value.reason is reason


async def test_a_mark_is_found_by_table_by_schema_and_by_name(found: Databases, catalog: CountingCatalog) -> None:
    async def mark(_: object, known: KnownTable, __: object) -> str | None:
        return known.soft_delete.name if known.soft_delete else None

    for rules, expected in (
        ({}, None),
        ({"column": "a"}, "a"),
        ({"column": "nowhere"}, None),
        ({"by_table": {"things": "a"}}, "a"),
        ({"by_table": {"main.things": "a", "things": "id"}}, "a"),
        ({"column": "a", "by_table": {"things": ""}}, None),
        ({"column": "a", "by_table": {"others": ""}}, "a"),
    ):
        cache = _cache(found, catalog, **rules)
        assert await cache.use(("main", "", "things"), None, (), mark) == expected, rules


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection:sqlalchemy.exc.SAWarning")
async def test_keys_are_the_primary_one_first_and_none_that_leaves_rows_out(
    found: Databases, catalog: CountingCatalog, file: Path
) -> None:
    fill(
        file,
        "create table keyed (a, b, c, d, unique (b), primary key (a, c))",
        "create unique index by_c on keyed (c, b)",
        "create unique index by_d on keyed (d) where d > 1",
        "create unique index by_lower on keyed (lower(d))",
        "create index by_a on keyed (a)",
    )

    async def keys(_: object, known: KnownTable, __: object) -> tuple[Key, ...]:
        return known.keys

    keys_found = await _cache(found, catalog).use(("main", "", "keyed"), None, (), keys)
    assert [key.columns for key in keys_found] == [("a", "c"), ("b",), ("c", "b")]


async def test_what_is_forgotten_is_read_anew(catalog: CountingCatalog, found: Databases) -> None:
    cache = _cache(found, catalog)
    await _columns(cache)
    cache.forget("others")
    await _columns(cache)
    assert catalog.read == ["things"]
    cache.forget("main")
    await _columns(cache)
    assert catalog.read == ["things", "things"]


async def test_what_was_being_read_when_all_was_forgotten_is_not_kept(
    catalog: CountingCatalog, found: Databases
) -> None:
    cache = _cache(found, catalog)
    catalog.go_on.clear()
    waiting = asyncio.create_task(_columns(cache))
    await catalog.told.wait()
    cache.forget("main")
    catalog.go_on.set()
    await waiting
    await _columns(cache)
    assert catalog.read == ["things", "things"]
