"""A table's description goes through the gateway and through the client, and nothing of it is lost on the way."""

from __future__ import annotations

from rowgate import Table
from rowgate._schema_wire import table_to_wire
from rowgate.v1 import schema_service_pb2 as pb
from rowgate_server.transport.codec.definitions import decode_order
from rowgate_server.transport.codec.schemas import encode_table
from support.filled import filled


def _without(table: pb.Table, *fields: str) -> pb.Table:
    for field in fields:
        table.ClearField(field)  # type: ignore[arg-type]  # fields of that message
    return table


def test_the_gateway_reads_back_what_it_tells() -> None:
    told = filled(pb.Table())
    order = decode_order(pb.CreateTableRequest(table=told), None)
    again = encode_table(told.database, told.engine, order.table)
    # CreateTable passes over these.
    assert again == _without(told, "row_estimate", "create_statement", "broken")


def test_the_client_sends_back_what_it_was_told() -> None:
    told = filled(pb.Table())
    assert table_to_wire(Table.from_wire(told)) == _without(told, "row_estimate", "create_statement", "broken")
