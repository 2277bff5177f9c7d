"""What can be asked of a database's schema."""

from __future__ import annotations

from collections.abc import Sequence

from rowgate._calls import Calls
from rowgate._errors import ProtocolError
from rowgate._retry import Deadline, run
from rowgate._schema import CreatedTable, DatabaseInfo, RefreshedSchema, SchemaInfo, Table, TableSummary
from rowgate._schema_wire import table_to_wire
from rowgate._schema_words import TableKind
from rowgate._tree import SchemaTree, SqlCompletion
from rowgate.v1 import schema_service_pb2 as pb


class SchemaCalls:
    """The calls of SchemaService; a part of `Database`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def databases(self) -> list[DatabaseInfo]:
        """The databases that the gateway serves, by name.

        Raises:
            RowgateError: the gateway does not tell.
        """
        request = pb.ListDatabasesRequest()
        response = await self._calls.ask(
            lambda stubs: stubs.schema.ListDatabases,
            request,
            repeatable=True,
        )
        return [DatabaseInfo.from_wire(database) for database in response.databases]

    async def schemas(self) -> list[SchemaInfo]:
        """The schemas of the database, the server's own among them, by name; all, in as many calls as that takes.

        Raises:
            RowgateError: the gateway does not tell.
        """
        deadline = self._calls.deadline()
        request = pb.ListSchemasRequest(database=self._calls.database)
        schemas: list[SchemaInfo] = []
        while True:
            page = await self._calls.ask(
                lambda stubs: stubs.schema.ListSchemas, request, deadline=deadline, repeatable=True
            )
            schemas.extend(map(SchemaInfo.from_wire, page.schemas))
            if not page.next_page_token:
                return schemas
            request.page_token = page.next_page_token

    async def tables(
        self, pattern: str = "", *, schema: str | None = None, kind: TableKind | None = None
    ) -> list[TableSummary]:
        """The tables and views of one schema, by name; all of them, in as many calls as that takes.

        Args:
            pattern: only names that match, whole, regardless of case: `*` is any run of characters, `?` any one.
            schema: None: the database's default one.
            kind: only tables, or only views.

        Raises:
            RowgateError: the gateway does not tell.
        """
        deadline = self._calls.deadline()
        request = pb.ListTablesRequest(
            database=self._calls.database,
            schema=schema or "",
            name_pattern=pattern,
            kind=pb.TableKind.Value(f"TABLE_KIND_{kind or 'UNSPECIFIED'}"),
        )
        tables: list[TableSummary] = []
        while True:
            page = await self._calls.ask(
                lambda stubs: stubs.schema.ListTables, request, deadline=deadline, repeatable=True
            )
            tables.extend(map(TableSummary.from_wire, page.tables))
            if not page.next_page_token:
                return tables
            request.page_token = page.next_page_token

    async def describe(self, table: str, *, schema: str | None = None) -> Table:
        """One table or view: its columns, keys, indexes and checks.

        Args:
            table: its name, as the database writes it.
            schema: None: the database's default one.

        Raises:
            UnknownTable: there is none.
            RowgateError: the gateway does not tell.
        """
        request = pb.GetTableRequest(database=self._calls.database, schema=schema or "", table=table)
        response = await self._calls.ask(lambda stubs: stubs.schema.GetTable, request, repeatable=True)
        return Table.from_wire(response.table)

    async def schema(self, known: SchemaTree | None = None, *, schemas: Sequence[str] = ()) -> SchemaTree:
        """The tree: schemas, tables, columns. `tree["main"]["orders"]["id"].database_type`.

        Args:
            known: a tree from before: as long as it is still right, it is what comes back, for one small answer.
            schemas: only these; none: all but the database server's own.

        Raises:
            UnknownTable: there is no such schema.
            RowgateError: the gateway does not tell.
        """
        request = pb.GetSchemaTreeRequest(
            database=self._calls.database, schemas=schemas, etag=known.etag if known is not None else ""
        )
        deadline = self._calls.deadline()
        return await run(
            lambda: self._read_tree(request, known, deadline),
            retry=self._calls.options.retry,
            deadline=deadline,
            repeatable=True,
        )

    async def complete(
        self, sql: str, cursor: int | None = None, *, schema: str | None = None, max_candidates: int = 0
    ) -> SqlCompletion:
        """What could stand at a place of an SQL text, which need not be finished.

        Args:
            sql: the text, also what stands behind the cursor.
            cursor: the number of characters before it; None: all of them.
            schema: whose tables need no qualifier; None: the database's default one.
            max_candidates: the most to return; 0: the gateway's default.

        Raises:
            UnknownTable: there is no such schema.
            RowgateError: the gateway does not tell.
        """
        request = pb.CompleteSqlRequest(
            database=self._calls.database,
            schema=schema or "",
            sql=sql,
            cursor=len(sql) if cursor is None else cursor,
            max_candidates=max_candidates,
        )
        response = await self._calls.ask(lambda stubs: stubs.schema.CompleteSql, request, repeatable=True)
        return SqlCompletion.from_wire(response)

    async def refresh_schema(self) -> RefreshedSchema:
        """Have the gateway read the schema anew, and forget what it knew of tables.

        Raises:
            RowgateError: the gateway does not do it.
        """
        request = pb.RefreshSchemaRequest(database=self._calls.database)
        response = await self._calls.ask(lambda stubs: stubs.schema.RefreshSchema, request, repeatable=True)
        return RefreshedSchema(response.etag, response.changed, response.tables, response.columns)

    async def create_table(
        self, table: Table, *, schema: str | None = None, if_not_exists: bool = False, dry_run: bool = False
    ) -> CreatedTable:
        """Make a table from its description, such as `describe` returns, of another engine's table too.

        Args:
            table: what to make; `dataclasses.replace(table, name=...)` has it made under another name.
            schema: where; None: the database's default one.
            if_not_exists: answer with the table as it is, if there is one of that name.
            dry_run: only tell the statements.

        Raises:
            DdlNotAllowed: the gateway's configuration has it so.
            TableExists: there is one.
            InvalidRequest: a type or an expression has no match on this engine.
            RowgateError: the table is not made.
        """
        request = pb.CreateTableRequest(
            database=self._calls.database,
            schema=schema or "",
            table=table_to_wire(table),
            if_not_exists=if_not_exists,
            dry_run=dry_run,
        )
        response = await self._calls.ask(
            lambda stubs: stubs.schema.CreateTable, request, repeatable=if_not_exists or dry_run
        )
        made = Table.from_wire(response.table) if response.HasField("table") else None
        return CreatedTable(made, response.created, tuple(response.statements))

    async def drop_table(self, table: str, *, schema: str | None = None, if_exists: bool = False) -> bool:
        """Drop a table, **with all its rows**; whether there was one.

        Args:
            table: its name, as the database writes it.
            schema: None: the database's default one.
            if_exists: that there is none is no error.

        Raises:
            DdlNotAllowed: the gateway's configuration has it so.
            UnknownTable: there is none.
            RowgateError: the table is not dropped.
        """
        request = pb.DropTableRequest(
            database=self._calls.database, schema=schema or "", table=table, if_exists=if_exists
        )
        response = await self._calls.ask(lambda stubs: stubs.schema.DropTable, request, repeatable=False)
        return bool(response.dropped)

    async def _read_tree(
        self, request: pb.GetSchemaTreeRequest, known: SchemaTree | None, deadline: Deadline
    ) -> SchemaTree:
        call = self._calls.begin(lambda stubs: stubs.schema.GetSchemaTree, request, deadline)
        pieces = []
        while (piece := await self._calls.connection.next_message(call)) is not None:
            pieces.append(piece)
        if not pieces:
            raise ProtocolError("the tree ended before its first message")
        return known if known is not None and pieces[0].unchanged else SchemaTree.from_wire(pieces)
