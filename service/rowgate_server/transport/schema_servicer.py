"""SchemaService: messages in, the catalog asked, messages out."""

from __future__ import annotations

from collections.abc import AsyncIterator

from rowgate.v1 import schema_service_pb2, schema_service_pb2_grpc
from rowgate_server.core.browsing import Browser
from rowgate_server.core.catalog import Catalog
from rowgate_server.core.completion.completer import Completer
from rowgate_server.core.ddl.maker import TableMaker
from rowgate_server.core.tables import Table
from rowgate_server.engines.database import Database, Databases
from rowgate_server.transport.codec import completions, definitions, schemas, trees
from rowgate_server.transport.interceptors import current_call
from rowgate_server.transport.interceptors.call import Context, time_left
from rowgate_server.transport.turns import Turns

_PIECES_A_ROUND = 8
"""Pieces of trees, to all callers together, in one round of the event loop: some 5 ms of work."""


class SchemaServicer(schema_service_pb2_grpc.SchemaServiceServicer):
    """Serves SchemaService.

    Args:
        databases: every one that is served, as far as the caller may go.
        catalog: knows their tables.
        browser: has their trees.
        maker: makes and drops tables.
        request_timeout: seconds that a call may take whose caller sets no deadline.
    """

    def __init__(
        self,
        databases: Databases,
        catalog: Catalog,
        browser: Browser,
        maker: TableMaker,
        request_timeout: float,
    ) -> None:
        self._databases = databases
        self._catalog = catalog
        self._browser = browser
        self._maker = maker
        self._completer = Completer(databases, browser)
        self._turns = Turns(_PIECES_A_ROUND)
        self._request_timeout = request_timeout

    async def ListDatabases(
        self, request: schema_service_pb2.ListDatabasesRequest, context: Context
    ) -> schema_service_pb2.ListDatabasesResponse:
        """Every database, without touching one."""
        del request, context
        found = sorted(self._databases, key=lambda database: database.name)
        return schema_service_pb2.ListDatabasesResponse(databases=[self._encode(database) for database in found])

    async def ListSchemas(
        self, request: schema_service_pb2.ListSchemasRequest, context: Context
    ) -> schema_service_pb2.ListSchemasResponse:
        """One page of schemas."""
        self._note(request.database)
        timeout = time_left(context, self._request_timeout)
        page = await self._catalog.list_schemas(request.database, request.page_size, request.page_token, timeout)
        return schema_service_pb2.ListSchemasResponse(
            schemas=[trees.encode_schema(schema) for schema in page.schemas], next_page_token=page.next_page_token
        )

    async def ListTables(
        self, request: schema_service_pb2.ListTablesRequest, context: Context
    ) -> schema_service_pb2.ListTablesResponse:
        """One page of tables and views."""
        self._note(request.database)
        query = schemas.decode_table_query(request, time_left(context, self._request_timeout))
        page = await self._catalog.list_tables(query)
        return schema_service_pb2.ListTablesResponse(
            tables=[schemas.encode_summary(table) for table in page.tables], next_page_token=page.next_page_token
        )

    async def GetTable(
        self, request: schema_service_pb2.GetTableRequest, context: Context
    ) -> schema_service_pb2.GetTableResponse:
        """One table or view."""
        self._note(request.database, request.schema, request.table)
        timeout = time_left(context, self._request_timeout)
        table = await self._catalog.get_table(request.database, request.schema, request.table, timeout)
        return schema_service_pb2.GetTableResponse(table=self._encode_table(request.database, table))

    async def GetSchemaTree(
        self, request: schema_service_pb2.GetSchemaTreeRequest, context: Context
    ) -> AsyncIterator[schema_service_pb2.GetSchemaTreeResponse]:
        """The tree, piece by piece; one answer where the caller has it already."""
        self._note(request.database)
        timeout = time_left(context, self._request_timeout)
        tree = await self._browser.tree(request.database, timeout, request.schemas)
        for piece in trees.encode_tree(tree, request.etag):
            await self._turns.take()
            yield piece

    async def RefreshSchema(
        self, request: schema_service_pb2.RefreshSchemaRequest, context: Context
    ) -> schema_service_pb2.RefreshSchemaResponse:
        """Everything read anew."""
        self._note(request.database)
        found = await self._browser.refresh(request.database, time_left(context, self._request_timeout))
        return schema_service_pb2.RefreshSchemaResponse(
            etag=found.tree.etag,
            changed=found.changed,
            tables=sum(len(schema.tables) for schema in found.tree.schemas),
            columns=sum(schema.columns for schema in found.tree.schemas),
        )

    async def CreateTable(
        self, request: schema_service_pb2.CreateTableRequest, context: Context
    ) -> schema_service_pb2.CreateTableResponse:
        """A table from its description."""
        self._note(request.database, request.schema, request.table.name)
        made = await self._maker.create(definitions.decode_order(request, time_left(context, self._request_timeout)))
        return schema_service_pb2.CreateTableResponse(
            table=None if made.table is None else self._encode_table(request.database, made.table),
            created=made.created,
            statements=made.statements,
        )

    async def DropTable(
        self, request: schema_service_pb2.DropTableRequest, context: Context
    ) -> schema_service_pb2.DropTableResponse:
        """A table less."""
        self._note(request.database, request.schema, request.table)
        timeout = time_left(context, self._request_timeout)
        dropped = await self._maker.drop(
            request.database, request.schema, request.table, if_exists=request.if_exists, call_timeout=timeout
        )
        return schema_service_pb2.DropTableResponse(dropped=dropped)

    async def CompleteSql(
        self, request: schema_service_pb2.CompleteSqlRequest, context: Context
    ) -> schema_service_pb2.CompleteSqlResponse:
        """What could stand at the cursor."""
        self._note(request.database)
        asked = completions.decode_completion_request(request, time_left(context, self._request_timeout))
        return completions.encode_completion(await self._completer.complete(asked))

    def _encode_table(self, database_name: str, table: Table) -> schema_service_pb2.Table:
        database = self._databases.get(database_name)
        engine = schemas.encode_engine(database.scheme, database.availability.facts.version)
        return schemas.encode_table(database.name, engine, table)

    def _note(self, database: str, schema: str = "", table: str = "") -> None:
        told = {"database": self._databases.name_of(database), "schema": schema, "table": table}
        current_call().facts.update((fact, name) for fact, name in told.items() if name)

    def _encode(self, database: Database) -> schema_service_pb2.Database:
        facts, up = database.availability.facts, database.availability.up
        return schema_service_pb2.Database(
            name=database.name,
            engine=schemas.encode_engine(database.scheme, facts.version),
            is_default=database.name == self._databases.default,
            available=bool(up),
            version=facts.version,
            default_schema=facts.default_schema,
        )
