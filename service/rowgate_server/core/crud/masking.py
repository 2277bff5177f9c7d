"""Rows as their caller may see them: the last thing that is done with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rowgate_server.core.known_table import KnownTable
from rowgate_server.engines.results import Column, Row
from rowgate_server.engines.values import ValueType


def masked(
    table: KnownTable, wanted: Sequence[str], columns: tuple[Column, ...], rows: list[Row]
) -> tuple[tuple[Column, ...], list[Row]]:
    """Columns and rows with masks before the cells that have one; these are text, or NULL.

    Args:
        table: whose they are.
        wanted: the columns' names in the table.
        columns: the result's.
        rows: the result's.
    """
    access = table.access
    if access is None or not access.masks or not columns:
        return columns, rows
    masks = [access.masks.get(name) for name in wanted]
    if not any(masks):
        return columns, rows
    made = tuple(
        column if mask is None else replace(column, type=ValueType.STRING, database_type="", nullable=True)
        for column, mask in zip(columns, masks, strict=True)
    )
    cell = access.masker.cell
    shown: list[Row] = [
        [value if mask is None else cell(mask, value) for value, mask in zip(row, masks, strict=True)] for row in rows
    ]
    return made, shown
