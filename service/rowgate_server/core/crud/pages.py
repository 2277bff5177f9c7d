"""ListRows: one page of a table's rows, and the token with which the next one goes on."""

from __future__ import annotations

from typing import NamedTuple

from rowgate_server.core.compiler.conditions import CUT
from rowgate_server.core.compiler.statements import Compiler
from rowgate_server.core.crud import keyset
from rowgate_server.core.crud.counts import count
from rowgate_server.core.crud.masking import masked
from rowgate_server.core.crud.orders import RowOrder, columns_of, plan_order
from rowgate_server.core.crud.plans import Condition, SelectPlan, Values, both
from rowgate_server.core.crud.reads import hidden_by, plan_columns, plan_rows
from rowgate_server.core.crud.requests import CountMode, ListRows, Page, Rows
from rowgate_server.core.crud.running import TOO_LARGE_HINT, run
from rowgate_server.core.crud.tokens import Tokens, fingerprint
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.needs import Operation
from rowgate_server.core.table_cache import TableCache
from rowgate_server.engines.database import Database
from rowgate_server.engines.deadline import Deadline
from rowgate_server.engines.limits import ResultLimits
from rowgate_server.engines.results import Result, Row, Truncation, result_too_large
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError

DEFAULT_PAGE, LARGEST_PAGE = 100, 10_000
_TIE = 2


class _Asked(NamedTuple):
    """A request, planned as far as the table decides. `wanted`: the columns asked for; `hidden`: read besides."""

    wanted: tuple[str, ...]
    hidden: tuple[str, ...]
    order: RowOrder
    where: Condition
    values: Values
    fingerprint: bytes


class TablePager:
    """Lists rows.

    Args:
        tables: knows them.
        compiler: makes SQL of plans.
        tokens: writes and reads page tokens.
    """

    def __init__(self, tables: TableCache, compiler: Compiler, tokens: Tokens) -> None:
        self._tables = tables
        self._compiler = compiler
        self._tokens = tokens

    async def list_rows(self, request: ListRows) -> Page:
        """One page.

        Raises:
            RowgateError: whatever is wrong with the request or the database.
        """

        async def work(database: Database, table: KnownTable, deadline: Deadline) -> Page:
            asked = _plan(table, request)
            size = min(request.page_size or DEFAULT_PAGE, LARGEST_PAGE, database.bounds.unary_rows)
            where = await self._continued(database, table, asked, request.page_token, deadline)
            result = await self._read(database, table, asked, where, size, deadline)
            page = self._page(table, asked, request, result, size)
            if request.count is CountMode.NONE:
                return page
            values = Values()
            rows = plan_rows(table, request.filter, values, include_deleted=request.include_deleted)
            total, estimated, _ = await count(self._compiler, database, table, rows, values, request.count, deadline)
            return page._replace(total=total, estimated=estimated)

        if request.page_size < 0:
            raise RowgateError(
                Reason.INVALID_REQUEST, "page_size is negative", field="page_size", outcome=Outcome.NOT_RUN
            )
        name = request.table
        return await self._tables.use(name[:3], name.call_timeout, (Operation.READ,), work, name.reading)

    async def _continued(
        self, database: Database, table: KnownTable, asked: _Asked, token: str, deadline: Deadline
    ) -> Condition:
        """The rows that are left: behind the one that the page before ended with."""
        if not token:
            return asked.where
        last, terms = self._tokens.read(asked.fingerprint, token), asked.order.terms
        if not _tells_apart(asked.order, last):
            await self._check_alone(database, table, asked, last, deadline)
        return both(asked.where, keyset.after(table, terms, last, asked.values))

    async def _check_alone(
        self, database: Database, table: KnownTable, asked: _Asked, last: list[BoundValue], deadline: Deadline
    ) -> None:
        """Refuse to go on behind one of several rows that the order does not tell apart: some would be left out."""
        ties = True
        if asked.order.terms:
            values = Values()
            values.taken.extend(asked.values.taken)
            where = both(asked.where, keyset.same(table, asked.order.terms, last, values))
            limit = values.put(BoundValue(ValueType.INT, _TIE))
            plan = SelectPlan((asked.order.terms[0].column,), where, limit=limit)
            result = await run(database, self._compiler.select(table, plan, values.taken), deadline)
            ties = len(result.rows) == _TIE
        if ties:
            raise RowgateError(
                Reason.INVALID_REQUEST,
                "the rows have no order in which there is a next page: nothing tells them apart",
                field="order_by",
                outcome=Outcome.NOT_RUN,
                hint="order by columns that are unique together, or take all rows on one page",
            )

    async def _read(
        self, database: Database, table: KnownTable, asked: _Asked, where: Condition, size: int, deadline: Deadline
    ) -> Result:
        """The rows of the page and one more, which tells that there is a next page."""
        limit = asked.values.put(BoundValue(ValueType.INT, size + 1))
        plan = SelectPlan(asked.wanted + asked.hidden, where, asked.order.terms, limit)
        statement = self._compiler.select(table, plan, asked.values.taken)
        largest = database.bounds.unary_bytes
        result = await run(database, statement, deadline, ResultLimits(max_bytes=largest, cap_bytes=largest))
        if not result.rows and result.stats.truncation is Truncation.MAX_BYTES:
            error = result_too_large(f"{largest} bytes")
            error.metadata["hint"] = TOO_LARGE_HINT
            raise error
        return result

    def _page(self, table: KnownTable, asked: _Asked, request: ListRows, result: Result, size: int) -> Page:
        rows, width = result.rows[:size], len(asked.wanted)
        more = len(result.rows) > size or result.stats.truncation is not None
        token = self._tokens.write(asked.fingerprint, _last(asked, result, rows[-1])) if more else ""
        columns = result.columns
        if asked.hidden:
            columns, rows = columns[:width], [row[:width] for row in rows]
        columns, rows = masked(table, asked.wanted, columns, rows)
        stats = result.stats._replace(row_count=len(rows), truncation=None)
        found = Rows(columns, rows, stats, hidden_by(table, include_deleted=request.include_deleted))
        return Page(found, token)


def _plan(table: KnownTable, request: ListRows) -> _Asked:
    values = Values()
    order = plan_order(table, request.order_by)
    wanted = plan_columns(table, request.columns)
    where = plan_rows(table, request.filter, values, include_deleted=request.include_deleted)
    return _Asked(
        wanted=wanted,
        hidden=tuple(name for name in columns_of(order.terms) if name not in wanted),
        order=order,
        where=where,
        values=values,
        fingerprint=fingerprint(
            table.database,
            table.described.schema,
            table.name,
            request.include_deleted,
            order,
            where,
            values.taken,
        ),
    )


def _last(asked: _Asked, result: Result, row: Row) -> list[BoundValue]:
    """A row's values that the order goes by."""
    places = {name: place for place, name in enumerate(asked.wanted + asked.hidden)}
    last = []
    for term in asked.order.terms:
        place = places[term.column]
        cell = row[place]
        last.append(keyset.bound_cell(result.columns[place].type, cell[:CUT] if term.cut and cell else cell))
    return last


def _tells_apart(order: RowOrder, row: list[BoundValue]) -> bool:
    """Whether no other row has a row's values: the key among them is whole, and NULL is not in it."""
    kinds = dict(zip(columns_of(order.terms), (value.type for value in row), strict=True))
    return bool(order.settling) and all(kinds[name] is not ValueType.NULL for name in order.settling)
