"""Making and dropping tables: types and expressions mapped between engines or refused, statements, and running them."""

from __future__ import annotations

from .maker import Made, TableMaker, TableOrder

__all__ = ["Made", "TableMaker", "TableOrder"]
