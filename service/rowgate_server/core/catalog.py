"""What tables there are, and what one looks like: asked of the database through SQLAlchemy's Inspector."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from sqlalchemy import Connection, Inspector
from sqlalchemy.exc import NoSuchTableError

from rowgate_server.core import reflection
from rowgate_server.core.broken_views import broken_among
from rowgate_server.core.ddl.expressions import quoted
from rowgate_server.core.narrowing import described
from rowgate_server.core.near_misses import hint, near_misses
from rowgate_server.core.policy.access import denied
from rowgate_server.core.policy.fitting import fitted
from rowgate_server.core.policy.guard import access_to, check_table, enter
from rowgate_server.core.policy.sights import sight_of
from rowgate_server.core.tables import Table, TableKind, TableSummary
from rowgate_server.core.tree.reading import read_schemas
from rowgate_server.core.tree.records import SchemaName
from rowgate_server.engines.database import Database, Databases
from rowgate_server.engines.deadline import Deadline, of_call
from rowgate_server.engines.dialects import Dialect
from rowgate_server.errors import Outcome, Reason, RowgateError

DEFAULT_PAGE, LARGEST_PAGE = 500, 5000
_TOKEN_VERSION = 1
_LONGEST_PATTERN = 1000


@dataclass(frozen=True, slots=True)
class TableQuery:
    """Which tables, and which page of them; empty means what `schema_service.proto` says."""

    database: str
    schema: str = ""
    name_pattern: str = ""
    kind: TableKind | None = None
    page_size: int = 0
    page_token: str = ""
    call_timeout: float | None = None


@dataclass(frozen=True, slots=True)
class TablePage:
    """One page of tables, and the token of the next one ("" when this is the last)."""

    tables: list[TableSummary]
    next_page_token: str


@dataclass(frozen=True, slots=True)
class SchemaPage:
    """One page of schemas, and the token of the next one ("" when this is the last)."""

    schemas: list[SchemaName]
    next_page_token: str


class Catalog:
    """Reads schemas."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def list_tables(self, query: TableQuery) -> TablePage:
        """One page, in alphabetical order.

        Raises:
            RowgateError: UNKNOWN_DATABASE, UNKNOWN_TABLE for a schema that is not there, INVALID_REQUEST.
        """
        _check_page_size(query.page_size)
        if len(query.name_pattern) > _LONGEST_PATTERN:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "name_pattern is too long",
                field="name_pattern",
                limit=f"{_LONGEST_PATTERN} characters",
            )
        access, database = enter(self._databases, query.database)
        after = _read_token(query)
        if access is not None and query.schema and not access.sees_schema(query.schema, _default_schema(database)):
            raise denied("list tables here")
        tables = await self._all_tables(database, query, _deadline(database, query.call_timeout))
        matches = _matcher(query.name_pattern)
        wanted = [
            table
            for table in tables
            if (after is None or table.name > after) and query.kind in (None, table.kind) and matches.match(table.name)
        ]
        size = min(query.page_size or DEFAULT_PAGE, LARGEST_PAGE)
        page = await self._marked(database, wanted[:size], query.call_timeout)
        return TablePage(page, _write_token(query, page[-1].name) if len(wanted) > size else "")

    async def list_schemas(
        self, database_name: str, page_size: int, page_token: str, call_timeout: float | None
    ) -> SchemaPage:
        """One page of a database's schemas, as far as the caller may know of them, in alphabetical order.

        Raises:
            RowgateError: PERMISSION_DENIED, UNKNOWN_DATABASE, INVALID_REQUEST.
        """
        # A token is bound to its request: no pattern of ListTables has this character.
        query = TableQuery(database_name, name_pattern="\0", page_size=page_size, page_token=page_token)
        _check_page_size(page_size)
        access, database = enter(self._databases, database_name)
        after = _read_token(query)
        try:
            schemas = await read_schemas(database, _deadline(database, call_timeout))
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__
        sight = sight_of(access, database)
        wanted = [each for each in schemas if (after is None or each.name > after) and sight.schema(each.name)]
        size = min(page_size or DEFAULT_PAGE, LARGEST_PAGE)
        page = wanted[:size]
        return SchemaPage(page, _write_token(query, page[-1].name) if len(wanted) > size else "")

    async def get_table(
        self,
        database_name: str,
        schema: str,
        table: str,
        call_timeout: float | None,
        extent: reflection.Extent = reflection.Extent.WHOLE,
    ) -> Table:
        """One table or view, as far as its caller may know it.

        Raises:
            RowgateError: PERMISSION_DENIED, be there such a table or not; UNKNOWN_DATABASE, UNKNOWN_TABLE (with near
                misses), INVALID_REQUEST.
        """
        if not table:
            raise _unnamed()
        access, database = enter(self._databases, database_name)
        deadline = _deadline(database, call_timeout)
        if access is None or access.sees_everything:
            return await self.read_table(database, schema, table, deadline, extent)
        allowed = check_table(access, database, (schema, table), ())
        found = await self.read_table(database, schema, table, deadline, extent)
        allowed = fitted(allowed, (column.name for column in found.columns), database.name, found.name)
        default = _default_schema(database)
        return described(found, allowed, lambda schema, name, columns: access.sees(schema, name, default, columns))

    async def read_table(
        self, database: Database, schema: str, table: str, deadline: Deadline, extent: reflection.Extent
    ) -> Table:
        """One table or view of this very database, or as a transaction sees it that this is within; whoever asks.

        Raises:
            RowgateError: INVALID_REQUEST, UNKNOWN_TABLE (with near misses), and what the database has against it.
        """
        if not table:
            raise _unnamed()
        if "\0" in table + schema:
            # No engine has such a name, and each has another error for it.
            raise await self.unknown_table(database, schema, table, deadline)
        try:
            found = await database.reflect(
                lambda inspector: reflection.read_table(inspector, table, schema or None, database.dialect, extent),
                deadline,
                description_of(database, schema, table),
            )
        except NoSuchTableError:
            raise await self.unknown_table(database, schema, table, deadline) from None
        except RowgateError as error:
            error.with_defaults(database=database.name)
            # MariaDB has another error for a name that no table may have, and denies what the login may not know of.
            if error.reason in (Reason.UNKNOWN_TABLE, Reason.INVALID_SQL, Reason.PERMISSION_DENIED):
                raise await self.unknown_table(database, schema, table, deadline, error) from None
            raise error from error.__cause__
        if found.broken and extent is reflection.Extent.ROWS:
            raise RowgateError(
                Reason.UNKNOWN_TABLE,
                "the database can't use this view: something that it refers to is gone",
                field="table",
                database=database.name,
                table=table,
                outcome=Outcome.NOT_RUN,
            )
        return found

    async def default_schema(self, database: Database) -> str:
        """The schema that an empty one means."""
        return await database.reflect(reflection.default_schema, _deadline(database, None))

    async def _all_tables(self, database: Database, query: TableQuery, deadline: Deadline) -> list[TableSummary]:
        access = access_to(self._databases, query.database)
        sight = sight_of(access, database)

        def read(inspector: Inspector) -> tuple[list[TableSummary] | None, list[str]]:
            names = inspector.get_schema_names() if query.schema else []
            missing = query.schema and query.schema not in names
            return (None if missing else reflection.list_tables(inspector, query.schema or None)), names

        try:
            tables, schemas = await database.reflect(read, deadline)
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__
        if tables is None:
            raise unknown_schema(database, query.schema, filter(sight.schema, schemas))
        return [table for table in tables if sight.shows(table.schema, table.name)]

    async def _marked(
        self, database: Database, page: list[TableSummary], call_timeout: float | None
    ) -> list[TableSummary]:
        """The page, with the views marked that are broken; that takes a look at each, so it is done for one page."""
        views = [each.name for each in page if each.kind is TableKind.VIEW]
        if not views or database.dialect is Dialect.POSTGRESQL:
            return page
        schema = page[0].schema

        def read(inspector: Inspector) -> frozenset[str]:
            connection = inspector.bind
            if not isinstance(connection, Connection):
                raise TypeError("views are looked at on a connection")
            return broken_among(connection, database.dialect, schema, views)

        try:
            broken = await database.reflect(read, _deadline(database, call_timeout))
        except RowgateError as error:
            raise error.with_defaults(database=database.name) from error.__cause__
        return [replace(each, broken=each.name in broken) for each in page]

    async def unknown_table(
        self,
        database: Database,
        schema: str,
        table: str,
        deadline: Deadline,
        error: RowgateError | None = None,
    ) -> RowgateError:
        """UNKNOWN_TABLE, with what the caller may have meant; or what the database has against a view that is there."""
        query = TableQuery(database.name, schema)
        names = [found.name for found in await self._all_tables(database, query, deadline)]
        if error is not None and table in names:
            return error
        near = await asyncio.to_thread(near_misses, table, names)
        return RowgateError(
            Reason.UNKNOWN_TABLE,
            "the database has no table or view of that name",
            field="table",
            database=database.name,
            table=table,
            hint=hint(near),
        )


def unknown_schema(database: Database, schema: str, there: Iterable[str], field: str = "schema") -> RowgateError:
    """The database has no such schema, but these, as far as the caller may know."""
    return RowgateError(
        Reason.UNKNOWN_TABLE,
        "the database has no schema of that name",
        field=field,
        outcome=Outcome.NOT_RUN,
        database=database.name,
        schema=schema,
        hint=hint(near_misses(schema, there)),
    )


def description_of(database: Database, schema: str, table: str) -> str:
    """What the reading of a table is listed as, whatever its engine is asked."""
    return f"DESCRIBE {'.'.join(quoted(name, database.dialect) for name in (schema, table) if name)}"


def _default_schema(database: Database) -> str:
    return database.availability.facts.default_schema


def _deadline(database: Database, call_timeout: float | None) -> Deadline:
    return Deadline.soonest(of_call(call_timeout), (database.bounds.statement_timeout, database.statement_limit))


def _check_page_size(page_size: int) -> None:
    if page_size < 0:
        raise RowgateError(Reason.INVALID_REQUEST, "page_size is negative", field="page_size")


def _matcher(pattern: str) -> re.Pattern[str]:
    """`*` any run, `?` any one, a backslash takes the next as it is.

    What stands between two stars is taken where it is first found, and never looked for again (an atomic group):
    otherwise `*?*?*?*?*?*?*?*?x` would try every way to share a name among its stars.
    """
    if not pattern:
        return re.compile("")
    pieces = [""]
    for part in re.findall(r"\\.|\*+|[^\\*]|\\\Z", pattern, re.DOTALL):
        if part.startswith("*"):
            pieces.append("")
        else:
            pieces[-1] += "." if part == "?" else re.escape(part.removeprefix("\\") or "\\")
    first, *others = pieces
    text = first
    if others:
        *between, last = others
        text += "".join(f"(?>.*?{piece})" for piece in between) + f".*{last}"
    return re.compile(rf"{text}\Z", re.IGNORECASE | re.DOTALL)


def _binding(query: TableQuery) -> str:
    """What a token belongs to: the request without its page fields."""
    kind = query.kind.value if query.kind else 0
    text = json.dumps([query.database, query.schema, query.name_pattern, kind])
    return hashlib.blake2b(text.encode(), digest_size=9).hexdigest()


def _write_token(query: TableQuery, after: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([_TOKEN_VERSION, _binding(query), after]).encode()).decode()


def _read_token(query: TableQuery) -> str | None:
    """The name that the page before ended with. A token carries no authority: a forged one only starts elsewhere."""
    if not query.page_token:
        return None
    try:
        version, binding, after = json.loads(base64.b64decode(query.page_token, b"-_", validate=True))
    except (ValueError, TypeError, RecursionError):
        raise RowgateError(Reason.INVALID_REQUEST, "the page token is not one of ours", field="page_token") from None
    if version != _TOKEN_VERSION or binding != _binding(query) or not isinstance(after, str):
        raise RowgateError(Reason.INVALID_REQUEST, "the page token belongs to another request", field="page_token")
    return after


def _unnamed() -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, "no table is named", field="table")
