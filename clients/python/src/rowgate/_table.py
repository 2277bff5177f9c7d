"""All rows of a table: what can be asked of some of them, and what needs the table itself: keys and inserts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Literal, Self, TypeAlias

from rowgate._errors import RequestError
from rowgate._requests import Asking
from rowgate._results import Result
from rowgate._rows import Row
from rowgate._table_names import checked_name, refused
from rowgate._table_query import RowQuery
from rowgate._table_requests import Asked, add_rows, cells, column_names
from rowgate._table_results import Written
from rowgate._table_writes import check_write, terms
from rowgate.v1 import table_service_pb2 as pb
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS
from rowgate.v1.schema_service_pb2 import GetTableRequest
from rowgate.v1.value_pb2 import Value

RowLike: TypeAlias = "Mapping[str, Any] | Row"

_NOT_GIVEN: Final = object()
_MOST_KEYS: Final = 1000


class TableRows(RowQuery):
    """The rows of a table or view; made by `Database.table`. Immutable, and nothing is sent before it is asked for.

    It is a query for all rows, narrowed by `where` and its like. Besides, it knows single rows by their key, and
    inserts.
    """

    __slots__ = ()

    @classmethod
    def of(cls, calls: Asking, name: str, schema: str | None) -> Self:
        """The table of that name.

        Raises:
            TypeError: a name is no text.
            InvalidParameter: a name is empty, or can't be sent.
        """
        return cls(calls, Asked(checked_name(name, "table"), "" if schema is None else checked_name(schema, "schema")))

    def schema(self, name: str) -> Self:
        """The table of that name in another schema.

        Raises:
            TypeError: the name is no text.
            InvalidParameter: it is empty, or can't be sent.
        """
        return type(self)(self._calls, replace(self._asked, schema=checked_name(name, "schema")))

    async def get(self, key: Any = _NOT_GIVEN, /, **columns: Any) -> Row:
        """The one row that a key names: `get(7)`, `get(order_id=7, line_no=1)`.

        Args:
            key: the primary key's value, where it is a single column; which one is asked of the gateway the first
                time, and remembered by the client. Or a dict of columns and values.
            **columns: the columns of the primary key, or of another unique key, each with its value.

        Raises:
            TypeError: there are both, or neither.
            RowNotFound: there is no such row.
            RowgateError: it can't be read.
        """
        if (key is _NOT_GIVEN) is not bool(columns):
            raise TypeError("get takes the primary key's value, or the key's columns by name: get(7), get(id=7)")
        with self._doubting_the_key():
            request = pb.GetRowRequest(
                **self._place(),
                key=await self._key(columns or key),
                columns=self._asked.columns,
                encoding=RESULT_ENCODING_COLUMNS,
                include_deleted=self._asked.include_deleted,
                **self._calls.options.routed(),
            )
            response = await self._calls.ask(lambda stubs: stubs.table.GetRow, request, repeatable=True)
        return Result.from_wire(response.result, response.stats).one()

    async def insert(
        self,
        rows: RowLike | Iterable[RowLike],
        *,
        returning: str | Iterable[str] | None = None,
        on_conflict: Literal["error", "ignore"] = "error",
        on: str | Iterable[str] | None = None,
        dry_run: bool = False,
    ) -> Written:
        """Insert one row or many: all of them, or none.

        Args:
            rows: a dict of columns and values, or several, which need not have the same columns: what a row leaves
                out takes its default. A `Row` that was read is taken as well.
            returning: columns to answer with, as the database has them afterwards, in the order of `rows`; "*" for
                all. None: those of the primary key, so that generated keys come back.
            on_conflict: "ignore" leaves out rows whose key is there already; `ignored_rows` tells which.
            on: with "ignore", the unique key that is meant; None: any.
            dry_run: do everything, answer, and undo it.

        Raises:
            TypeError: an argument is of another kind.
            DuplicateKey: a row's key is there already.
            RowgateError: nothing was inserted, or that is not known: see its `outcome`.
        """
        if on_conflict not in ("error", "ignore"):
            raise TypeError("on_conflict is 'error' or 'ignore'; upsert(...) changes the row that is there")
        if on is not None and on_conflict != "ignore":
            raise TypeError("on=... goes with on_conflict='ignore', and with upsert(...)")
        action = pb.CONFLICT_ACTION_IGNORE if on_conflict == "ignore" else pb.CONFLICT_ACTION_ERROR
        conflict = pb.OnConflict(action=action, target=column_names(on, of="on"))
        return await self._insert(rows, conflict, returning, dry_run=dry_run)

    async def upsert(
        self,
        rows: RowLike | Iterable[RowLike],
        *,
        on: str | Iterable[str] | None = None,
        update: str | Iterable[str] | None = None,
        returning: str | Iterable[str] | None = None,
        dry_run: bool = False,
    ) -> Written:
        """Insert rows, and where a row's key is there already, change that row to what the new one has.

        Args:
            rows: as in `insert`.
            on: the columns of the unique key that is meant; None: the primary key. A row that collides on another
                key is an error (DuplicateKey).
            update: the columns to change; None: all that the row has, but those of `on`.
            returning: as in `insert`.
            dry_run: do everything, answer, and undo it.

        Raises:
            TypeError: an argument is of another kind.
            RowgateError: nothing was changed, or that is not known: see its `outcome`.
        """
        conflict = pb.OnConflict(
            action=pb.CONFLICT_ACTION_UPDATE,
            target=column_names(on, of="on"),
            update_columns=column_names(update, of="update"),
        )
        return await self._insert(rows, conflict, returning, dry_run=dry_run)

    async def update(
        self,
        values: Mapping[str, Any],
        *,
        key: Any = None,
        expected: Mapping[str, Any] | None = None,
        returning: str | Iterable[str] | None = None,
        max_affected: int | None = None,
        allow_unfiltered: bool = False,
        dry_run: bool = False,
    ) -> Written:
        """Change the one row that a key names; without a key, every row, which needs `allow_unfiltered`.

        Args:
            values: the new values by column.
            key: the primary key's value, or a dict of a key's columns and values; RowNotFound where there is no such
                row.
            expected: with a key, values that the row must still have (None: NULL), or nothing is changed
                (PreconditionFailed).
            returning: columns to answer with, as they are afterwards; "*" for all.
            max_affected: change nothing where there are more rows than this (TooManyRowsAffected).
            allow_unfiltered: without a key, change every row; refused otherwise (UnfilteredWrite).
            dry_run: do everything, answer, and undo it.

        Raises:
            TypeError: an argument is of another kind.
            RowgateError: nothing was changed, or that is not known: see its `outcome`.
        """
        check_write(self._calls, self._asked, "an update")
        new_values = cells(values, of="values")
        shared = terms(returning, max_affected, dry_run=dry_run)
        with self._doubting_the_key():
            request = pb.UpdateRowsRequest(
                **self._place(),
                **await self._which(key, expected),
                values=new_values,
                include_deleted=self._asked.include_deleted,
                allow_unfiltered=allow_unfiltered,
                **shared,
            )
            response = await self._calls.ask_once(lambda stubs: stubs.table.UpdateRows, request)
            return Written.from_response(response)

    async def delete(
        self,
        *,
        key: Any = None,
        expected: Mapping[str, Any] | None = None,
        returning: str | Iterable[str] | None = None,
        max_affected: int | None = None,
        allow_unfiltered: bool = False,
        dry_run: bool = False,
    ) -> Written:
        """Delete the one row that a key names; without a key, every row, which needs `allow_unfiltered`.

        Where the table has a soft-delete column, rows are marked by it instead.

        Args:
            key: as in `update`.
            expected: as in `update`.
            returning: columns to answer with, as they were; "*" for all.
            max_affected: delete nothing where there are more rows than this (TooManyRowsAffected).
            allow_unfiltered: without a key, delete every row; refused otherwise (UnfilteredWrite).
            dry_run: do everything, answer, and undo it.

        Raises:
            TypeError: an argument is of another kind.
            RowgateError: nothing was deleted, or that is not known: see its `outcome`.
        """
        check_write(self._calls, self._asked, "a delete")
        shared = terms(returning, max_affected, dry_run=dry_run)
        with self._doubting_the_key():
            request = pb.DeleteRowsRequest(
                **self._place(),
                **await self._which(key, expected),
                allow_unfiltered=allow_unfiltered,
                **shared,
            )
            response = await self._calls.ask_once(lambda stubs: stubs.table.DeleteRows, request)
            return Written.from_response(response)

    async def _insert(
        self,
        rows: RowLike | Iterable[RowLike],
        conflict: pb.OnConflict,
        returning: str | Iterable[str] | None,
        *,
        dry_run: bool,
    ) -> Written:
        check_write(self._calls, self._asked, "an insert")
        request = pb.InsertRowsRequest(
            **self._place(),
            on_conflict=conflict,
            returning=column_names(returning, of="returning"),
            dry_run=dry_run,
            encoding=RESULT_ENCODING_COLUMNS,
        )
        add_rows(request, rows)
        response = await self._calls.ask_once(lambda stubs: stubs.table.InsertRows, request)
        return Written.from_response(response)

    async def _which(self, key: Any, expected: Mapping[str, Any] | None) -> dict[str, Any]:
        """The fields of a write that name its row."""
        if key is None:
            if expected is not None:
                raise TypeError("expected=... goes with key=...: it is about one row")
            return {}
        return {
            "expected": {} if expected is None else cells(expected, of="expected"),
            "key": await self._key(key),
        }

    async def _key(self, key: Any) -> dict[str, Value]:
        if isinstance(key, Mapping):
            return cells(key, of="key")
        columns = await self._primary_key()
        if len(columns) != 1:
            names = f"({', '.join(columns)})" if columns else "not there"
            raise refused(f"the primary key of {self._asked.table!r} is {names}: name the columns of a key")
        return cells({columns[0]: key}, of="key")

    async def _primary_key(self) -> tuple[str, ...]:
        """The columns of the primary key; none where there is none."""
        known = self._calls.connection.primary_keys
        place = self._place()
        columns = known.get(tuple(place.values()))
        if columns is None:
            response = await self._calls.ask(
                lambda stubs: stubs.schema.GetTable, GetTableRequest(**place), repeatable=True
            )
            columns = tuple(response.table.primary_key.columns)
            if len(known) >= _MOST_KEYS:
                known.clear()
            known[tuple(place.values())] = columns
        return columns

    @contextmanager
    def _doubting_the_key(self) -> Iterator[None]:
        """Forget the table's primary key after an error that may come of its having changed."""
        try:
            yield
        except RequestError:
            self._calls.connection.primary_keys.pop(tuple(self._place().values()), None)
            raise
