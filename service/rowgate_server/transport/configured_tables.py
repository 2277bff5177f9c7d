"""Tables that the configuration asks for: descriptions as GetTable answers them, in a file of JSON."""

from __future__ import annotations

import json

from google.protobuf import json_format

from rowgate.v1 import schema_service_pb2 as pb
from rowgate_server.core.ddl.maker import TableOrder
from rowgate_server.errors import RowgateError
from rowgate_server.transport.codec.definitions import decode_order

_FORM = 'must be JSON: a list of tables, each as GetTable answers it ({"name": ..., "columns": [...]})'


def read_orders(database: str, text: str) -> list[TableOrder]:
    """The tables that a file asks for, in its order; each is made where it is missing.

    Raises:
        ValueError: it is no such list; the text says where.
    """
    try:
        tables = json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(_FORM) from None
    if not isinstance(tables, list):
        raise ValueError(_FORM)  # noqa: TRY004 - what is wrong is the file
    return [_order(database, number, table) for number, table in enumerate(tables)]


def _order(database: str, number: int, table: object) -> TableOrder:
    if not isinstance(table, dict):
        raise ValueError(f"table {number}: {_FORM}")  # noqa: TRY004 - what is wrong is the file
    try:
        described = json_format.ParseDict(table, pb.Table())
    except json_format.ParseError as error:
        raise ValueError(f"table {number}: {str(error).splitlines()[0]}") from None  # the second line lists all fields
    request = pb.CreateTableRequest(database=database, schema=described.schema, table=described, if_not_exists=True)
    try:
        return decode_order(request, None)
    except RowgateError as error:
        raise ValueError(f"table {number}: {error.field}: {error}") from None
