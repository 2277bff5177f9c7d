"""Rows: by position like a tuple, by name like a mapping, and never changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Self, overload

from rowgate._decode import decode_row
from rowgate._errors import AmbiguousColumn, NoSuchColumn, ProtocolError
from rowgate._types import ColumnType
from rowgate._wire import word_of
from rowgate.v1 import result_pb2


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a result.

    Attributes:
        name: the name or alias as the database gives it; names may repeat, and may be empty.
        type: what its cells are.
        database_type: the database's own name of the type; "" where it does not tell.
        nullable: whether NULL can occur; None where the database does not tell.
        precision: digits of a DECIMAL, or fractional digits of a temporal type; None where not told.
        scale: digits after the point of a DECIMAL; None where not told.
        table: the table that it comes from; "" where the database does not tell.
    """

    name: str
    type: ColumnType
    database_type: str = ""
    nullable: bool | None = None
    precision: int | None = None
    scale: int | None = None
    table: str = ""

    @classmethod
    def from_wire(cls, column: result_pb2.Column) -> Self:
        """The column that the message describes."""
        return cls(
            name=column.name,
            type=word_of(result_pb2.ColumnType, column.type, ColumnType) or ColumnType.UNSPECIFIED,
            database_type=column.database_type,
            nullable=column.nullable if column.HasField("nullable") else None,
            precision=column.precision if column.HasField("precision") else None,
            scale=column.scale if column.HasField("scale") else None,
            table=column.table,
        )


class Layout:
    """What the rows of one result have in common: the columns, and where each name stands."""

    __slots__ = ("_positions", "columns", "names")

    def __init__(self, columns: Iterable[result_pb2.Column]) -> None:
        self.columns = tuple(map(Column.from_wire, columns))
        self.names = tuple(column.name for column in self.columns)
        self._positions: dict[str, list[int]] = {}
        for at, name in enumerate(self.names):
            self._positions.setdefault(name, []).append(at)

    def position(self, name: str) -> int:
        """Where the column of that name stands.

        Raises:
            NoSuchColumn: nowhere.
            AmbiguousColumn: in several places.
        """
        at = self._positions.get(name)
        if at is None:
            raise NoSuchColumn(f"there is no column {name!r}; the columns are {', '.join(map(repr, self.names))}")
        if len(at) > 1:
            raise AmbiguousColumn(
                f"several columns are named {name!r}: take one by position ({', '.join(map(str, at))}), "
                "or give them aliases in the SQL"
            )
        return at[0]

    def row(self, row: result_pb2.Row) -> Row:
        """The row that the message holds.

        Raises:
            ProtocolError: it has not one cell for each column, or a cell makes no sense.
        """
        if len(row.values) != len(self.columns):
            raise ProtocolError(f"a row has {len(row.values)} cells for {len(self.columns)} columns")
        return Row(self, decode_row(row.values))


class Row(Sequence[Any]):
    """One row of a result: a sequence of its values that also takes column names.

    `row[0]`, `row["name"]`, `name, price = row`, `tuple(row)`, `dict(row)`. Iteration, `len` and `in` are about the
    values. There is no `row.name`: columns are called `count`, `index` and `keys` too often.
    """

    __slots__ = ("_layout", "_values")

    def __init__(self, layout: Layout, values: tuple[Any, ...]) -> None:
        self._layout = layout
        self._values = values

    @overload
    def __getitem__(self, key: int | str) -> Any: ...
    @overload
    def __getitem__(self, key: slice) -> tuple[Any, ...]: ...
    def __getitem__(self, key: int | str | slice) -> Any:
        """The value at that position or of that name, or the values of that slice.

        Raises:
            IndexError: there is no such position.
            NoSuchColumn: there is no such name.
            AmbiguousColumn: several columns have that name.
        """
        return self._values[self._layout.position(key) if isinstance(key, str) else key]

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Iterator[Any]:
        return iter(self._values)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Row):
            return self._values == other._values
        return self._values == other if isinstance(other, tuple) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._values)

    def __repr__(self) -> str:
        cells = ", ".join(f"{name}={value!r}" for name, value in zip(self.keys(), self._values, strict=True))
        return f"Row({cells})"

    def keys(self) -> tuple[str, ...]:
        """The names of the columns, in order; with this, `dict(row)` and `**row` work."""
        return self._layout.names

    def as_dict(self) -> dict[str, Any]:
        """The values by name.

        Raises:
            AmbiguousColumn: a name repeats, so that a dict would lose a value.
        """
        return {name: self[name] for name in self.keys()}
