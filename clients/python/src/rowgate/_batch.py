"""Rows that came in one message, laid out as rows or as columns, and decoded when they are asked for."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from typing import TYPE_CHECKING, Any

from rowgate._errors import ProtocolError
from rowgate._rows import Column, Layout, Row
from rowgate._vectors import cells_of, check_vector
from rowgate.v1 import result_pb2

if TYPE_CHECKING:  # neither is installed unless it is wanted
    import pandas as pd
    import pyarrow as pa


class Batch:
    """Some rows of a result, in order: a sized iterable of them.

    Args:
        layout: the columns.
        message: the rows.

    Raises:
        ProtocolError: they do not fit together.
    """

    __slots__ = ("_layout", "_message", "_rows")

    def __init__(self, layout: Layout, message: result_pb2.ResultSet) -> None:
        if message.arrow_ipc:
            raise ProtocolError("the gateway answered in Arrow, which was not asked for")
        if message.HasField("column_batch"):
            _check(layout.columns, message.column_batch)
        self._layout = layout
        self._message = message
        self._rows: list[Row] | None = None

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in order."""
        return self._layout.columns

    @property
    def rows(self) -> list[Row]:
        """The rows, in order; made when they are first asked for.

        Raises:
            ProtocolError: a cell makes no sense.
        """
        if self._rows is None:
            self._rows = self._decode()
        return self._rows

    def __len__(self) -> int:
        packed = self._message.column_batch.row_count
        return packed or len(self._message.rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self.rows)

    def scalars(self, column: int | str = 0) -> list[Any]:
        """The values of one column, by its position or name; without making rows, if they are not made yet.

        Raises:
            NoSuchColumn: there is no such name.
            AmbiguousColumn: several columns have that name.
            IndexError: there is no such position.
            ProtocolError: a cell makes no sense.
        """
        at = self._layout.position(column) if isinstance(column, str) else range(len(self.columns))[column]
        if self._rows is None and self._message.HasField("column_batch"):
            return cells_of(self.columns[at].type, self._message.column_batch.vectors[at])
        return [row[at] for row in self.rows]

    def to_arrow(self) -> pa.Table:
        """The rows as a `pyarrow.Table`: in Arrow's own types where those hold every value, else as text.

        Raises:
            ImportError: pyarrow is not installed.
            ProtocolError: a cell makes no sense.
        """
        try:
            from rowgate._arrow import table_of
        except ImportError as error:
            raise ImportError("to_arrow needs pyarrow: pip install 'rowgate[arrow]'") from error
        return table_of(self.columns, self._message)

    def to_pandas(self) -> pd.DataFrame:
        """The rows as a `pandas.DataFrame`, in which NULL never turns an integer into a float.

        Raises:
            ImportError: pandas or pyarrow is not installed.
            ProtocolError: a cell makes no sense.
        """
        try:
            from rowgate._pandas import frame_of
        except ImportError as error:
            raise ImportError("to_pandas needs pandas and pyarrow: pip install 'rowgate[pandas]'") from error
        return frame_of(self)

    def _decode(self) -> list[Row]:
        if not self._message.HasField("column_batch"):
            return [self._layout.row(row) for row in self._message.rows]
        batch = self._message.column_batch
        if not self.columns:
            return [Row(self._layout, ())] * batch.row_count
        cells = [cells_of(column.type, vector) for column, vector in zip(self.columns, batch.vectors, strict=True)]
        return list(map(Row, repeat(self._layout), zip(*cells, strict=True)))


def _check(columns: tuple[Column, ...], batch: result_pb2.ColumnBatch) -> None:
    if len(batch.vectors) != len(columns) or batch.row_count < 0:
        raise ProtocolError(f"a batch of {batch.row_count} rows has {len(batch.vectors)} of {len(columns)} columns")
    for column, vector in zip(columns, batch.vectors, strict=True):
        check_vector(column.type, vector, batch.row_count)
