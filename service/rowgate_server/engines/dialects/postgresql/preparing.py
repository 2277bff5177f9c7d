"""Preparing statements: once, and once more with casts where values do not go as the types that PostgreSQL infers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import asyncpg

from rowgate_server.engines.beside import if_many, listed_if_many
from rowgate_server.engines.dialects.postgresql import parameters
from rowgate_server.engines.dialects.postgresql.meter import ReceiveMeter
from rowgate_server.engines.many import each
from rowgate_server.engines.values import NO_MEMBERS, BoundStatement
from rowgate_server.errors import Reason, RowgateError

_CANNOT_INFER = {"42P18", "42725"}
"""Could not determine a parameter's type; the operator is not unique for unknown types."""

Arguments = tuple[list[Any], list[str] | None]
"""Values as asyncpg takes them; the casts to write where any does not fit its type."""


class Preparing:
    """Prepares the statements of one session.

    Args:
        connection: asyncpg's.
        meter: that of the connection.

    Attributes:
        description: the RowDescription of what was prepared last.
    """

    def __init__(self, connection: Any, meter: ReceiveMeter) -> None:
        self._connection = connection
        self._meter = meter
        self.description = b""

    async def prepare(self, statement: BoundStatement, back: str | None) -> tuple[Any, list[Any]]:
        """Prepare, and once more with casts if a value does not go as the type that PostgreSQL inferred.

        Args:
            statement: the statement.
            back: the command that undoes the failure of the first try; None where there is nothing to undo.
        """
        parameters.check_number(statement)
        if NO_MEMBERS in statement.values:
            without_casts = await self._ask(_numbered(statement.fragments, [""] * len(statement.values)))
            statement = parameters.without_empty_lists(statement, _kinds(without_casts, statement))
        fragments, values = statement
        no_casts = [""] * len(values)
        kinds: Sequence[Any | None]
        try:
            prepared = await self._ask(_numbered(fragments, no_casts))
        except asyncpg.PostgresError as error:
            if not values or error.sqlstate not in _CANNOT_INFER:
                raise
            if back is not None:
                await self._connection.execute(back)
            kinds = [None] * len(values)
        else:
            kinds = _kinds(prepared, statement)
            arguments, unfit = await _converted(statement, kinds)
            if unfit is None:
                return prepared, arguments
            no_casts = unfit
        casts = [
            before or (parameters.cast(value, None) if kind is None else "")
            for before, value, kind in zip(no_casts, values, kinds, strict=True)
        ]
        prepared = await self._ask(_numbered(fragments, casts))
        arguments, unfit = await _converted(statement, prepared.get_parameters())
        if unfit is not None:
            raise RowgateError(
                Reason.INVALID_PARAMETER, "a parameter's value does not go as the type that the statement gives it"
            ).of_value(next(index for index, cast in enumerate(unfit) if cast))
        return prepared, arguments

    async def _ask(self, sql: str) -> Any:
        """A prepared statement; what it says of its columns is kept."""
        self._meter.listen()
        try:
            return await self._connection.prepare(sql)
        finally:
            self.description = self._meter.row_description()


async def convert_each(prepared: Any, statements: Sequence[BoundStatement]) -> list[Arguments]:
    """The values of many sets for one prepared statement."""
    kinds = prepared.get_parameters()
    converted = each(statements, lambda statement: parameters.convert_all(statement, kinds))
    return await listed_if_many(len(statements) * len(kinds), converted)


async def _converted(statement: BoundStatement, kinds: Sequence[Any]) -> Arguments:
    cells = len(kinds) + parameters.members(statement.values)
    return await if_many(cells, lambda: parameters.convert_all(statement, kinds))


def _kinds(prepared: Any, statement: BoundStatement) -> Sequence[Any]:
    """The types that the statement gives its parameters."""
    kinds: Sequence[Any] = prepared.get_parameters()
    if len(kinds) != len(statement.values):
        raise RowgateError(
            Reason.INVALID_PARAMETER, "the statement uses $1-style parameters; write :name or ?", field="sql"
        )
    return kinds


def _numbered(fragments: Sequence[str], casts: Sequence[str]) -> str:
    pieces = [fragments[0]]
    for index, cast in enumerate(casts):
        pieces.append(f"${index + 1}{cast}")
        pieces.append(fragments[index + 1])
    return "".join(pieces)
