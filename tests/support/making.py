"""CreateTable, DropTable and GetTable of one database; what is refused is raised as the client's exceptions."""

from __future__ import annotations

from typing import NamedTuple, Self

import grpc.aio

import rowgate
from rowgate._status import error_from_rpc
from rowgate.v1 import schema_service_pb2 as pb
from rowgate.v1 import schema_service_pb2_grpc
from support.engines import ENGINES


class Maker:
    """Makes, drops and describes tables.

    Args:
        stub: the service.
        database: its name in the gateway's configuration.
    """

    def __init__(self, stub: schema_service_pb2_grpc.SchemaServiceAsyncStub, database: str) -> None:
        self.stub = stub
        self.database = database

    async def create(
        self, table: pb.Table, *, if_not_exists: bool = False, dry_run: bool = False
    ) -> pb.CreateTableResponse:
        """Make a table."""
        request = pb.CreateTableRequest(
            database=self.database, table=table, if_not_exists=if_not_exists, dry_run=dry_run
        )
        try:
            return await self.stub.CreateTable(request)
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from None

    async def drop(self, table: str, *, if_exists: bool = False) -> bool:
        """Drop a table; False if there was none."""
        request = pb.DropTableRequest(database=self.database, table=table, if_exists=if_exists)
        try:
            return (await self.stub.DropTable(request)).dropped
        except grpc.aio.AioRpcError as error:
            raise error_from_rpc(error) from None

    async def get(self, table: str) -> pb.Table:
        """A table's description."""
        return (await self.stub.GetTable(pb.GetTableRequest(database=self.database, table=table))).table


class MadeOnEach(NamedTuple):
    """A table's name on each engine, and what runs and makes there; at the end of its block it is dropped on all."""

    stub: schema_service_pb2_grpc.SchemaServiceAsyncStub
    client: rowgate.Client
    name: str

    def on(self, engine: str) -> Maker:
        """What makes it there."""
        return Maker(self.stub, engine)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        for engine in ENGINES:
            await self.on(engine.name).drop(self.name, if_exists=True)
