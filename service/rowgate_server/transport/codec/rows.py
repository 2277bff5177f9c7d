"""RESULT_ENCODING_ROWS: a Value for each cell. The encoding to read in a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rowgate.v1 import result_pb2
from rowgate_server.engines.results import Column, Row
from rowgate_server.transport.codec.cells import arms_of, write_cells


class RowsEncoder:
    """Lays out one result as rows."""

    def __init__(self, columns: tuple[Column, ...]) -> None:
        self._arms = arms_of(columns)

    def put(self, rows: Sequence[Row], result: result_pb2.ResultSet) -> None:
        """Append rows."""
        add = result.rows.add
        arms = self._arms
        for row in rows:
            write_cells(add().values, arms, row)

    def end(self, result: result_pb2.ResultSet) -> None:
        """Nothing ends them."""
