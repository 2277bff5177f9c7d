"""The tables that were read lately: each is read on its first use, once however many callers wait for it.

A description is dropped when it is old, or SQLite's file says that tables have changed, and read anew when a request
meets something that it does not know: a table that was made or changed a moment ago is found.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from rowgate_server.core.catalog import Catalog
from rowgate_server.core.kept_tables import Kept, KeptTables, Place, of_name
from rowgate_server.core.known_table import KnownTable, StaleTableError, known
from rowgate_server.core.narrowing import discreet, narrowed
from rowgate_server.core.policy.access import Access
from rowgate_server.core.policy.fitting import MisfitError
from rowgate_server.core.policy.guard import check_table, enter
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.reflection import Extent
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.engines.routing import PRIMARY, Reading
from rowgate_server.errors import Outcome, Reason, RowgateError

_T = TypeVar("_T")
_Work: TypeAlias = Callable[[Database, KnownTable, Deadline], Awaitable[_T]]
_MOST_NARROWED = 1000

_UNKNOWN = frozenset({Reason.UNKNOWN_COLUMN, Reason.UNKNOWN_TABLE, Reason.INVALID_SQL})
"""What a request may end in because the table has changed, be it by the gateway's word or the database's.

The gateway writes SQL that is valid for the table as it knows it: a column that has become a boolean has no `= 0`.
"""
_UNFIT = frozenset({Reason.INVALID_PARAMETER, Reason.VALUE_OUT_OF_RANGE, Reason.INVALID_REQUEST})
"""Mostly the caller's own mistake, so a table is read anew for these at most once in so many seconds:"""
_UNFIT_AGE = 1.0


@dataclass(frozen=True, slots=True)
class TableRules:
    """What the configuration says of one database's tables; `max_age` in seconds."""

    max_age: float
    soft_deletes: SoftDeletes


class TableCache:
    """Hands out tables.

    Args:
        databases: every one that is served, as far as the caller may go.
        catalog: reads a table, whoever asks.
        rules: by the databases' names.
    """

    def __init__(self, databases: Databases, catalog: Catalog, rules: Mapping[str, TableRules]) -> None:
        self._databases = databases
        self._catalog = catalog
        self._rules = rules
        self._entries = KeptTables()
        self._flights: dict[Place, asyncio.Task[KnownTable]] = {}
        self._alterations: Counter[str] = Counter()
        self._narrowed: OrderedDict[tuple[KnownTable, Access], KnownTable] = OrderedDict()

    def forget(self, database: str) -> None:
        """Drop what is known of a database, and what is being read of it: a statement may have altered its tables."""
        self._alterations[database] += 1
        self._entries.forget(database)
        for place in [place for place in self._flights if of_name(place[0], database)]:
            del self._flights[place]

    def on(self, database: Database) -> TableCache:
        """The same tables, for a view of their database."""
        viewed = copy(self)
        viewed._databases = self._databases.only(database)  # noqa: SLF001 - its own
        return viewed

    async def use(
        self,
        place: tuple[str, str, str],
        call_timeout: float | None,
        operations: Sequence[Operation],
        work: _Work[_T],
        reading: Reading = PRIMARY,
    ) -> _T:
        """Call a function with a table; once more with the table read anew, if it ended in what that may mend.

        The function must have changed nothing when it raises.

        Args:
            place: database, schema and table, empty for the default ones.
            call_timeout: seconds that the call has left.
            operations: what is to be done with it, all of which the caller must be allowed.
            work: does it, with what the caller may know of it; its deadline is that of the whole.
            reading: where it does that; what the table is like is asked of the primary.

        Raises:
            RowgateError: PERMISSION_DENIED, be there such a table or not; UNKNOWN_DATABASE, UNKNOWN_TABLE (with near
                misses), and what the function raises.
        """
        access, database = enter(self._databases, place[0])
        database = database.reading(reading)
        if access is None:
            return await self._use(database, place, call_timeout, work)
        check_table(access, database, place[1:], operations)

        async def narrowed_work(database: Database, table: KnownTable, deadline: Deadline) -> _T:
            known_to_caller = self._for_caller(access, database, table, operations)
            try:
                return await work(database, known_to_caller, deadline)
            except RowgateError as error:
                raise discreet(error, known_to_caller) from error.__cause__

        try:
            return await self._use(database, place, call_timeout, narrowed_work)
        except RowgateError as error:
            if error.reason is not Reason.UNKNOWN_TABLE:
                raise
        # Others may have waited for the same error, and be told of other tables.
        raise await Catalog(self._databases).unknown_table(database, place[1], place[2], call_timeout)

    def _for_caller(
        self, access: Access, database: Database, table: KnownTable, operations: Sequence[Operation]
    ) -> KnownTable:
        """A table as its caller may know it."""
        key = (table, access)
        found = self._narrowed.get(key)
        if found is None:
            place = (table.described.schema, table.name)
            found = self._narrowed[key] = narrowed(table, check_table(access, database, place, operations))
            if len(self._narrowed) > _MOST_NARROWED:
                self._narrowed.popitem(last=False)
        return found

    async def _use(
        self, database: Database, place: tuple[str, str, str], call_timeout: float | None, work: _Work[_T]
    ) -> _T:
        deadline = Deadline.soonest(
            of_call(call_timeout),
            (database.bounds.statement_timeout, database.statement_limit),
        )
        place = (database.key, *place[1:])
        try:
            entry = self._fresh(database, place)
            if entry is not None:
                try:
                    return await work(database, entry.table, deadline)
                except RowgateError as error:
                    if not self._may_be_stale(entry, error):
                        raise
                    self._entries.drop(place, entry)
            return await self._read_and_work(database, place, deadline, work)
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__

    async def _read_and_work(
        self,
        database: Database,
        place: Place,
        deadline: Deadline,
        work: _Work[_T],
    ) -> _T:
        """With what is read from now on. What others were already reading may be older than this request."""
        begun = self._flights.get(place)
        if begun is not None:
            try:
                return await work(database, await _landed(begun, deadline), deadline)
            except RowgateError as error:
                if error.reason not in _UNKNOWN and not isinstance(error, StaleTableError):
                    raise
        flight = self._flights.get(place) or self._fly(database, place)
        return await work(database, await _landed(flight, deadline), deadline)

    def _fresh(self, database: Database, place: Place) -> Kept | None:
        entry, version = self._entries.get(place), database.schema_version()
        if entry is None:
            return None
        changed = None not in (version, entry.version) and version != entry.version
        if changed or _now() - entry.read_at > self._rules[database.name].max_age:
            self._entries.drop(place, entry)
            return None
        return entry

    @staticmethod
    def _may_be_stale(entry: Kept, error: RowgateError) -> bool:
        if error.reason in _UNKNOWN or isinstance(error, StaleTableError):
            return True
        unfit = error.reason in _UNFIT or isinstance(error, MisfitError)
        return unfit and _now() - entry.read_at > _UNFIT_AGE

    def _fly(self, database: Database, place: Place) -> asyncio.Task[KnownTable]:
        """Begin to read a table: a task of its own, so that a caller who goes away takes it from no other."""
        flight = asyncio.create_task(self._read(database, place))
        self._flights[place] = flight

        def landed(_: asyncio.Task[KnownTable]) -> None:
            if self._flights.get(place) is flight:
                del self._flights[place]
            if not flight.cancelled():
                flight.exception()  # else asyncio complains where every caller has gone away

        flight.add_done_callback(landed)
        return flight

    async def _read(self, database: Database, place: Place) -> KnownTable:
        read_at, alterations, version = _now(), self._alterations[database.name], database.schema_version()
        # A transaction's may be served no more, or be another one than the one of its name.
        table = await self._catalog.read_table(database.own, place[1], place[2], None, Extent.ROWS)
        soft_delete = self._rules[database.name].soft_deletes.column_of(table)
        found = known(database.name, database.dialect, table, soft_delete)
        if self._alterations[database.name] != alterations:
            return found  # good for those who asked before
        self._entries.put(place, Kept(found, read_at, version))
        return found


async def _landed(flight: asyncio.Task[KnownTable], deadline: Deadline) -> KnownTable:
    try:
        async with asyncio.timeout_at(deadline.at):
            return await asyncio.shield(flight)
    except TimeoutError:
        raise deadline.exceeded("while the table's description was read", Outcome.NOT_RUN) from None
    except RowgateError as error:
        raise error.copy() from error.__cause__  # others wait for the same one


def _now() -> float:
    return asyncio.get_running_loop().time()
