"""SchemaService: messages in, the catalog asked, messages out."""

from __future__ import annotations

from rowgate.v1 import schema_service_pb2, schema_service_pb2_grpc
from rowgate_server.core.catalog import Catalog
from rowgate_server.engines.database import Database, Databases
from rowgate_server.transport.codec import schemas
from rowgate_server.transport.interceptors import current_call
from rowgate_server.transport.interceptors.chain import Context, time_left


class SchemaServicer(schema_service_pb2_grpc.SchemaServiceServicer):
    """Serves SchemaService.

    Args:
        databases: every one that is served.
        catalog: knows their tables.
        request_timeout: seconds that a call may take whose caller sets no deadline.
    """

    def __init__(self, databases: Databases, catalog: Catalog, request_timeout: float) -> None:
        self._databases = databases
        self._catalog = catalog
        self._request_timeout = request_timeout

    async def ListDatabases(
        self, request: schema_service_pb2.ListDatabasesRequest, context: Context
    ) -> schema_service_pb2.ListDatabasesResponse:
        """Every database, without touching one."""
        del request, context
        found = sorted(self._databases, key=lambda database: database.name)
        return schema_service_pb2.ListDatabasesResponse(databases=[self._encode(database) for database in found])

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
        self._note(request.database)
        timeout = time_left(context, self._request_timeout)
        table = await self._catalog.get_table(request.database, request.schema, request.table, timeout)
        name = self._databases.get(request.database).name
        return schema_service_pb2.GetTableResponse(table=schemas.encode_table(name, table))

    def _note(self, database: str) -> None:
        name = self._databases.name_of(database)
        if name:
            current_call().facts["database"] = name

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
