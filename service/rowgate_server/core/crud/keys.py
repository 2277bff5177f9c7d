"""One row by the columns of a unique key."""

from __future__ import annotations

from collections.abc import Mapping

from rowgate_server.core.crud.plans import Condition, Term, Test, Values, both
from rowgate_server.core.known_table import KnownTable
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError


def plan_key(table: KnownTable, key: Mapping[str, BoundValue], values: Values) -> Condition:
    """The condition that names the row.

    Raises:
        RowgateError: UNKNOWN_COLUMN, INVALID_REQUEST for what is no key of the table, INVALID_PARAMETER,
            VALUE_OUT_OF_RANGE, with the field at fault.
    """
    found = table.keys_by_columns.get(frozenset(key))
    if found is None:
        raise _no_key(table, key)
    terms = []
    for name in found.columns:
        value, field = key[name], f"key[{name}]"
        if value.type is ValueType.NULL:
            raise RowgateError(
                Reason.INVALID_PARAMETER, "NULL names no row", field=field, outcome=Outcome.NOT_RUN, column=name
            )
        terms.append(Term(Test.EQ, name, (values.put(table.coerced(table.columns[name], value, field)),)))
    return both(*terms)


def _no_key(table: KnownTable, key: Mapping[str, BoundValue]) -> RowgateError:
    """What is wrong with a key: it names a column that is not there, or too few or too many of those that are."""
    for name in key:
        table.compared(name, f"key[{name}]")
    if not table.keys:
        words, hint = "the table has no primary key, nor another unique one", "name rows by a filter"
    else:
        wanted = " or ".join(f"({', '.join(known.columns)})" for known in table.keys)
        words = "these columns are not a unique key of the table" if key else "no key is given"
        hint = f"a key is {wanted}, whole and alone"
    return RowgateError(
        Reason.INVALID_REQUEST, words, field="key", outcome=Outcome.NOT_RUN, table=table.name, hint=hint
    )
