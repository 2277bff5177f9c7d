"""TableService's writes on the wire, in few words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import grpc.aio

from rowgate._decode import decode_row
from rowgate._encode import encode
from rowgate._status import error_from_rpc
from rowgate.v1 import filter_pb2, table_service_pb2, table_service_pb2_grpc, value_pb2

Values = Mapping[str, Any]


class Answer(NamedTuple):
    """What was written: the returned rows as tuples of Python's, how many rows it was, and the answer itself."""

    rows: list[tuple[Any, ...]]
    affected: int
    response: Any


class TableWrites:
    """The tables of one database. What is refused is raised as the client's exceptions."""

    def __init__(self, channel: grpc.aio.Channel, database: str) -> None:
        self.stub: Any = table_service_pb2_grpc.TableServiceStub(channel)
        self.database = database

    async def insert(self, table: str, rows: Sequence[Values], **others: Any) -> Answer:
        """Insert rows; `ignore`, `update` with the target's columns in them say what becomes of conflicts."""
        request = table_service_pb2.InsertRowsRequest(
            database=self.database,
            table=table,
            rows=[table_service_pb2.RowValues(values=cells(row)) for row in rows],
            on_conflict=_on_conflict(others),
            **others,
        )
        return await _answer(self.stub.InsertRows(request))

    async def update(self, table: str, values: Values, **others: Any) -> Answer:
        """Change rows."""
        request = table_service_pb2.UpdateRowsRequest(
            database=self.database, table=table, values=cells(values), **_meant(others), **others
        )
        return await _answer(self.stub.UpdateRows(request))

    async def delete(self, table: str, **others: Any) -> Answer:
        """Delete rows."""
        request = table_service_pb2.DeleteRowsRequest(database=self.database, table=table, **_meant(others), **others)
        return await _answer(self.stub.DeleteRows(request))


def cells(values: Values) -> dict[str, value_pb2.Value]:
    """Values by column; one that is a message already stays as it is."""
    return {name: value if isinstance(value, value_pb2.Value) else encode(value) for name, value in values.items()}


def _meant(others: dict[str, Any]) -> dict[str, Any]:
    where: filter_pb2.Filter | None = others.pop("where", None)
    return {
        "key": cells(others.pop("key", {})),
        "expected": cells(others.pop("expected", {})),
        "filter": where,
    }


def _on_conflict(others: dict[str, Any]) -> table_service_pb2.OnConflict | None:
    for action in ("ignore", "update"):
        if action in others:
            return table_service_pb2.OnConflict(
                action=table_service_pb2.ConflictAction.Value(f"CONFLICT_ACTION_{action.upper()}"),
                target=others.pop(action),
                update_columns=others.pop("columns", ()),
            )
    return None


async def _answer(call: Any) -> Answer:
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        raise error_from_rpc(error) from None
    rows = [decode_row(row.values) for row in response.result.rows]
    return Answer(rows, response.stats.affected_rows, response)
