"""The databases as far as the caller of the current call may go: the only way to them for what callers ask.

Whoever asks for one needs what the RPC needs (`needs`), at the least with some part of it; whatever hands out tables or
runs SQL looks further, by `access_to`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from rowgate_server.core.policy.access import Access, TableAccess, denied
from rowgate_server.core.policy.errand import current_need
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.policy.policies import Policies
from rowgate_server.core.policy.records import Limits
from rowgate_server.engines.database import Bounds, Database, Databases
from rowgate_server.errors import RowgateError
from rowgate_server.identity.principal import current_principal


class GuardedDatabases(Databases):
    """Databases behind a policy.

    Args:
        databases: every one that is served, with the gateway's own login.
        default: the name that an empty one means.
        logins: the same with other logins, by the names of both.
        policies: decides; as long as it has no policy, everything is allowed.
        held: whether they have the caller's login and limits already.
    """

    def __init__(
        self,
        databases: Mapping[str, Database],
        default: str | None,
        logins: Mapping[tuple[str, str], Database],
        policies: Policies,
        *,
        held: bool = False,
    ) -> None:
        super().__init__(dict(databases), default)
        self._logins = logins
        self._policies = policies
        self._held = held

    def exchange(
        self,
        databases: Mapping[str, Database],
        default: str | None,
        logins: Mapping[tuple[str, str], Database] = MappingProxyType({}),
    ) -> None:
        """As `Databases` says; the policies are to be replaced in the same breath, since they know the ones before."""
        super().exchange(databases, default)
        self._logins = logins

    def __iter__(self) -> Iterator[Database]:
        """Those that the caller may do anything with."""
        if self._policies.policy is None:
            return super().__iter__()
        return iter([database for database in super().__iter__() if self._allowed(database.name) is not None])

    def only(self, database: Database) -> GuardedDatabases:
        """The same policy for a view of one database."""
        return GuardedDatabases({database.name: database}, database.name, {}, self._policies, held=True)

    def get(self, name: str) -> Database:
        """The database of that name, with the caller's login and limits.

        Raises:
            RowgateError: PERMISSION_DENIED, whether or not there is such a database; without a policy UNKNOWN_DATABASE.
        """
        return self.enter(name)[1]

    def enter(self, name: str) -> tuple[Access | None, Database]:
        """Both what the caller may do with that database, and the database.

        Raises:
            RowgateError: PERMISSION_DENIED, whether or not there is such a database; without a policy UNKNOWN_DATABASE.
        """
        access = self.access(name)
        if access is None or self._held:
            return access, super().get(name)
        return access, self._view(access)

    def access(self, name: str) -> Access | None:
        """What the caller may do with that database; None: anything, because there is no policy.

        Raises:
            RowgateError: PERMISSION_DENIED, whether or not there is such a database.
        """
        if self._policies.policy is None:
            return None
        found = self._allowed(self.name_of(name))
        if found is None:
            raise denied()
        return found

    def _allowed(self, name: str) -> Access | None:
        database = self._databases.get(name)
        if database is None:
            return None
        access = self._policies.access(current_principal.get(), name, database.dialect)
        return access if access is not None and access.operations & current_need.get().operations else None

    def _view(self, access: Access) -> Database:
        view: Database | None = access.made.get(GuardedDatabases)
        if view is None:
            database = self._databases[access.database]
            if access.login:
                database = self._logins[access.database, access.login]
            view = database.bounded(narrowed(database.bounds, access.limits))
            access.made[GuardedDatabases] = view
        return view


def access_to(databases: Databases, name: str) -> Access | None:
    """What the caller may do with a database; None: anything, because there is no policy.

    Raises:
        RowgateError: PERMISSION_DENIED.
    """
    return databases.access(name) if isinstance(databases, GuardedDatabases) else None


def enter(databases: Databases, name: str) -> tuple[Access | None, Database]:
    """What the caller may do with a database (None: anything, because there is no policy), and the database.

    Raises:
        RowgateError: PERMISSION_DENIED; without a policy UNKNOWN_DATABASE.
    """
    return databases.enter(name) if isinstance(databases, GuardedDatabases) else (None, databases.get(name))


def check_whole(access: Access | None, operation: Operation) -> None:
    """Refuse what is not allowed with the database as a whole.

    Raises:
        RowgateError: PERMISSION_DENIED.
    """
    if access is not None and operation not in access.of_database:
        raise _refused(operation)


def check_table(
    access: Access, database: Database, place: Sequence[str], operations: Sequence[Operation]
) -> TableAccess:
    """Refuse what is not allowed with a table, be there one or not.

    Args:
        access: the caller's, to the database.
        database: where it is.
        place: schema (empty for the default one) and table.
        operations: all that is to be done with it.

    Raises:
        RowgateError: PERMISSION_DENIED.
    """
    found = access.table(place[0], place[1], database.availability.facts.default_schema)
    for operation in operations:
        if found is None or operation not in found.grants:
            raise _refused(operation)
    if found is None:
        raise denied()
    return found


def _refused(operation: Operation) -> RowgateError:
    return denied(_WORDS[operation])


_WORDS = {
    Operation.READ: "read here",
    Operation.INSERT: "insert here",
    Operation.UPDATE: "update here",
    Operation.DELETE: "delete here",
    Operation.RAW_READ: "run SQL of its own here",
    Operation.RAW: "write by SQL of its own here",
    Operation.DDL: "change what tables there are here",
    Operation.ADMIN: "do this",
}


def narrowed(bounds: Bounds, limits: Limits) -> Bounds:
    """The server's bounds, or a role's where these are less."""
    bounds = replace(bounds, own_rows=bounds.unary_rows, own_bytes=bounds.unary_bytes)
    if limits.rows is not None:
        bounds = replace(bounds, unary_rows=min(bounds.unary_rows, limits.rows), stream_rows=limits.rows)
    if limits.bytes is not None:
        bounds = replace(bounds, unary_bytes=min(bounds.unary_bytes, limits.bytes), stream_bytes=limits.bytes)
    if limits.time is not None:
        if limits.time < bounds.statement_timeout:
            bounds = replace(bounds, statement_timeout=limits.time, statement_limit=_TIME)
        if limits.time < bounds.stream_timeout:
            bounds = replace(bounds, stream_timeout=limits.time, stream_limit=_TIME)
    return bounds


_TIME = "the role's limits.time"
