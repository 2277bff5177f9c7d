"""Which rows an update or a delete means: by key or by filter, live ones only, and what must hold of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from rowgate_server.core.crud.conditions import check_comparable, live, plan_filter, visible
from rowgate_server.core.crud.exact import is_text
from rowgate_server.core.crud.keys import plan_key
from rowgate_server.core.crud.plans import FALSE, TRUE, Condition, Term, Test, Values, both
from rowgate_server.core.crud.write_requests import Meant
from rowgate_server.core.known_table import KnownTable
from rowgate_server.core.policy.needs import Operation
from rowgate_server.engines.values import BoundValue, ValueType
from rowgate_server.errors import Outcome, Reason, RowgateError


class MeantPlan(NamedTuple):
    """Rows, by a condition.

    Attributes:
        where: which they are, whatever they hold.
        expected: what each of the expected columns must hold, by its name.
        single: there is one of them, or none: they are named by a key.
        most: more than so many are refused; 0 for any number.
    """

    where: Condition
    expected: Mapping[str, Condition]
    single: bool
    most: int

    @property
    def condition(self) -> Condition:
        """All of it."""
        return both(self.where, *self.expected.values())


def plan_meant(table: KnownTable, wanted: Meant, values: Values, operation: Operation) -> MeantPlan:
    """Look up what a request means, among the rows that its caller may do that with.

    Raises:
        RowgateError: UNFILTERED_WRITE, INVALID_REQUEST, UNKNOWN_COLUMN, INVALID_PARAMETER or VALUE_OUT_OF_RANGE, with
            the field at fault.
    """
    if wanted.max_affected < 0:
        raise _refusal("max_affected is negative", "max_affected")
    if wanted.expected and not wanted.key:
        raise _refusal("values are expected only of the one row that a key names", "expected")
    allowed = visible(table, values, operation)
    if wanted.key:
        if wanted.filter is not None:
            raise _refusal("rows are meant by key or by filter, not by both", "filter")
        where = plan_key(table, wanted.key, values)
    else:
        where = plan_filter(table, wanted.filter, values)
        if where == TRUE and not wanted.allow_unfiltered:
            raise _unfiltered(given=wanted.filter is not None)
    where = both(where, allowed)
    if not wanted.include_deleted:
        where = both(where, live(table, values))
    given = wanted.expected or {}
    expected = {name: _expected(table, name, value, values) for name, value in given.items()}
    # A message's map has no order, and the table's has one.
    expected = {name: expected[name] for name in table.columns if name in expected}
    return MeantPlan(where, expected, bool(wanted.key), wanted.max_affected)


def _expected(table: KnownTable, name: str, value: BoundValue, values: Values) -> Condition:
    field = f"expected[{name}]"
    column = table.compared(name, field)
    if value.type is ValueType.NULL:
        return Term(Test.IS_NULL, name) if column.nullable else FALSE
    check_comparable(table, column, field)
    coerced = table.coerced(column, value, field)
    text = coerced.type is ValueType.STRING and is_text(table, column)
    return Term(Test.SAME if text else Test.EQ, name, (values.put(coerced),))


def _unfiltered(*, given: bool) -> RowgateError:
    words = "the filter leaves out no row" if given else "neither a key nor a filter says which rows are meant"
    return RowgateError(
        Reason.UNFILTERED_WRITE,
        f"{words}, and so every row of the table would be",
        field="filter",
        outcome=Outcome.NOT_RUN,
        hint="set allow_unfiltered to mean every row",
    )


def _refusal(message: str, field: str) -> RowgateError:
    return RowgateError(Reason.INVALID_REQUEST, message, field=field, outcome=Outcome.NOT_RUN)
