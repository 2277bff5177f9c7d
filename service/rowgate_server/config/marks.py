"""The setting that names soft-delete columns of single tables: `orders=removed_at, audit.entries=`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

from rowgate_server.config.words import text_of

_FORM = "must be table=column, or schema.table=column, with commas between them"


@dataclass(frozen=True)
class TableColumns:
    """A column for each of some tables; an empty one is none."""

    pairs: tuple[tuple[str, str], ...] = ()

    @classmethod
    def parse(cls, value: object) -> TableColumns:
        """From text, in which no name has a comma, and no table's an equals sign."""
        if isinstance(value, TableColumns):
            return value
        pairs = []
        for part in filter(None, (part.strip() for part in text_of(value, _FORM).split(","))):
            table, equals, column = part.partition("=")
            if not table.strip() or not equals:
                raise ValueError(_FORM)
            pairs.append((table.strip(), column.strip()))
        if len(dict(pairs)) < len(pairs):
            raise ValueError("names a table twice")
        return cls(tuple(pairs))

    def __str__(self) -> str:
        return ", ".join(f"{table}={column}" for table, column in self.pairs)

    def by_table(self) -> Mapping[str, str]:
        """The columns by their tables."""
        return dict(self.pairs)


ColumnsOfTables = Annotated[
    TableColumns,
    PlainValidator(TableColumns.parse),
    PlainSerializer(str),
    WithJsonSchema({"type": "string"}),
]
