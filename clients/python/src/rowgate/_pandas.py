"""Results as data frames. Imports pandas and pyarrow, so imported on its first use only.

Integers and booleans have pandas' nullable types, because numpy's have no NULL: a column of them would become one of
floats, which lose digits from 2^53 on. What pandas has no type for is a column of Python objects, as in a Row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
import pyarrow as pa

if TYPE_CHECKING:
    from rowgate._batch import Batch

_NULLABLE: Final[dict[pa.DataType, Any]] = {
    pa.bool_(): pd.BooleanDtype(),
    pa.int64(): pd.Int64Dtype(),
    pa.uint64(): pd.UInt64Dtype(),
}


def frame_of(batch: Batch) -> pd.DataFrame:
    """The rows of a batch.

    Raises:
        ProtocolError: a cell makes no sense.
    """
    table = batch.to_arrow()
    frame = pd.DataFrame(dict(enumerate(_series(batch, table, at) for at in range(table.num_columns))))
    frame.columns = pd.Index(table.column_names, dtype=object)
    return frame


def _series(batch: Batch, table: pa.Table, at: int) -> pd.Series:
    column = table.column(at)
    if pa.types.is_nested(column.type) or pa.types.is_null(column.type):
        return pd.Series(batch.scalars(at), dtype=object)
    return column.to_pandas(types_mapper=_NULLABLE.get)
