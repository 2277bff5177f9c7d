"""What was asked of a table, as plain values, and the messages that they make."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, Final

from rowgate._encode import encode_cell, encode_into
from rowgate._rows import Row
from rowgate._table_filters import ColumnName, Condition, all_of, col
from rowgate._table_names import a_kind, checked_name, refused
from rowgate._table_orders import SortOrder
from rowgate.v1 import filter_pb2
from rowgate.v1 import table_service_pb2 as pb
from rowgate.v1.result_pb2 import RESULT_ENCODING_COLUMNS
from rowgate.v1.value_pb2 import Value

_INT32_MAX: Final = 2**31 - 1
_INT64_MAX: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Asked:
    """Which rows of which table, and what of them.

    Attributes:
        table: the table's name.
        schema: "" for the default one.
        columns: those wanted; none for all.
        conditions: all of which hold.
        orders: the order; none for the primary key's.
        limit: the most rows altogether; None for all.
        page_size: the most rows of a page; None for the client's own choice.
        include_deleted: whether rows that are marked as deleted are among them.
    """

    table: str
    schema: str = ""
    columns: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    orders: tuple[SortOrder, ...] = ()
    limit: int | None = None
    page_size: int | None = None
    include_deleted: bool = False

    def filter(self) -> filter_pb2.Filter | None:
        """The conditions as one filter; None where there are none.

        So it is, too, where all that there is says "every row": an update or delete of every row then still asks for
        leave to.
        """
        wire = all_of(*self.conditions).to_wire()
        everything = wire.HasField("and") and not getattr(wire, "and").filters
        return None if everything else wire

    def page_request(
        self, database: str, token: str, size: int, count: pb.CountMode.ValueType, **routed: Any
    ) -> pb.ListRowsRequest:
        """The request for one page; `routed` are the fields that say where it goes."""
        return pb.ListRowsRequest(
            database=database,
            schema=self.schema,
            table=self.table,
            columns=self.columns,
            filter=self.filter(),
            order_by=[order.to_wire() for order in self.orders],
            page_size=min(size, _INT32_MAX),
            page_token=token,
            count=count,
            encoding=RESULT_ENCODING_COLUMNS,
            include_deleted=self.include_deleted,
            **routed,
        )


def sort_order(given: object) -> SortOrder:
    """What `order_by` takes as one: "total", "-total", `col("total")` or `col("total").desc()`.

    Raises:
        TypeError: it is none of these.
        InvalidParameter: the name can't be sent.
    """
    if isinstance(given, SortOrder):
        return given
    if isinstance(given, ColumnName):
        return given.asc()
    if not isinstance(given, str):
        raise TypeError(f"an order is a name, '-' and a name, or made by col(...).desc(), not {a_kind(given)}")
    return col(given[1:]).desc() if given.startswith("-") else col(given).asc()


def column_names(given: str | Iterable[str] | None, *, of: str) -> list[str]:
    """The names that `returning`, `on` or `update` takes; one name may stand alone. None: none.

    Raises:
        TypeError: there is something else among them.
        InvalidParameter: a name can't be sent, or there is none at all: on the wire, that would mean the default.
    """
    if given is None:
        return []
    if not isinstance(given, Iterable):
        raise TypeError(f"{of} takes names of columns, not {a_kind(given)}")
    names = [checked_name(name, "column") for name in ([given] if isinstance(given, str) else given)]
    if not names:
        raise refused(f"{of} names no column")
    return names


def cells(given: object, *, of: str) -> dict[str, Value]:
    """The values by column that `values`, `key` or `expected` takes.

    Raises:
        TypeError: it is no mapping from names.
        InvalidParameter: a name or value can't be sent, or there is none.
    """
    if not isinstance(given, Mapping):
        raise TypeError(f"{of} takes a dict of columns and values, not {a_kind(given)}")
    if not given:
        raise refused(f"{of} names no column")
    return {checked_name(name, "column"): encode_cell(value, name, f"{of}[{name}]") for name, value in given.items()}


def add_rows(request: pb.InsertRowsRequest, given: object) -> None:
    """Put the rows that `insert` takes into a request: one or several, each a dict, or a `Row` that was read.

    Raises:
        TypeError: it is something else.
        InvalidParameter: a name or value can't be sent, or there is no row.
        AmbiguousColumn: a `Row` has two columns of one name.
    """
    if isinstance(given, Mapping | Row):
        given = [given]
    if isinstance(given, str | bytes) or not isinstance(given, Iterable):
        raise TypeError(f"a row is a dict of columns and values, not {a_kind(given)}")
    names: set[str] = set()
    for at, row in enumerate(given):
        values = row.as_dict() if isinstance(row, Row) else row
        if not isinstance(values, Mapping):
            raise TypeError(f"row {at} is {a_kind(values)}, not a dict of columns and values")
        _fill(request.rows.add().values, values, f"rows[{at}].values", names)
    if not request.rows:
        raise refused("there is no row to insert")


def counted(given: Any, *, of: str) -> int:
    """A number of rows: 1 or more. 0 would mean "any number" on the wire.

    Raises:
        TypeError: it is no integer.
        InvalidParameter: it is out of range.
    """
    if isinstance(given, bool) or not isinstance(given, int):
        raise TypeError(f"{of} takes a number of rows, not {a_kind(given)}")
    if not 1 <= given <= _INT64_MAX:
        raise refused(f"{of} must be 1 or more, and within 64 bits")
    return given


def _fill(row: MutableMapping[str, Value], values: Mapping[Any, Any], field: str, names: set[str]) -> None:
    """Put values into a row, in place; `names` holds those that were checked with the rows before."""
    for name, value in values.items():
        if name not in names:
            names.add(checked_name(name, "column"))
        try:
            encode_into(row[name], value)
        except (TypeError, ValueError):
            encode_cell(value, name, f"{field}[{name}]")  # raises the same again, with the column's name
            raise
