"""The tables that were read lately: each is read on its first use, once however many callers wait for it.

A description is dropped when it is old, or SQLite's file says that tables have changed, and read anew when a request
meets something that it does not know: a table that was made or changed a moment ago is found.

Within a transaction it is read on the transaction's own connection, for that alone, where it has altered tables; and
where the reading for all does not end soon, which may be waiting for this very transaction: for its locks, or its
connection.
"""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

from rowgate_server.core.catalog import Catalog, description_of
from rowgate_server.core.kept_tables import HeldTables, Kept, KeptTables, Place, of_name
from rowgate_server.core.known_table import KnownTable, StaleTableError, known
from rowgate_server.core.narrowing import discreet, narrowed
from rowgate_server.core.policy.access import Access
from rowgate_server.core.policy.fitting import MisfitError
from rowgate_server.core.policy.guard import check_table, enter
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.reflection import Extent
from rowgate_server.core.soft_delete import SoftDeletes
from rowgate_server.engines import clock
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.engines.dialects import Dialect
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.routing import PRIMARY, Reading
from rowgate_server.engines.running import Call
from rowgate_server.engines.shared import Awaited, Shared
from rowgate_server.engines.values import BoundStatement
from rowgate_server.errors import Outcome, Reason, RowgateError
from rowgate_server.observability.ids import new_id

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
_AT_ONCE = 2
"""Readings of one table."""
_HELD_UP = frozenset({Reason.POOL_EXHAUSTED, Reason.LOCK_TIMEOUT, Reason.DATABASE_UNAVAILABLE})
"""What a reading for all may end in while a transaction can still do its own."""
_SOON = 0.25
"""Seconds that a transaction waits for it: it takes a few milliseconds."""


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

    Attributes:
        databases: as above; within a transaction, a view of its own.
        held: what a transaction knows by itself, within one.
    """

    def __init__(self, databases: Databases, catalog: Catalog, rules: Mapping[str, TableRules]) -> None:
        self.databases = databases
        self._catalog = catalog
        self._rules = rules
        self._entries = KeptTables()
        self.held: HeldTables | None = None
        self._flights: dict[Place, Shared[KnownTable]] = {}
        self._under_way: dict[Place, list[Shared[KnownTable]]] = {}
        """Those, and others that nobody joins any more, while some still wait for them."""
        self._alterations: Counter[str] = Counter()
        self._narrowed: OrderedDict[tuple[KnownTable, Access], KnownTable] = OrderedDict()

    def forget(self, database: str) -> None:
        """Drop what is known of a database, and what is being read of it: a statement may have altered its tables."""
        self._alterations[database] += 1
        self._entries.forget(database)
        for place in [place for place in self._flights if of_name(place[0], database)]:
            del self._flights[place]

    def on(self, database: Database, held: HeldTables) -> TableCache:
        """The same tables, for a view of their database within a transaction, and what that knows by itself."""
        viewed = copy(self)
        viewed.databases = self.databases.only(database)
        viewed.held = held
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
        access, database = enter(self.databases, place[0])
        database = database.reading(reading)
        deadline = Deadline.soonest(
            of_call(call_timeout),
            (database.bounds.statement_timeout, database.statement_limit),
        )
        if access is None:
            return await self._use(database, place, deadline, work)
        check_table(access, database, place[1:], operations)

        async def narrowed_work(database: Database, table: KnownTable, deadline: Deadline) -> _T:
            known_to_caller = self._for_caller(access, database, table, operations)
            try:
                return await work(database, known_to_caller, deadline)
            except RowgateError as error:
                raise discreet(error, known_to_caller) from error.__cause__

        try:
            return await self._use(database, place, deadline, narrowed_work)
        except RowgateError as error:
            if error.reason is not Reason.UNKNOWN_TABLE:
                raise
        # Others may have waited for the same error, and be told of other tables.
        raise await Catalog(self.databases).unknown_table(database.answering, place[1], place[2], deadline)

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

    async def _use(self, database: Database, place: tuple[str, str, str], deadline: Deadline, work: _Work[_T]) -> _T:
        place = (database.key, *place[1:])
        try:
            kept, entry = self._fresh(database, place)
            if entry is not None:
                try:
                    return await work(database, entry.table, deadline)
                except RowgateError as error:
                    if not self._may_be_stale(entry, error):
                        raise
                    kept.drop(place, entry)
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
        if self.held is not None and self.held.altered:
            return await work(database, await self._read_within(self.held, database, place, deadline), deadline)
        begun = self._flights.get(place)
        if begun is not None:
            try:
                return await work(database, await self._landed(begun, database, place, deadline), deadline)
            except RowgateError as error:
                if error.reason not in _UNKNOWN and not isinstance(error, StaleTableError):
                    raise
        return await work(database, await self._begun(database, place, deadline), deadline)

    def _fresh(self, database: Database, place: Place) -> tuple[KeptTables, Kept | None]:
        """What is known, and where it is kept."""
        held = self.held
        if held is None or not held.altered:
            entry = self._fresh_of(self._entries, database, place)
            if entry is not None or held is None:
                return self._entries, entry
        return held.kept, self._fresh_of(held.kept, database, place)

    def _fresh_of(self, kept: KeptTables, database: Database, place: Place) -> Kept | None:
        entry, version = kept.get(place), database.schema_version()
        if entry is None:
            return None
        changed = None not in (version, entry.version) and version != entry.version
        if changed or _now() - entry.read_at > self._rules[database.name].max_age:
            kept.drop(place, entry)
            return None
        return entry

    @staticmethod
    def _may_be_stale(entry: Kept, error: RowgateError) -> bool:
        if error.reason in _UNKNOWN or isinstance(error, StaleTableError):
            return True
        unfit = error.reason in _UNFIT or isinstance(error, MisfitError)
        return unfit and _now() - entry.read_at > _UNFIT_AGE

    async def _begun(self, database: Database, place: Place, deadline: Deadline) -> KnownTable:
        """What comes of a reading for all who wait for it: of one that is under way, or of another.

        Few are at a time: one that waits for a lock holds a connection of the pool, as one on a dark link does.
        """
        while True:
            flight, under_way = self._flights.get(place), self._under_way.get(place, [])
            if flight is None and len(under_way) < _AT_ONCE:
                flight = self._fly(database, place)
            if flight is not None:
                return await self._landed(flight, database, place, deadline)
            if self.held is not None and self._sees_as_all(database):
                return await self._read_within(self.held, database, place, deadline)
            over = asyncio.wait([each.task for each in under_way], return_when=asyncio.FIRST_COMPLETED)
            await _listed(over, "before", database, place, deadline)

    @staticmethod
    def _sees_as_all(database: Database) -> bool:
        """Whether what is read on one of its connections is good for all.

        Another login may not be told all of a table by MariaDB; and it has a pool of its own, so nothing waits there
        for its transaction.
        """
        return database.dialect is not Dialect.MYSQL or not database.login

    def _fly(self, database: Database, place: Place) -> Shared[KnownTable]:
        under_way = self._under_way.setdefault(place, [])

        def over(flight: Shared[KnownTable]) -> None:
            if not flight.goes_on and flight in under_way:
                under_way.remove(flight)
                if not under_way:
                    del self._under_way[place]
            if self._flights.get(place) is flight and not (flight.goes_on and len(under_way) == _AT_ONCE):
                del self._flights[place]

        flight = self._flights[place] = Shared(lambda: self._read(database, place), over)
        under_way.append(flight)
        return flight

    async def _landed(
        self, flight: Shared[KnownTable], database: Database, place: Place, deadline: Deadline
    ) -> KnownTable:
        """What comes of a reading for all; in a transaction, where that does not come soon, of one of its own."""
        held = self.held
        if held is None or not self._sees_as_all(database):
            return await _waited(flight, database, place, deadline)
        with flight.joined():  # until then, for the next one
            soon = min(deadline, Deadline(_now() + _SOON, _SOON, ""))
            try:
                return await _waited(flight, database, place, soon)
            except RowgateError as error:
                late = error.reason is Reason.STATEMENT_TIMEOUT and soon is not deadline
                if not late and error.reason not in _HELD_UP:
                    raise
            return await self._read_within(held, database, place, deadline)

    async def _read(self, database: Database, place: Place) -> KnownTable:
        read_at, alterations, version = _now(), self._alterations[database.name], database.schema_version()
        # A transaction's may be served no more, or be another one than the one of its name.
        found = await self._known(database.own, place, _for_its_waiters(database.own))
        if self._alterations[database.name] != alterations:
            return found  # good for those who asked before
        newer = self._entries.get(place)
        if newer is None or newer.read_at <= read_at:  # two may be under way, if this one takes long
            self._entries.put(place, Kept(found, read_at, version))
        return found

    async def _read_within(self, held: HeldTables, database: Database, place: Place, deadline: Deadline) -> KnownTable:
        """As a transaction sees it, and for that alone."""
        read_at = _now()
        found = await self._known(database, place, deadline)
        held.kept.put(place, Kept(found, read_at, None))
        return found

    async def _known(self, database: Database, place: Place, deadline: Deadline) -> KnownTable:
        table = await self._catalog.read_table(database, place[1], place[2], deadline, Extent.ROWS)
        soft_delete = self._rules[database.name].soft_deletes.column_of(table)
        return known(database.name, database.dialect, table, soft_delete)


def _for_its_waiters(database: Database) -> Deadline:
    """They have their own: each as much as one statement, from a moment on at which the first one's was not over."""
    seconds = 2 * database.bounds.statement_timeout
    return Deadline(_now() + seconds, seconds, f"twice {database.statement_limit}")


async def _waited(flight: Shared[KnownTable], database: Database, place: Place, deadline: Deadline) -> KnownTable:
    """What comes of a reading for all."""
    try:
        with flight.joined():
            return await _listed(flight.result(), "while", database, place, deadline)
    except RowgateError as error:
        raise error.copy() from error.__cause__  # others wait for the same one


async def _listed(awaited: Awaitable[_T], when: str, database: Database, place: Place, deadline: Deadline) -> _T:
    """What comes of something, which is listed as what this caller waits for: a table's description."""
    described = BoundStatement((description_of(database, *place[1:]),), ())
    listed = Awaited(Call(described, deadline, ResultLimits(), new_id(), reads=True), clock.now())
    try:
        with database.listing(listed):
            async with asyncio.timeout_at(deadline.at):
                return await listed.waiting(awaited)
    except TimeoutError:
        raise deadline.exceeded(f"{when} the table's description was read", Outcome.NOT_RUN) from None


def _now() -> float:
    return asyncio.get_running_loop().time()
