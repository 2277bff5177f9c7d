"""The trees that were read lately: one for each database and login, read once however many callers wait for it.

None that is older than `max_age` is handed out. From half that age on the next caller sets off the next reading, and
has the tree that is there: so whoever asks steadily never waits.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

from rowgate_server.core.tree.reading import read_tree
from rowgate_server.core.tree.records import Tree
from rowgate_server.engines import clock
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.errors import Outcome, RowgateError
from rowgate_server.observability.callers import of_nobody

_Place: TypeAlias = tuple[str, str]
"""The names of a database and of a login."""


@dataclass(frozen=True, slots=True)
class TreeRules:
    """What the configuration says of one database's tree; `max_age` and `load_timeout` in seconds."""

    max_age: float
    load_timeout: float
    max_columns: int


class TreeStore:
    """Hands out trees.

    Args:
        databases: every one that is served, as far as the caller may go; a tree shows what its login may know of.
        rules: by the databases' names.
    """

    def __init__(self, databases: Databases, rules: Mapping[str, TreeRules]) -> None:
        self._databases = databases
        self._rules = rules
        self._trees: dict[_Place, Tree] = {}
        self._versions: dict[_Place, int | None] = {}
        self._drops: dict[_Place, asyncio.TimerHandle] = {}
        self._flights: dict[_Place, asyncio.Task[Tree]] = {}

    async def get(self, database_name: str, call_timeout: float | None) -> Tree:
        """The tree of a database, at most `max_age` old; SQLite's as it is.

        Raises:
            RowgateError: PERMISSION_DENIED, UNKNOWN_DATABASE, RESULT_TOO_LARGE, and what the database has against it.
        """
        database = self._databases.get(database_name)
        tree = self._current(database)
        max_age = self._rules[database.name].max_age
        age = clock.now() - tree.read_at if tree is not None else 0.0
        if tree is None or age > max_age:
            return await self._landed(database, self._flight(database), self._deadline(database, call_timeout))
        if age > max_age / 2:
            self._flight(database)
        return tree

    async def refresh(self, database_name: str, call_timeout: float | None) -> Tree:
        """The tree, read from now on.

        Raises:
            RowgateError: as `get`.
        """
        database = self._databases.get(database_name)
        deadline = self._deadline(database, call_timeout)
        begun = self._flights.get(_place(database))
        if begun is not None:
            # What is being read may be older than this call.
            await self._settled(database, begun, deadline)
        flight = self._flights.get(_place(database))
        if flight is None or flight is begun:
            flight = self._fly(database)
        return await self._landed(database, flight, deadline)

    def forget(self, database_name: str) -> None:
        """The schema has changed: whoever asks next has it read anew."""
        for place in [place for place in self._trees if place[0] == database_name]:
            self._drop(place)
        # What is being read is for those who wait for it, and not kept.
        for place in [place for place in self._flights if place[0] == database_name]:
            del self._flights[place]

    async def close(self) -> None:
        """Read no more."""
        for timer in self._drops.values():
            timer.cancel()
        flights = list(self._flights.values())
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)

    def _current(self, database: Database) -> Tree | None:
        """The tree that is kept, unless SQLite's file says that tables have changed since."""
        place = _place(database)
        tree = self._trees.get(place)
        if tree is not None:
            now, then = database.schema_version(), self._versions.get(place)
            if None not in (now, then) and now != then:
                self._drop(place)
                return None
        return tree

    def _flight(self, database: Database) -> asyncio.Task[Tree]:
        return self._flights.get(_place(database)) or self._fly(database)

    def _fly(self, database: Database) -> asyncio.Task[Tree]:
        """Begin to read: a task of its own, so that a caller who goes away takes it from no other."""
        place, rules = _place(database), self._rules[database.name]
        limit = Deadline.soonest((rules.load_timeout, f"databases.{database.name}.catalog.load_timeout"))
        version = database.schema_version()
        flight = asyncio.create_task(of_nobody(lambda: read_tree(database, limit, rules.max_columns)))
        self._flights[place] = flight

        def landed(_: asyncio.Task[Tree]) -> None:
            current = self._flights.get(place) is flight
            if current:
                del self._flights[place]
            # Asking for the exception keeps asyncio from complaining where every caller has gone away.
            if not flight.cancelled() and flight.exception() is None and current:
                self._keep(place, flight.result(), rules.max_age, version)

        flight.add_done_callback(landed)
        return flight

    def _keep(self, place: _Place, tree: Tree, max_age: float, version: int | None) -> None:
        """Until it is too old to be handed out."""
        self._drop(place)
        self._trees[place], self._versions[place] = tree, version
        left = max(0.0, tree.read_at + max_age - clock.now())
        self._drops[place] = asyncio.get_running_loop().call_later(left, self._drop, place)

    def _drop(self, place: _Place) -> None:
        self._trees.pop(place, None)
        self._versions.pop(place, None)
        timer = self._drops.pop(place, None)
        if timer is not None:
            timer.cancel()

    def _deadline(self, database: Database, call_timeout: float | None) -> Deadline:
        limit = self._rules[database.name].load_timeout
        return Deadline.soonest(of_call(call_timeout), (limit, f"databases.{database.name}.catalog.load_timeout"))

    async def _landed(self, database: Database, flight: asyncio.Task[Tree], deadline: Deadline) -> Tree:
        try:
            async with asyncio.timeout_at(deadline.at):
                return await asyncio.shield(flight)
        except TimeoutError:
            error = deadline.exceeded("while the schema was read", Outcome.NOT_RUN)
            raise error.with_defaults(database=database.name) from None
        except RowgateError as error:  # others wait for the same one
            raise error.copy().with_defaults(database=database.name) from error.__cause__

    async def _settled(self, database: Database, flight: asyncio.Task[Tree], deadline: Deadline) -> None:
        try:
            async with asyncio.timeout_at(deadline.at):
                await asyncio.wait({flight})
        except TimeoutError:
            error = deadline.exceeded("while the schema was read", Outcome.NOT_RUN)
            raise error.with_defaults(database=database.name) from None


def _place(database: Database) -> _Place:
    return database.name, database.login
